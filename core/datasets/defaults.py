"""Which examples a new dataset takes unless somebody says otherwise, and what that leaves out.

A new dataset takes what succeeded or was judged good, holds something to learn, and is not tagged as something else.
Whatever the analyst's own filter says about outcome, score and tags goes before these defaults.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement, Connection, Row, func, not_, select, text

from core.datasets.recipes import Target
from core.db import Database
from core.db.tables import cube as sums
from core.db.tables import datasets, examples
from core.errors import DatasetRefused
from core.examples import cube, filters
from core.examples.filters import POOR_BELOW, VERDICTS, Filter, Verdict

#: Why an example is left out. Each can be let in by name.
Reason = Literal["failed", "poor", "unknown", "untrainable", "EXCLUDE", "LOW_QUALITY", "DEVELOPMENT", "TEST"]
REASONS: tuple[Reason, ...] = get_args(Reason)
WORDS: Mapping[Reason, str] = {
    "failed": "failed",
    "poor": "scored below 0.5",
    "unknown": "outcome unknown, and not judged good",
    "untrainable": "nothing to learn from",
    "EXCLUDE": "tagged EXCLUDE",
    "LOW_QUALITY": "tagged LOW_QUALITY",
    "DEVELOPMENT": "tagged DEVELOPMENT",
    "TEST": "tagged TEST",
}
#: As `Filter` sorts them.
TAKEN: tuple[Verdict, ...] = ("good", "succeeded")
TAGS: tuple[Reason, ...] = ("EXCLUDE", "LOW_QUALITY", "DEVELOPMENT", "TEST")
_BY_VERDICT: tuple[Reason, ...] = ("failed", "poor", "unknown")


@dataclass(frozen=True)
class Outlook:
    """What the defaults make of a filter. `filter` is the one that a version is frozen from."""

    filter: Filter
    #: Examples of the analyst's filter, and those of them in `filter`.
    total: int
    kept: int
    #: Examples that are left out, by reason; one that has two reasons counts for both.
    left_out: Mapping[Reason, int]
    #: Examples that are in although the defaults would leave them out, because somebody said so.
    let_in: Mapping[Reason, int]

    @property
    def gone(self) -> int:
        return self.total - self.kept


def safe(chosen: Filter, let_in: Collection[Reason] = ()) -> Filter:
    """Return the filter with the defaults, less what is let in and what the filter itself asks for.

    - It names verdicts, or `success` false: they stay. `success` true: of these, what nobody judged poor.
    - It bounds the quality: its bounds count, and not the lowest score of 0.5.
    - It asks for one of the tags: that tag is let in. It excludes tags, and EXCLUDE is not among them: they stay.
    """
    wanted: set[str] = set(let_in)
    low, high = chosen.quality_min, chosen.quality_max
    if (low is not None and low < POOR_BELOW) or (low is None and high is not None):
        wanted.add("poor")
    changed: dict[str, Any] = {"trainable": chosen.trainable or "untrainable" not in wanted}
    if not chosen.verdicts and chosen.success is not False:
        verdicts: set[Verdict] = {*TAKEN, *(verdict for verdict in VERDICTS if verdict in wanted)}
        if chosen.success is None:
            changed["verdicts"] = () if len(verdicts) == len(VERDICTS) else tuple(sorted(verdicts))
        elif "poor" not in wanted:
            changed |= {"success": None, "verdicts": ("succeeded",)}
    if "EXCLUDE" in chosen.exclude_tags:
        hidden = {tag for tag in TAGS if tag not in wanted and (tag == "EXCLUDE" or tag not in chosen.include_tags)}
        kept = {tag for tag in chosen.exclude_tags if tag != "EXCLUDE" or tag in hidden}
        changed["exclude_tags"] = tuple(sorted(kept | hidden))
    return chosen.model_copy(update=changed)


def admits(final: Filter, reason: Reason) -> bool:
    """Whether the filter takes an example of which this reason is true, and no other."""
    if reason == "untrainable":
        return not final.trainable
    return reason not in final.exclude_tags if reason in TAGS else reason in (final.verdicts or VERDICTS)


def taken_apart(chosen: Filter) -> tuple[Filter, tuple[Reason, ...]]:
    """Return a filter and what is let in, of which `safe` makes `chosen` again: to go on from a
    version that is there.
    """
    let_in: set[Reason] = set() if chosen.trainable else {"untrainable"}
    let_in |= {name for name in _BY_VERDICT if not chosen.verdicts or name in chosen.verdicts}
    let_in |= {tag for tag in TAGS if tag not in chosen.exclude_tags}
    hidden = {tag for tag in TAGS[1:] if tag not in chosen.include_tags}
    own = tuple(sorted({*chosen.exclude_tags, "EXCLUDE"} - hidden))
    bare = chosen.model_copy(update={"trainable": False, "verdicts": (), "exclude_tags": own})
    named: tuple[Reason, ...] = tuple(reason for reason in REASONS if reason in let_in)
    if safe(bare, named) != chosen:  # verdicts of another kind than the defaults' stay what they are
        bare = bare.model_copy(update={"verdicts": chosen.verdicts})
    return bare, named


def outlook(db: Database, chosen: Filter, let_in: Collection[Reason] = ()) -> Outlook:
    """Count what the defaults keep of a filter and what they leave out, by reason. One query."""
    final = safe(chosen, let_in)
    base = _base(chosen)
    with db.reading() as connection:
        groups = _groups(connection, base, final)
    counts: dict[tuple[bool, Reason], int] = {}
    for group in groups:
        for reason in REASONS:
            if getattr(group, reason):
                counts[group.is_in, reason] = counts.get((group.is_in, reason), 0) + int(group.number)
    return Outlook(
        filter=final,
        total=sum(int(group.number) for group in groups),
        kept=sum(int(group.number) for group in groups if group.is_in),
        left_out={
            reason: counts[False, reason]
            for reason in REASONS
            if (False, reason) in counts and not admits(final, reason)
        },
        let_in={reason: counts[True, reason] for reason in REASONS if (True, reason) in counts},
    )


def _base(chosen: Filter) -> Filter:
    """Return what the analyst chose, before anything is left out: EXCLUDE, which every filter
    hides, counts here too.
    """
    own = tuple(tag for tag in chosen.exclude_tags if tag not in TAGS)
    verdicts = () if set(chosen.verdicts) == set(TAKEN) else chosen.verdicts
    return chosen.model_copy(update={"verdicts": verdicts, "trainable": False, "exclude_tags": own})


def _groups(connection: Connection, base: Filter, final: Filter) -> Sequence[Row[Any]]:
    """Return the examples of `base` by whether they are in `final` and by their reasons, from the cube where it knows.

    One group by instead of one sum a reason: each condition is looked at once a row.
    """
    in_base, in_final = cube.condition(base), cube.condition(final)
    if in_base is not None and in_final is not None and cube.is_fresh(connection):
        number, is_trainable, condition = func.sum(sums.c.number), sums.c.is_trainable, cube.condition
    else:
        in_base, in_final = filters.where(base), filters.where(final)
        number, is_trainable, condition = func.count(), examples.c.is_trainable, filters.where
    labels: list[ColumnElement[Any]] = [in_final.label("is_in")]
    for reason in REASONS:
        # The cube has a condition for each of these: verdicts and tags, nothing within a cell.
        found = not_(is_trainable) if reason == "untrainable" else cast(ColumnElement[bool], condition(_only(reason)))
        labels.append(found.label(reason))
    groups = select(number.label("number"), *labels).where(in_base)
    return connection.execute(
        groups.group_by(*(text(name) for name in ("is_in", *(f'"{each}"' for each in REASONS))))
    ).all()


def _only(reason: Reason) -> Filter:
    """Return the examples that this reason is about; what holds nothing to learn has no filter of its own."""
    if reason in TAGS:
        return Filter(include_tags=(reason,), exclude_tags=())
    return filters.parse({"verdicts": [reason], "exclude_tags": []})


def reasons(words: Iterable[str]) -> tuple[Reason, ...]:
    """Reasons by name. Raises `DatasetRefused` naming the first that is none."""
    named = [*words]
    for word in named:
        if word not in REASONS:
            raise DatasetRefused(f"{word!r} is nothing that can be let in; choose from {', '.join(REASONS)}.")
    return tuple(reason for reason in REASONS if reason in named)


def describe_outlook(found: Outlook) -> str:
    """`1,393 of 1,932 examples. Left out: 368 failed, 76 tagged LOW_QUALITY. Let in: …`."""
    said = [f"{found.kept:,} of {found.total:,} example{'s' if found.total != 1 else ''}."]
    for label, counts in (("Left out", found.left_out), ("Let in, as you asked", found.let_in)):
        if counts:
            said.append(f"{label}: {', '.join(f'{number:,} {WORDS[reason]}' for reason, number in counts.items())}.")
    if "untrainable" in found.left_out:
        said.append("Where “done” or “N/A” is an answer, import its file again with --placeholders learn.")
    return " ".join(said)


def propose_target(db: Database, chosen: Filter) -> Target:
    """Return what most of these examples have something to learn for; the plan, where it is the same."""
    query = select(
        func.count().filter(examples.c.has_plan).label("plans"),
        func.count().filter(examples.c.has_result).label("results"),
    ).where(filters.where(chosen))
    with db.reading() as connection:
        row = connection.execute(query).one()
    return "plan" if row.plans >= row.results else "result"


def propose_name(db: Database, chosen: Filter, target: Target) -> str:
    """Return a name in the words of the filter that no dataset has yet: `content-plans`, `best-results-2`."""
    stem = name_for(chosen, target)
    query = select(datasets.c.name).distinct().where(datasets.c.name.startswith(stem, autoescape=True))
    with db.reading() as connection:
        taken = set(connection.scalars(query))
    number = 1
    while (name := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return name


def name_for(chosen: Filter, target: Target) -> str:
    """`content-plans`, `best-results`: readable, in the words of the filter."""
    what = {"plan": "plans", "result": "results", "both": "plans-and-results"}[target]
    if chosen.intents and len(chosen.intents) <= 2 and all(chosen.intents):
        about = "-".join(chosen.intents)
    elif chosen.include_tags:
        about = chosen.include_tags[0].replace("_", "-")
    elif chosen.quality_min is not None and chosen.quality_min >= 0.5:
        about = "best"
    elif chosen.ids is not None:
        about = "chosen"
    elif set(chosen.verdicts) == set(TAKEN):
        about = "good"
    else:
        about = "all"
    stem = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-")[:60]
    return f"{stem or 'all'}-{what}"
