"""Nobody waits for a large launch to end: a launch of one message is sent within a second whatever is under way."""

import time
from pathlib import Path

from counting_server import CountingServer
from product import own_database, product, wait_until
from test_delivery_crash import configure

START = "campaigns/triggers/import_and_start"
# Further messages of the launch that is there, enqueued as a large launch is.
BULK = """
INSERT INTO messages (bucket, id, turn, due_at, launch_id, profile_id, trigger_id, address)
SELECT bucket, int8send(place) || substr(profile_id, 9), length(ltrim((place / 10)::bit(17)::text, '0')),
    now() + interval '{wait}', launch_id, profile_id, trigger_id, 'bulk' || place || '@example.com'
FROM events, generate_series({first}::bigint, {last}) AS place
RETURNING 1
"""
FAR = 1_000_000_000


def test_a_launch_of_one_message_overtakes_a_running_launch_of_a_hundred_thousand(server: str, tmp_path: Path):
    with (
        CountingServer() as mail,
        own_database(server, "story_fairness") as conninfo,
        product(tmp_path, conninfo) as shop,
    ):
        configure(shop, mail)
        shop.serve()
        shop.post(START, trigger_id=8, data={"email": "ann@example.com"})
        wait_until(lambda: shop.rows("SELECT count(*) FROM events") == [(1,)], "the first message")
        shop.rows(BULK.format(first=FAR, last=FAR + 50_000, wait="1 day"))
        shop.rows(BULK.format(first=0, last=100_000, wait="0"))
        wait_until(lambda: len(mail.accepted) > 1000, "the large launch to run")
        taken = []
        for number in range(5):
            started = time.monotonic()
            shop.post(START, trigger_id=8, data={"email": f"single{number}@example.com"})
            wait_until(lambda number=number: mail.recipients[f"single{number}@example.com"] == 1, "the mail")
            taken.append(time.monotonic() - started)
        print(f"from the call to the mail: {', '.join(f'{seconds:.3f} s' for seconds in taken)}")
        assert len(mail.accepted) < 100_000
        assert max(taken) < 1
