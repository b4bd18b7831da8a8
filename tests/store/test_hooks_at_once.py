"""Several workers tell one hook what happened: each batch is told by one of them at a time, and none is lost."""

import random
from collections import defaultdict

from tests.api.receiver import Receiver

from cast import MovableClock, open_hook_door
from tocsin.actions import configuration
from tocsin.actions.context import Context
from tocsin.actions.hook_delivery import HookDelivery
from tocsin.core.messages import Event, Subject
from tocsin.store import events
from tocsin.store.database import Database

PROFILES = [bytes([0] * 10 + [number, number % 40]) for number in range(60)]
ROUNDS = 20


async def test_workers_beside_each_other_tell_everything_in_order(database: Database):
    chance = random.Random(1)
    clock = MovableClock()
    context = Context(database, clock=clock)
    async with Receiver() as receiver:
        receiver.judge = lambda _batch: 500 if chance.random() < 0.3 else 200
        hook = f"{{id: 1, name: crm, url: '{receiver.url}', events: [send], batch_size: 10, connections: 8}}"
        await configuration.apply(context, f"hooks: [{hook}]", "hooks.yaml", {})
        workers = [HookDelivery(context, open_hook_door) for _ in range(3)]
        expected = defaultdict(list)
        for number in range(ROUNDS):
            happened = [
                Event(event_id, clock(), "send", 1, Subject(profile_id), {})
                for event_id, profile_id in zip(context.new_ids_beside(PROFILES), PROFILES, strict=True)
            ]
            async with database.transaction() as transaction:
                await events.insert(transaction, happened)
            for event in happened:
                expected[event.message.profile_id].append(event.id.hex())
            for worker in workers:
                await worker.deliver()
            clock.advance(seconds=5 * (number % 5 == 0))
        for _ in range(60):
            for worker in workers:
                await worker.deliver()
                await worker.drain()
            clock.advance(minutes=10)
        for worker in workers:
            await worker.close()
    lane_of = {event_id: profile_id[-1] // 16 for profile_id, of_one in expected.items() for event_id in of_one}
    assert sorted(receiver.taken) == sorted(lane_of)
    place = {event_id: number for number, event_id in enumerate(receiver.taken)}
    assert all(sorted(of_one, key=place.__getitem__) == of_one for of_one in expected.values())
    names = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(set(names)) < len(names)


async def test_a_batch_whose_lease_has_ended_goes_to_another_worker_under_its_id(database: Database):
    clock = MovableClock()
    context = Context(database, clock=clock)
    async with Receiver() as receiver:
        hook = f"{{id: 1, name: crm, url: '{receiver.url}', events: [send], timeout_seconds: 1}}"
        await configuration.apply(context, f"hooks: [{hook}]", "hooks.yaml", {})
        (event_id,) = context.new_ids_beside(PROFILES[:1])
        async with database.transaction() as transaction:
            await events.insert(transaction, [Event(event_id, clock(), "send", 1, Subject(PROFILES[0]), {})])
        first, second = HookDelivery(context, open_hook_door), HookDelivery(context, open_hook_door)
        receiver.hangs = True
        await first.deliver()
        while not receiver.requests:
            await second.deliver()
        assert not await second.deliver()
        receiver.hangs = False
        clock.advance(minutes=1)
        assert await second.deliver()
        await second.drain()
        await second.close()
        await first.close()
    assert receiver.taken == [event_id.hex()]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
