"""Looking at one message: whose it is, how it waits, what happened to it."""

from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.errors import NotFound
from tocsin.core.message_text import Happening, MessageStory
from tocsin.store import history
from tocsin.store import profiles as stored_profiles


async def get_story(context: Context, said: str) -> MessageStory:
    """What is known of a message, named by its id or its Message-ID; or NotFound."""
    message_id = ids.parse(said.strip("<>").partition("@")[0])
    async with context.database.transaction() as transaction:
        await stored_profiles.prefer_indexes(transaction)
        configuration = await context.configuration(transaction)
        message = await history.find(transaction, message_id) if message_id else None
        if message is None or message_id is None:
            raise NotFound(f"there is no message {said}")
        past = await history.list_of_message(transaction, message.profile_id, message_id)
    trigger = configuration.triggers.get(message.trigger_id)
    return MessageStory(
        message_id,
        message.profile_id,
        message.launch_id,
        f'trigger {message.trigger_id} "{trigger.name}"' if trigger else f"trigger {message.trigger_id}, now removed",
        message.address,
        message.due_at,
        message.attempts or 0,
        [Happening(event.at, event.type, event.data) for event in past],
    )
