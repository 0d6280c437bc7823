"""Tags: labels on an example. They hide or mark; nothing is deleted."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from core.errors import InvalidTag

FORM = re.compile(r"[A-Z0-9_]{1,64}")

#: What each built-in tag means, in the order they are offered.
BUILT_IN = {
    "PRODUCTION": "real work for a real customer",
    "DEVELOPMENT": "made while building; not real work",
    "TEST": "made by a test",
    "LOW_QUALITY": "too poor to learn from",
    "MANUAL_APPROVED": "a person looked at it and approved it",
    "EXCLUDE": "never shown or trained on unless asked for",
}


def folded(tag: str) -> str:
    """`tag` as it is compared: without margins, in upper case."""
    # Only ASCII: upper() would make STRASSE of straße, a word that nobody wrote.
    return tag.strip().upper() if tag.isascii() else tag


def checked(tag: str) -> str:
    """`tag` folded, or `InvalidTag` saying which form it must have."""
    found = folded(tag)
    if not FORM.fullmatch(found):
        raise InvalidTag(f"{tag!r} is not a tag: use 1 to 64 of the letters A-Z, digits and _, for example MY_TAG.")
    return found


def canonical(tags: Iterable[str]) -> list[str]:
    """Sorted, without repeats, each folded and checked: the one form in which tags are stored and compared."""
    return sorted({checked(tag) for tag in tags})


def _for_pydantic(tag: str) -> str:
    try:
        return checked(tag)
    except InvalidTag as error:
        raise ValueError(str(error)) from None


Tag = Annotated[str, AfterValidator(_for_pydantic)]
