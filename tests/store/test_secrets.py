"""Secrets: one for all, however many ask first; rotated, and forgotten."""

from datetime import timedelta

from cast import Stage
from tocsin.actions import link_secrets
from tocsin.store import secrets


async def keys(stage: Stage) -> tuple[bytes, ...]:
    stage.clock.now += timedelta(minutes=2)
    async with stage.context.database.transaction() as transaction:
        return (await stage.context.signer(transaction)).keys


async def test_the_first_secret_stays_whoever_asks(stage: Stage):
    async with stage.context.database.transaction() as transaction:
        first = await secrets.ensure(transaction, "some", b"one")
        assert await secrets.ensure(transaction, "some", b"two") == first == [b"one"]


async def test_a_new_secret_signs_once_all_know_it_and_old_links_go_on_working(stage: Stage):
    (old,) = await keys(stage)
    await link_secrets.rotate(stage.context, forget_old=False)
    assert (await keys(stage))[0] == old
    await stage.connection.execute("UPDATE secrets SET made_at = made_at - interval '3 minutes'")
    new = await keys(stage)
    assert new[1:] == (old,)
    assert new[0] != old


async def test_a_secret_that_others_have_can_be_forgotten(stage: Stage):
    (old,) = await keys(stage)
    await link_secrets.rotate(stage.context, forget_old=True)
    (new,) = await keys(stage)
    assert new != old
