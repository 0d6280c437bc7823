"""The token that ends an answer, and whether the records teach it: a model that never learned it never stops."""

# pyright: reportMissingImports=false

from collections.abc import Sequence
from typing import Any

from job import Refused
from rows import IGNORED, Reader, Row

_CHAT: Row = {"messages": [{"role": "user", "content": "word"}, {"role": "assistant", "content": "word"}]}


def end_of(reader: Reader) -> int | None:
    """The first token of the base's own behind the words of an answer that is learned; None: there is none."""
    row = reader.encode(reader.rows([_CHAT])[-1])
    own = _own(reader.tokenizer)
    end = None
    for token in reversed([token for token, label in _labelled(row) if label != IGNORED]):
        if token in own:
            end = token
        elif reader.tokenizer.decode([token]).strip():
            break
    return end


def refuse_endless(reader: Reader, chats: Sequence[Row], most: int) -> None:
    """Raise `Refused` where no record teaches the end of an answer within its first `most` tokens."""
    end = end_of(reader)
    if end is None:
        raise Refused(
            "base_wrong",
            "The base's chat template ends an answer with no token of its own, so a model would never learn to stop; "
            "choose a base whose template does.",
        )
    rows = 0
    all_are_cut = True
    for row in reader.rows(chats):
        encoded = reader.encode(row)
        if any(token == end and label != IGNORED for token, label in _labelled(encoded)[:most]):
            return
        rows += 1
        all_are_cut &= len(encoded["input_ids"]) > most
    text = reader.tokenizer.convert_ids_to_tokens(end)
    if all_are_cut:
        raise Refused(
            "too_long",
            f"All {rows:,} rows are cut at {most} tokens before their last answer ends with {text}, so the model would "
            "never learn to stop; allow longer rows.",
        )
    raise Refused(
        "data_wrong",
        f"None of {rows:,} rows teaches {text}, with which an answer ends, so the model would never learn to stop; "
        "choose a base whose chat template ends every answer.",
    )


def _own(tokenizer: Any) -> set[int]:
    """Tokens that no text of a person makes."""
    return {*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids}


def _labelled(row: Row) -> list[tuple[int, int]]:
    return list(zip(row["input_ids"], row["labels"], strict=True))
