"""The tokenizer of uncased BERT: cleans a text, cuts it at spaces and punctuation, and each word into known pieces.

Our own and not the library `tokenizers`, which brings 40 MB along (a hub client that downloads among it) for what
follows; tests/similarity holds it against the ids that the library gives. Unlike there, “[SEP]” in a text is a word
like any other: captured text must not end a sequence.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

#: A longer word is unknown as a whole.
_LONGEST_WORD = 100
#: Characters that no text is made of.
_CONTROL = ("Cc", "Cf", "Co", "Cs")
#: Blocks of Chinese characters, each of which is a word.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """Turns texts into ids of a vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._ids = dict(vocabulary)
        self._begin, self._end, self._unknown = (vocabulary[name] for name in ("[CLS]", "[SEP]", "[UNK]"))
        self._longest = max(map(len, vocabulary))

    @classmethod
    def read(cls, path: Path) -> "WordPiece":
        """Return the vocabulary of a `vocab.txt`: a piece a line, whose number is its id."""
        pieces = path.read_text(encoding="utf-8").split("\n")
        return cls({piece: number for number, piece in enumerate(pieces) if piece})

    def ids(self, text: str, most: int) -> list[int]:
        """Return the ids of a text between the marks of its begin and end, `most` of them at most."""
        found: list[int] = []
        for word in "".join(map(_prepared, text)).split():
            if len(found) > most - 2:
                break
            found += self._pieces(word)
        return [self._begin, *found[: most - 2], self._end]

    def _pieces(self, word: str) -> list[int]:
        """Return the longest known piece from the left, again and again; one that is not known
        makes the word unknown.
        """
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        found, start, mark = [], 0, ""
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                if (number := self._ids.get(mark + word[start:end])) is not None:
                    found.append(number)
                    break
            else:
                return [self._unknown]
            start, mark = end, "##"
        return found


@lru_cache(maxsize=4096)
def _prepared(character: str) -> str:
    """Return what becomes of one character: nothing of control, small letters without accents, spaces around a sign."""
    if character in "\t\n\r":
        return " "
    if character == "�" or unicodedata.category(character) in _CONTROL:
        return ""
    if character.isspace():
        return " "
    if any(first <= ord(character) <= last for first, last in _IDEOGRAPHS):
        # Some of them are only another form of a common one.
        return f" {unicodedata.normalize('NFD', character)} "
    plain = "".join(
        part.lower() for part in unicodedata.normalize("NFD", character) if unicodedata.category(part) != "Mn"
    )
    return "".join(f" {part} " if _is_sign(part) else part for part in plain)


def _is_sign(character: str) -> bool:
    """Punctuation, and every ASCII character that is no letter, digit or space."""
    return (character.isascii() and not character.isalnum()) or unicodedata.category(character).startswith("P")
