"""Splits: which part of a dataset an example belongs to, a function of its group alone.

An example's split does not depend on the other examples, so a dataset can grow without any row changing sides, and
rows of one group never stand on both sides.
"""

import datetime as dt
import hashlib
import re
import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import DatasetRefused

SplitName = Literal["train", "validation", "test"]
#: A split's number in `dataset_members` is its place here.
NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

Group = Literal["request", "topic", "week"]
GROUPS: tuple[Group, ...] = ("request", "topic", "week")

_BITS = 52  # what a double holds exactly, so that any language can compute the same
_WHITE_SPACE = re.compile("[ \t\n\r\f\v\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
#: Blocks whose capital letters are folded: ASCII, Latin, Greek, Cyrillic, Armenian, and Latin and Greek with accents.
_BLOCKS = (range(0x41, 0x5B), range(0xC0, 0x250), range(0x370, 0x530), range(0x531, 0x557), range(0x1E00, 0x2000))


def _small_letters() -> dict[int, str]:
    """Return the small letter of each capital one that has one, and is the same letter in NFC."""
    capitals = (chr(number) for block in _BLOCKS for number in block)
    return {
        ord(letter): letter.lower()
        for letter in capitals
        if len(letter.lower()) == 1
        and letter.lower() != letter
        and all(unicodedata.is_normalized("NFC", each) for each in (letter, letter.lower()))
    }


_SMALL = _small_letters()


class Split(BaseModel):
    """Shares in percent, the seed, and what counts as one group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=80, ge=0, le=100)
    validation: int = Field(default=10, ge=0, le=100)
    test: int = Field(default=10, ge=0, le=100)
    #: Another seed deals the groups anew.
    seed: int = Field(default=0, ge=-(2**31), lt=2**31)
    #: request: the same conversation, known by its first question, whatever its case, white space and Unicode form.
    #: topic: the business state's topic (the conversation where there is none). week: the ISO week the example was made
    #: in, UTC.
    group: Group = "request"

    @model_validator(mode="after")
    def _shares_are_whole(self) -> "Split":
        total = self.train + self.validation + self.test
        if total != 100:
            raise ValueError(f"the shares {self.shares_in_words} add up to {total} %, not 100 %")
        return self

    @property
    def shares(self) -> dict[SplitName, int]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def shares_in_words(self) -> str:
        return f"{self.train}/{self.validation}/{self.test}"


def parse(shares: str, *, seed: int = 0, group: Group = "request") -> Split:
    """`80/10/10` or `90/10`: train, validation and test in percent. Raises `DatasetRefused`."""
    parts = shares.split("/")
    if not 1 <= len(parts) <= 3 or not all(part.strip().isdecimal() for part in parts):
        raise DatasetRefused(f"The split {shares!r} has the wrong form; write train/validation/test, as in 80/10/10.")
    percent = [int(part) for part in parts] + [0, 0]
    try:
        return Split(train=percent[0], validation=percent[1], test=percent[2], seed=seed, group=group)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise DatasetRefused(f"The split {shares!r} is refused: {reason}.") from None


def request_group(request: str) -> str:
    """Return what `request_group` of the database answers: one key for requests that differ in case, white space or
    Unicode form only.
    """
    folded = _WHITE_SPACE.sub(" ", unicodedata.normalize("NFC", request)).strip(" ").translate(_SMALL)
    return str(uuid.UUID(hashlib.md5(folded.encode(), usedforsecurity=False).hexdigest()))


def conversation_group(request: str, context: Mapping[str, Any] | None) -> str:
    """One key for all records of one conversation: that of the first thing the user said.

    A trace that is logged after every answer grows, and each record holds those before it. What they share is how they
    begin; so neither of two can be training and the other test.
    """
    turns = (context or {}).get("turns")
    asked = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    said = (turn.get("content") for turn in asked if turn.get("role") == "user")
    return request_group(next((content for content in said if isinstance(content, str)), request))


def group_key(
    split: Split, *, request: str, topic: str | None, created_at: dt.datetime, context: Mapping[str, Any] | None = None
) -> str:
    """Return the group an example belongs to."""
    if split.group == "week":
        year, week, _day = created_at.astimezone(dt.UTC).isocalendar()
        return f"{year:04d}-W{week:02d}"
    if split.group == "topic" and topic:
        return topic
    return conversation_group(request, context)


def split_of(key: str, split: Split) -> SplitName:
    """Return the split of a group. Whole numbers only, so that it is the same everywhere."""
    digest = hashlib.md5(f"{split.seed}:{key}".encode(), usedforsecurity=False).hexdigest()
    bucket = int(digest[: _BITS // 4], 16)
    if bucket * 100 < split.train << _BITS:
        return "train"
    if bucket * 100 < (split.train + split.validation) << _BITS:
        return "validation"
    return "test"


def sql(split: Split) -> str:
    """`split_of(group_key(…))` as SQL over a row of `orchestrator_training_data`; gives the split's number."""
    conversation = "coalesce(conversation_group(context), request_key)::text"
    key = {
        "request": conversation,
        "topic": f"coalesce(nullif(business_state->>'topic', ''), {conversation})",
        "week": "to_char(created_at AT TIME ZONE 'UTC', 'IYYY-\"W\"IW')",
    }[split.group]
    bucket = f"('x' || left(md5('{split.seed}:' || {key}), {_BITS // 4}))::bit({_BITS})::bigint * 100"
    return (
        f"CASE WHEN {bucket} < {split.train << _BITS} THEN 0"
        f" WHEN {bucket} < {(split.train + split.validation) << _BITS} THEN 1 ELSE 2 END"
    )
