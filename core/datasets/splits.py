"""Splits: which part of a dataset an example belongs to, a function of its group alone.

An example's split does not depend on the other examples, so a dataset can grow without any row changing sides, and
rows of one group never stand on both sides.
"""

import datetime as dt
import hashlib
import re
import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import DatasetRefused

SplitName = Literal["train", "validation", "test"]
#: A split's number in `dataset_members` is its place here.
NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

Group = Literal["request", "topic", "week"]
GROUPS: tuple[Group, ...] = ("request", "topic", "week")

_BITS = 52  # what a double holds exactly, so that any language can compute the same
_WHITE_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_UPPER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class Split(BaseModel):
    """Shares in percent, the seed, and what counts as one group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=80, ge=0, le=100)
    validation: int = Field(default=10, ge=0, le=100)
    test: int = Field(default=10, ge=0, le=100)
    #: Another seed deals the groups anew.
    seed: int = Field(default=0, ge=-(2**31), lt=2**31)
    #: request: the same question, whatever its case and white space. topic: the business state's topic (the request
    #: where there is none). week: the ISO week the example was made in, UTC.
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
    """What the database's request_group() answers: one key for requests that differ in case or white space only."""
    folded = _WHITE_SPACE.sub(" ", request).strip(" ").translate(_UPPER)
    return str(uuid.UUID(hashlib.md5(folded.encode(), usedforsecurity=False).hexdigest()))


def group_key(split: Split, *, request: str, topic: str | None, created_at: dt.datetime) -> str:
    """The group an example belongs to."""
    if split.group == "week":
        year, week, _day = created_at.astimezone(dt.UTC).isocalendar()
        return f"{year:04d}-W{week:02d}"
    if split.group == "topic" and topic:
        return topic
    return request_group(request)


def split_of(key: str, split: Split) -> SplitName:
    """The split of a group. Whole numbers only, so that it is the same everywhere."""
    digest = hashlib.md5(f"{split.seed}:{key}".encode(), usedforsecurity=False).hexdigest()
    bucket = int(digest[: _BITS // 4], 16)
    if bucket * 100 < split.train << _BITS:
        return "train"
    if bucket * 100 < (split.train + split.validation) << _BITS:
        return "validation"
    return "test"


def sql(split: Split) -> str:
    """`split_of(group_key(…))` as SQL over a row of `orchestrator_training_data`; gives the split's number."""
    key = {
        "request": "request_key::text",
        "topic": "coalesce(nullif(business_state->>'topic', ''), request_key::text)",
        "week": "to_char(created_at AT TIME ZONE 'UTC', 'IYYY-\"W\"IW')",
    }[split.group]
    bucket = f"('x' || left(md5('{split.seed}:' || {key}), {_BITS // 4}))::bit({_BITS})::bigint * 100"
    return (
        f"CASE WHEN {bucket} < {split.train << _BITS} THEN 0"
        f" WHEN {bucket} < {(split.train + split.validation) << _BITS} THEN 1 ELSE 2 END"
    )
