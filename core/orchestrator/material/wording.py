"""Words of requests and texts: which of them carry meaning, and how texts are cut into sentences."""

import re
from collections.abc import Iterable

from core.similarity.words import STOP_WORDS, key_words, words_of

__all__ = ["STOP_WORDS", "capital", "holds", "key_words", "listed", "plural", "sentences", "stem", "words_of"]

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+|\n+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; a line break ends one too."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def stem(word: str) -> str:
    """Return a word without the commonest English endings, so that `posts` and `post` are one. Rough on purpose."""
    for ending in ("ings", "ing", "ies", "ers", "er", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def holds(text: str, phrase: str) -> bool:
    """Whether the text holds the phrase as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE) is not None


def listed(names: Iterable[str]) -> str:
    """Write a list as `a, b and c`."""
    names = list(names)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def plural(count: int, noun: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capital(text: str) -> str:
    """Return the text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]
