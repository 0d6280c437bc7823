"""The two stages of a profile: what each asks, and what its answers say. Everything in it can be stored as JSON.

Stage 0 compares sets of examples on the validation split. Stage 1 asks the chosen one and the bare model about held-out
test records, once, after the choice was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from core import metrics
from core.errors import TuningRefused
from core.tuning.providers.claude import requests
from core.tuning.providers.claude.answers import BatchAnswer
from core.tuning.providers.claude.candidates import POOL, candidates
from core.tuning.providers.claude.estimate import LONGEST_SHOWN
from core.tuning.providers.claude.options import Wishes
from core.tuning.providers.claude.records import Record, at, sample, usual_system
from core.tuning.providers.claude.selection import BASE, CandidateChoice, Entry, choose
from core.tuning.providers.data import DataFacts, Files

Plan = dict[str, Any]


def plan_validation(files: Files, data: DataFacts, wished: Wishes) -> Plan:
    """Which candidates answer which validation records. Raises `TuningRefused` where there is nothing to compare."""
    # At least half of any set of records is no longer than twice its mean, so half of twice as many is enough.
    longest = LONGEST_SHOWN * data.tokens_train / max(1, data.train)
    pool = [each for each in sample(files.train, 2 * POOL, wished.seed, only_shown=True) if each.tokens <= longest]
    found = candidates(pool[:POOL], wished.sizes)
    if len(found) == 1:
        raise TuningRefused(
            f"{data.label} has {len(pool):,} records that can be shown as examples (one question and one answer, at "
            f"most {LONGEST_SHOWN} times the mean length); {wished.sizes[0]} are needed."
        )
    rows = sample(files.validation, wished.validation_rows, wished.seed)
    return _plan(
        wished.system_prompt or usual_system(files.train),
        [(index, each.name, each.positions) for index, each in enumerate(found)],
        rows,
    )


def plan_test(files: Files, before: Mapping[str, Any], chosen: int, wished: Wishes) -> Plan:
    """Return the bare model and the chosen candidate on test records."""
    kept = [each for each in before["candidates"] if each["index"] in (BASE, chosen)]
    rows = sample(files.test, wished.test_rows, wished.seed)
    return _plan(before["system"], [(each["index"], each["name"], each["positions"]) for each in kept], rows)


def _plan(system: str, found: Sequence[tuple[int, str, Sequence[int]]], rows: Sequence[Record]) -> Plan:
    return {
        "system": system,
        "candidates": [
            {"index": index, "name": name, "positions": list(positions)} for index, name, positions in found
        ],
        "rows": sorted(each.position for each in rows),
        "requests": len(found) * len(rows),
    }


def asked(plan: Mapping[str, Any], files: Files, stage: int, key: str, model: str, wished: Wishes) -> Iterator[dict]:
    """Yield the requests of a plan, always the same ones, each with its id."""
    examples = at(files.train, {position for each in plan["candidates"] for position in each["positions"]})
    rows = _rows(plan, files, stage)
    for candidate in plan["candidates"]:
        shown = [examples[position] for position in candidate["positions"]]
        for position in plan["rows"]:
            yield {
                "custom_id": requests.custom_id(key, stage, candidate["index"], position),
                "params": requests.params(
                    model=model,
                    system=plan["system"],
                    examples=shown,
                    record=rows[position],
                    max_tokens=wished.max_answer_tokens,
                ),
            }


def judge(
    plan: Mapping[str, Any], files: Files, stage: int, key: str, answers: Sequence[BatchAnswer], seed: int
) -> tuple[CandidateChoice, dict[str, Any]]:
    """Return the choice that the answers make, and its figures for the job's record.

    Raises `TuningRefused` for too few.
    """
    rows = _rows(plan, files, stage)
    examples = at(files.train, {position for each in plan["candidates"] for position in each["positions"]})
    placed = {where: each for each in answers if (where := requests.place(each.custom_id, key, stage))}
    places = {each["index"]: place for place, each in enumerate(plan["candidates"])}
    # Candidates are numbered by their place in this plan while they are compared.
    here = {(places[index], row): each for (index, row), each in placed.items() if index in places and row in rows}
    costs = [sum(examples[position].tokens for position in each["positions"]) for each in plan["candidates"]]
    choice = choose(
        here,
        {position: each.expected for position, each in rows.items()},
        costs,
        seed=seed,
        **({} if stage == 0 else {"least_rows": 1}),
    )
    if stage and not all(entry.is_compared for entry in choice.entries):
        raise TuningRefused("Too few test records were answered both with the profile and without.")
    table = [_line(plan["candidates"][entry.candidate], entry, costs[entry.candidate]) for entry in choice.entries]
    return choice, {
        "n": len(choice.rows),
        "chosen": plan["candidates"][choice.candidate]["index"],
        "candidates": table,
    }


def _rows(plan: Mapping[str, Any], files: Files, stage: int) -> dict[int, Record]:
    return at(files.validation if stage == 0 else files.test, set(plan["rows"]))


def _line(candidate: Mapping[str, Any], entry: Entry, tokens: int) -> dict[str, Any]:
    figures = {name: _rounded(getattr(entry, name)) for name in ("value", "exact", "similarity", "json_valid", "gain")}
    return {
        **candidate,
        "example_tokens": tokens,
        **figures,
        "cut": entry.cut,
        "declined": entry.declined,
        "missing": entry.missing,
        "is_compared": entry.is_compared,
    }


def _rounded(mean: metrics.Mean) -> dict[str, Any]:
    return {name: round(value, 6) for name, value in asdict(mean).items()}


def line_of(result: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """Return the figures of a candidate in a result. Raises `TuningRefused` where it has none."""
    for each in result["candidates"]:
        if each["index"] == index:
            return each
    raise TuningRefused(f"There is no candidate {index} in the result.")
