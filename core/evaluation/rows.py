"""The frozen records of a split as questions with their expected answers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, select

from core.datasets.rendering import CANONICAL, IN_ORDER, TOOLS_BIT, features_sql, frozen_content, line_sql, run
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import members
from core.errors import DatasetRefused
from core.llm import Turn


@dataclass(frozen=True)
class Row:
    """One record. `position`: its place in the version, by which its example is found too."""

    position: int
    #: "" where the record has none.
    system: str
    #: What was said before the question.
    turns: tuple[Turn, ...]
    prompt: str
    expected: str


def positions(db: Database, version: DatasetVersion, split: SplitName, limit: int | None = None) -> list[int]:
    """Return the places of a split's records; of `limit` of them, drawn so that a smaller draw is part of a larger one.

    Records with tools are not among them: a question is asked and an answer compared as text.
    """
    found, _ = _of_split(db, version, split)
    if limit is None or limit >= len(found):
        return found
    return sorted(sorted(found, key=lambda position: _draw(version, position))[:limit])


def skipped(db: Database, version: DatasetVersion, split: SplitName) -> int:
    """How many records of the split are never asked, because they hold tools."""
    return _of_split(db, version, split)[1]


def why_skipped(count: int | None) -> str:
    """Return the same in a sentence; "" where there are none, or where nobody counted them."""
    if not count:
        return ""
    has, it = ("records of the split hold", "they are") if count > 1 else ("record of the split holds", "it is")
    return f"{count:,} {has} tools or calls of tools; {it} not asked, because questions and answers are texts here."


def _of_split(db: Database, version: DatasetVersion, split: SplitName) -> tuple[list[int], int]:
    """Return the places of the records that are asked, and how many are not."""
    query = select(members.c.position).where(members.c.dataset_id == version.id, members.c.split == NAMES.index(split))
    with db.connect() as connection:
        every = set(connection.scalars(query))
        asked = every - _with_tools(connection, version)
    return sorted(asked), len(every) - len(asked)


def _with_tools(connection: Connection, version: DatasetVersion) -> set[int]:
    if not version.not_carried("alpaca"):  # which carries all but these, and answers of weight 0
        return set()
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    held = f"{features_sql(version.choice.recipe)} & {TOOLS_BIT} <> 0"
    return {
        place for (place,) in run(connection, f"SELECT position FROM ({frozen_content(version.id)}) AS c WHERE {held}")
    }


def at(db: Database, version: DatasetVersion, places: Sequence[int]) -> list[Row]:
    """Return the records in these places, in their order. Raises `DatasetRefused` where one's content is missing."""
    if not places:
        return []
    assert version.choice is not None, "only a legacy version has none, and it is not frozen"
    content = frozen_content(version.id, f"position IN ({','.join(str(int(place)) for place in places)})")
    line = line_sql(version.choice.recipe, CANONICAL, version.rendered_by)
    with db.connect() as connection:
        run(connection, IN_ORDER)
        found = run(connection, f"SELECT position, {line} FROM ({content}) AS c ORDER BY position")
    return [_row(version, position, line) for position, line in found]


def in_batches(places: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    """So many places at a time, so that the records of a large split are never all in memory."""
    return (places[start : start + size] for start in range(0, len(places), size))


def _draw(version: DatasetVersion, position: int) -> bytes:
    return hashlib.sha256(f"{version.root_hash}:{position}".encode()).digest()


def _row(version: DatasetVersion, position: int, line: str | None) -> Row:
    if line is None:
        raise DatasetRefused(
            f"The content of record {position} of {version.label} is missing. Run `python -m core verify "
            f"{version.label}` to see why."
        )
    messages = orjson.loads(line)["messages"]
    has_system = messages[0]["role"] == "system"
    said: list[Turn] = [(each["role"], each["content"]) for each in messages[has_system:]]
    return Row(
        position=position,
        system=messages[0]["content"] if has_system else "",
        turns=tuple(said[:-2]),
        prompt=said[-2][1],
        expected=said[-1][1],
    )
