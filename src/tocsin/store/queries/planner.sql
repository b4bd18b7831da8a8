-- name: prefer_keys
-- For the rest of the transaction: many rows by key, each looked up by itself. A queue that was counted while it was empty
-- is taken for one row until it is counted again, and then nothing else would keep the planner from reading it through.
SELECT set_config('enable_bitmapscan', 'on', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);

-- name: prefer_order
-- For the rest of the transaction: rows by key, and the first of many in the order of their index, whatever was known of a
-- queue when it was empty.
SELECT set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true);
