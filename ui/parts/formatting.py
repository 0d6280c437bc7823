"""Numbers, times and foreign text in the form in which pages show them."""

import datetime as dt
import re

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
#: Where Markdown finds an address even in escaped text: after a scheme, `www`, or the `@` of a mail address.
_ADDRESS = re.compile(r"(https?:)(?=//)|(www)(?=\.)|(@)(?=[-\w]+\.[-\w])", re.IGNORECASE)
_JOINER = "\u2060"


def plain(text: str) -> str:
    """Text that may hold captured words, made safe where Streamlit reads Markdown (messages, captions, labels).

    Every punctuation sign is escaped, so that no link, image, directive or formula is left in it. Bare addresses would
    still become links; an invisible word joiner keeps them text.
    """
    return _PUNCTUATION.sub(r"\\\1", _ADDRESS.sub(rf"\g<0>{_JOINER}", " ".join(text.split())))


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 example`, `4,102 examples`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def ago(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """`3 min ago`; a date from 30 days on."""
    seconds = ((now or dt.datetime.now(dt.UTC)) - moment).total_seconds()
    if seconds < 0:
        return f"{moment:%d %b %Y, %H:%M}"
    for size, unit in ((60, "s"), (3_600, "min"), (86_400, "h"), (30 * 86_400, "d")):
        if seconds < size:
            whole = int(seconds // {"s": 1, "min": 60, "h": 3_600, "d": 86_400}[unit])
            return "just now" if unit == "s" else f"{whole} {unit} ago"
    return f"{moment:%d %b %Y}"


def span(seconds: float | None) -> str:
    """A length of time: `0.8 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d`."""
    if seconds is None:
        return "–"
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    for limit, large, small, units in ((3_600, 60, 1, ("min", "s")), (86_400, 3_600, 60, ("h", "min"))):
        if round(seconds) < limit:
            whole, rest = divmod(round(seconds), large)
            return f"{whole} {units[0]}" + (f" {rest // small} {units[1]}" if rest // small else "")
    return f"{seconds / 86_400:.0f} d"


def age(seconds: float) -> str:
    """The same in one unit, for what grows while one looks: `12 s`, `3 min`, `2 h`, `4 d`."""
    for limit, size, unit in ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{max(int(seconds // size), 0)} {unit}"
    return f"{seconds // 86_400:,.0f} d"


def exactly(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(number_of_bytes: int | None) -> str:
    if number_of_bytes is None:
        return "–"
    value = float(number_of_bytes)
    for unit in ("B", "KB", "MB"):
        if value < 1_000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} GB"


def shortened(text: str, length: int = 80) -> str:
    """One line of at most `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
