"""Words of requests and texts: which of them carry meaning, and how texts are cut into sentences."""

import re
from collections.abc import Iterable

from core.similarity.words import STOP_WORDS, holds, key_words, stem, words_of
from core.text import plural

__all__ = ["STOP_WORDS", "capital", "holds", "key_words", "listed", "plural", "sentences", "stem", "words_of"]

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+|\n+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a line break ends one too."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def listed(names: Iterable[str]) -> str:
    """Write a list as `a, b and c`."""
    names = list(names)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def capital(text: str) -> str:
    """Return the text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]
