-- Who waits at a node is listed page by page, and counted, without reading passages through.
CREATE INDEX passages_at_a_node ON passages (workflow_id, node, id);
