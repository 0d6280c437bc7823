"""How large a number may be that somebody else names: in an address, a filter, a link or an option.

PostgreSQL's integers end; Python's do not. What no row can have is told where it is read, and never asked for.
"""

from typing import Annotated

from pydantic import Field

#: PostgreSQL's integer and bigint.
LARGEST_INTEGER = 2**31 - 1
LARGEST_ID = 2**63 - 1

#: Any whole number that a bigint column can be compared with.
Id = Annotated[int, Field(ge=-(2**63), le=LARGEST_ID)]
#: Any whole number that an integer column can be compared with.
Number = Annotated[int, Field(ge=-(2**31), le=LARGEST_INTEGER)]


def id_in(text: str) -> int | None:
    """Return the id that `text` names, or None where it names none that a row could have."""
    # Twenty characters hold every bigint; longer ones are not worth converting, and Python refuses 4,301 of them.
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return None
    number = int(text)
    return number if number <= LARGEST_ID else None
