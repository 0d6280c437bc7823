"""Checks before freezing. Errors block, warnings inform; each says which rows and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from core.datasets import candidates, tokens
from core.datasets.candidates import Choice, LeftOut
from core.datasets.recipes import Recipe
from core.datasets.rendering import FEATURES, NOT_CARRIED, run
from core.datasets.splits import NAMES, Split, SplitName
from core.datasets.tokens import TokenTotal
from core.db import WHOLE, Database
from core.examples.filters import Filter

#: Fewest training records a provider takes (Gemini: recommends). Training on this machine has no minimum.
MINIMUM_ROWS = {"OpenAI": 10, "Bedrock": 32, "Gemini (recommended)": 100}
#: Tokens of one example beyond which providers cut it or refuse it.
TOKEN_LIMITS = (65_536, 131_072)

_FIRST = 20
_LEFT_OUT = {
    "excluded": ("excluded by hand", "Nothing to do: this was asked for."),
    "empty_request": ("without a request", "Edit the request, or tag the examples EXCLUDE."),
    "no_plan": ("with no usable plan", "Train on “result” instead, or edit the plans."),
    "no_result": (
        "with no usable result",
        "Train on “plan” instead, or edit the results. Where “done” is an answer, say so at the import.",
    ),
    "role_order": (
        "whose messages do not go user, assistant, user, assistant, each with a text,",
        "Edit their context, or import their file again, if it was imported before tool calls were kept.",
    ),
    "tool_calls": (
        "in which a tool call has no result, or a result answers no call,",
        "Edit their context; or import their file again, if it was imported before tool calls were kept.",
    ),
    "unlearned": (
        "whose answers must not be learned (weight 0)",
        "Nothing to do: their source asks for it.",
    ),
    "duplicate": ("that are exact duplicates", "The earliest copy is kept."),
}


@dataclass(frozen=True)
class Obstacle:
    """One thing a check found. `ids` are the first examples concerned."""

    code: str
    severity: Literal["error", "warning"]
    count: int
    sentence: str
    ids: tuple[int, ...]
    fix: str


@dataclass(frozen=True)
class CheckReport:
    """What freezing now would give."""

    findings: tuple[Obstacle, ...]
    kept: int
    left_out: dict[str, int]
    splits: dict[SplitName, int]
    tokens: TokenTotal
    #: Bytes of all records together.
    size: int

    @property
    def blocked(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def errors(self) -> tuple[Obstacle, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")


def review(
    db: Database,
    chosen: Filter,
    recipe: Recipe,
    split: Split,
    *,
    drop_duplicates: bool = True,
    excluded_ids: Sequence[int] = (),
) -> CheckReport:
    """Return what freezing this choice now would give, and what stands against it. Changes nothing."""
    choice = Choice(chosen, recipe, split, tuple(excluded_ids), drop_duplicates)
    with db.reading(WHOLE) as connection:  # rolled back: the temporary tables go with it
        left_out = candidates.gather(connection, choice)
        return look_at(connection, choice, left_out)


def look_at(connection: Connection, choice: Choice, left_out: dict[str, LeftOut]) -> CheckReport:
    """Check the gathered `candidates` of this transaction."""
    counts = dict(run(connection, "SELECT split, count(*) FROM candidates GROUP BY split"))
    per_split: dict[SplitName, int] = {name: counts.get(number, 0) for number, name in enumerate(NAMES)}
    kept = sum(per_split.values())
    size = int(run(connection, "SELECT coalesce(sum(size), 0) FROM candidates")[0][0])
    sample = candidates.sample(connection, choice.recipe, tokens.SAMPLE)
    total = tokens.total(sample, rows=kept, size=size)
    findings = [
        *_nothing_left(kept, per_split, choice.split, left_out),
        *_straddling(connection, choice),
        *_left_out(left_out),
        *_not_carried(connection, kept),
        *_too_few(per_split, choice.split),
        *_too_long(connection, total),
    ]
    findings.sort(key=lambda finding: finding.severity)  # errors first
    reasons = {reason: each.count for reason, each in left_out.items()}
    return CheckReport(tuple(findings), kept, reasons, per_split, total, size)


def _nothing_left(
    kept: int, per_split: dict[SplitName, int], split: Split, left_out: dict[str, LeftOut]
) -> list[Obstacle]:
    if not kept and left_out:
        each = [f"{found.count:,} {_LEFT_OUT[reason][0].rstrip(',')}" for reason, found in left_out.items()]
        sentence = f"No example of this filter can be taken. Left out: {'; '.join(each)}."
        ids = tuple(number for found in left_out.values() for number in found.ids)
        fix = " ".join(dict.fromkeys(_LEFT_OUT[reason][1] for reason in left_out))
        return [Obstacle("nothing_left", "error", 0, sentence, ids, fix)]
    if not kept:
        sentence = "No example of this filter has something to learn for the chosen target."
        return [Obstacle("nothing_left", "error", 0, sentence, (), "Choose another target, or a wider filter.")]
    if split.train and not per_split["train"]:
        sentence = f"None of the {kept:,} records fell into the training split, which asks for {split.train} %."
        return [Obstacle("no_training_rows", "error", 0, sentence, (), "Choose another seed, or a wider filter.")]
    return []


def _straddling(connection: Connection, choice: Choice) -> list[Obstacle]:
    """Find what stands in two splits at once, which makes a test look better than it is."""
    found = []
    if not choice.drop_duplicates:
        count, ids = _in_two_splits(connection, "sha256")
        if count:
            sentence = f"{_examples(count)} an exact duplicate in another split."
            fix = "Drop duplicates, or split by request."
            found.append(Obstacle("duplicate_across_splits", "error", count, sentence, ids, fix))
    if choice.split.group != "request":
        count, ids = _in_two_splits(connection, "request_key")
        if count:
            sentence = f"{_examples(count)} the same request as one in another split."
            found.append(Obstacle("request_across_splits", "warning", count, sentence, ids, "Split by request."))
    return found


def _in_two_splits(connection: Connection, key: str) -> tuple[int, tuple[int, ...]]:
    groups = f"SELECT {key} FROM candidates GROUP BY {key} HAVING min(split) <> max(split)"
    return _concerned(connection, f"SELECT example_id FROM candidates WHERE {key} IN ({groups})")


def _left_out(left_out: dict[str, LeftOut]) -> list[Obstacle]:
    return [
        Obstacle(
            reason,
            "warning",
            each.count,
            f"{each.count:,} example{'s' if each.count > 1 else ''} {_LEFT_OUT[reason][0]} "
            f"{'are' if each.count > 1 else 'is'} left out.",
            each.ids,
            _LEFT_OUT[reason][1],
        )
        for reason, each in left_out.items()
    ]


def _not_carried(connection: Connection, kept: int) -> list[Obstacle]:
    """Find what only some formats can carry: the others leave these records out."""
    found = []
    for bit, name in FEATURES.items():
        count, ids = _concerned(connection, f"SELECT example_id FROM candidates WHERE features & {bit} <> 0")
        formats = [each for each, mask in NOT_CARRIED.items() if mask & bit]
        if count:
            sentence = f"{_examples(count)} {name}; exports as {', '.join(formats)} leave such records out."
            fix = "Export as openai, chatml or parquet" + ("." if count < kept else ", which carry all of them.")
            found.append(Obstacle(f"holds_{bit}", "warning", count, sentence, ids, fix))
    return found


def not_carried(connection: Connection) -> dict[str, dict[str, int]]:
    """Of each format that does not carry all, how many records of each split, and of all, it leaves out."""
    rows = run(connection, "SELECT split, features, count(*) FROM candidates WHERE features <> 0 GROUP BY 1, 2")
    found = {}
    for each, mask in NOT_CARRIED.items():
        counts = {name: sum(n for split, bits, n in rows if bits & mask and NAMES[split] == name) for name in NAMES}
        if total := sum(counts.values()):
            found[each] = {**counts, "all": total}
    return found


def _too_few(per_split: dict[SplitName, int], split: Split) -> list[Obstacle]:
    found = []
    rows = per_split["train"]
    if asking := {name: least for name, least in MINIMUM_ROWS.items() if rows < least and split.train and rows}:
        least = ", ".join(f"{name} {number}" for name, number in asking.items())
        sentence = f"The training split has {rows:,} record{'s' if rows != 1 else ''}; asked for are: {least}."
        fix = "Choose a wider filter. Training on this machine has no minimum."
        found.append(Obstacle("few_training_rows", "warning", rows, sentence, (), fix))
    for name in NAMES[1:]:
        if split.shares[name] and not per_split[name] and rows:
            sentence = f"The {name} split asks for {split.shares[name]} % and got no record."
            fix = "Choose a wider filter, another seed or another share."
            found.append(Obstacle(f"no_{name}_rows", "warning", 0, sentence, (), fix))
    return found


def _too_long(connection: Connection, total: TokenTotal) -> list[Obstacle]:
    found = []
    for limit in TOKEN_LIMITS:
        if not total.per_byte:
            break
        size = int(limit / total.per_byte)
        count, ids = _concerned(connection, f"SELECT example_id FROM candidates WHERE size > {size}")
        if count:
            sentence = f"{_examples(count)} more than about {limit:,} tokens; providers cut or refuse such records."
            fix = "Show fewer fields, or exclude these examples."
            found.append(Obstacle(f"over_{limit}_tokens", "warning", count, sentence, ids, fix))
    return found


def _examples(count: int) -> str:
    return f"{count:,} examples have" if count != 1 else "1 example has"


def _concerned(connection: Connection, query: str) -> tuple[int, tuple[int, ...]]:
    """How many rows the query gives, and the first example ids."""
    count, ids = run(
        connection, f"SELECT count(*), (array_agg(example_id ORDER BY example_id))[:{_FIRST}] FROM ({query}) AS found"
    )[0]
    return count, tuple(ids or ())
