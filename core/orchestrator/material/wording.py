"""Words of requests and texts: which of them carry meaning, and how texts are cut into sentences."""

import re
from collections.abc import Iterable

#: Too common in requests to say what they are about. English, and the verbs every request begins with.
_COMMON = """
    a about above after again against ahead all also am an and any are as ask at be because been before being below
    between both but by can check could did do does doing done down draft during each few find for from further get
    give had has have having he her here him his how i if in into is it its just keep let lets list make may me more
    most much my new no nor not of off on once one only or other our out over own please plan prepare put review same
    say she should so some such than that the their them then there these they this those through to too turn under
    until up us use very want was way we were what when where whether which while who whom why will with would write
    yes you your meant aimed written explain mention words tone
"""
STOP_WORDS = frozenset(_COMMON.split())

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+|\n+")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    return [match.lower() for match in _WORD.findall(text)]


def key_words(text: str) -> list[str]:
    """The different words that carry meaning, in order of appearance."""
    return list(
        dict.fromkeys(
            word for word in words_of(text) if word not in STOP_WORDS and len(word) > 1 and not word.isdigit()
        )
    )


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line break ends one too."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def stem(word: str) -> str:
    """A word without the commonest English endings, so that `posts` and `post` are one. Rough on purpose."""
    for ending in ("ings", "ing", "ies", "ers", "er", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def holds(text: str, phrase: str) -> bool:
    """Whether the text holds the phrase as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE) is not None


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    names = list(names)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def plural(count: int, noun: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]
