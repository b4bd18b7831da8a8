"""When a message that could not be sent is tried again."""

from datetime import datetime, timedelta

FIRST_DELAY_SECONDS = 30
LONGEST_DELAY_SECONDS = 4 * 3600
# With the delays below, about a day and a half after the first attempt.
MOST_ATTEMPTS = 16
_JITTER = 0.2


def next_attempt(attempts: int, now: datetime, fraction: float) -> datetime | None:
    """When to try again after `attempts` tries, doubling from 30 s to 4 h; None to give up.

    `fraction` (0 to 1, random) spreads messages that failed together by up to a fifth of the delay.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    delay = min(FIRST_DELAY_SECONDS * 2 ** (attempts - 1), LONGEST_DELAY_SECONDS)
    return now + timedelta(seconds=delay * (1 + _JITTER * fraction))
