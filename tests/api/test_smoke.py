from cast import Stage


async def test_import_and_start_batch_imports_and_sends(stage: Stage):
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        matching="email",
        content={"page": "cart"},
        data=[{"data": {"email": "ann@example.com", "_fname": "Ann"}}, {"data": {"email": "bob@example.com"}}],
    )
    assert answer["error"] == 0, answer
    assert len(answer["result"]) == 2
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com", "bob@example.com"}
    print(stage.mailbox.arrived[0].body.decode())
