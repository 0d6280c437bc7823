"""JSON as programs really write it: with NaN, and with numbers that neither 64 bits nor a float can hold."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

#: Whole numbers from here to there fit into 64 bits; others become the text that stands in the file.
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_LONG_TEXT = re.compile(r"\d{17}")
_LONG_BYTES = re.compile(rb"\d{17}")
#: A text in quotes, which is passed over, or what Python writes for a number that is none.
_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\Z)|-?Infinity|NaN', re.DOTALL)
_INSIDE = re.compile(rb'(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
#: What may be the beginning of a constant, or of an escape, at the end of a block.
_UNFINISHED = re.compile(rb"(?:\\+[-A-Za-z]{0,9}|[-A-Za-z]{1,9})\Z")


def loads(text: str | bytes) -> Any:
    """One JSON value. NaN and Infinity are null; a number that would lose digits is the text that stands there.

    Raises `orjson.JSONDecodeError`.
    """
    if isinstance(text, str):
        is_plain = not ("NaN" in text or "Infinity" in text or _LONG_TEXT.search(text))
    else:
        is_plain = not (b"NaN" in text or b"Infinity" in text or _LONG_BYTES.search(text))
    if is_plain:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if "infinity" not in error.msg:
                raise
    return _slowly(text)


def _slowly(text: str | bytes) -> Any:
    try:
        text = text if isinstance(text, str) else text.decode()
        return json.loads(text, parse_int=whole, parse_float=fraction, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise orjson.JSONDecodeError(error.msg, error.doc, error.pos) from None
    except UnicodeDecodeError:
        raise orjson.JSONDecodeError("not UTF-8", "", 0) from None
    except RecursionError:
        raise orjson.JSONDecodeError("recursion limit", "", 0) from None


def whole(digits: str | int) -> int | str:
    """Return a whole number, or its text where 64 bits cannot hold it."""
    if isinstance(digits, str) and len(digits) > 20:
        return digits
    number = int(digits)
    return number if _LOWEST <= number <= _HIGHEST else str(digits)


def fraction(digits: str | Decimal) -> float | str:
    """Return a fraction, or its text where a float is infinite or differs before the decimal point."""
    number = float(digits)
    if math.isinf(number) or (
        abs(number) >= 2**53 and Decimal(number) != Decimal(digits) and "E" not in str(digits).upper()
    ):
        return str(digits)
    return number


class WithoutConstants:
    """Reads a JSON document in blocks, with null for NaN and Infinity outside of texts."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._waiting = b""
        self._in_text = False

    def read(self, size: int = -1) -> bytes:
        while True:
            block = self._read(size)
            whole_block = self._waiting + block
            unfinished = _UNFINISHED.search(whole_block) if block else None
            self._waiting = unfinished[0] if unfinished else b""
            done = self._replaced(whole_block[: len(whole_block) - len(self._waiting)])
            if done or not block:
                return done

    def _replaced(self, block: bytes) -> bytes:
        begins_in_text = self._in_text
        plain = _ESCAPED.sub(b"", block) if b"\\" in block else block
        self._in_text ^= plain.count(b'"') % 2 == 1
        if b"NaN" not in block and b"Infinity" not in block:
            return block
        head = b""
        if begins_in_text:
            rest = _INSIDE.match(block)
            if rest is None:
                return block
            head, block = rest[0], block[rest.end() :]
        return head + _CONSTANT.sub(lambda found: found[0] if found[0][:1] == b'"' else b"null", block)
