"""The numbers the queue lives by, in one place: the code, the page and the documentation read them here."""

from core.settings import Settings, get_settings

#: How often a failed command is tried again by itself.
RETRIES = 3
#: Seconds before the first retry; each further pause is twice as long.
BACKOFF_S = 2.0
#: Seconds after which a command whose worker was not heard of is taken up by another.
LEASE_S = 30.0
#: Seconds between two looks of a worker that nobody wakes.
POLL_S = 1.0
#: Seconds between two removals of what finished long ago.
RETAIN_EVERY_S = 24 * 3600.0


def backoffs_s(retries: int = RETRIES, first_s: float = BACKOFF_S) -> list[float]:
    """Return the pauses before each retry."""
    return [first_s * 2**number for number in range(retries)]


def keep_days(settings: Settings | None = None) -> int:
    """Days for which finished commands are kept."""
    return (settings or get_settings()).keep_days


def describe_rules(settings: Settings | None = None) -> list[str]:
    """Return the rules as sentences, with the numbers that are in force."""
    pauses = ", ".join(f"{pause:g}" for pause in backoffs_s())
    days = keep_days(settings)
    return [
        "Commands of a higher priority go first; within one priority, first in, first out.",
        f"A command that fails is tried again {RETRIES} times, after {pauses} seconds; then it is failed, and kept.",
        f"If a worker misses its heartbeat for {LEASE_S:g} s, another one takes over.",
        "A command that waits for others starts when all of them have completed.",
        f"Finished commands are removed after {days} {'day' if days == 1 else 'days'}; what happened stays on record.",
    ]
