"""Staged rows against what is there: on which scale, under which key, and what each would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from core.errors import ImportRefused
from core.examples.importing.converting import scale as scales
from core.examples.importing.models import RowError, ScaleFinding
from core.examples.importing.staging import execute
from core.history.columns import Options
from core.history.shapes import Shape
from core.history.staging import Staged, staging_columns

#: Keys are compared as text; no value holds this sign.
_BETWEEN = "chr(31)"


def findings(staged: Staged) -> dict[str, ScaleFinding]:
    """Return what the numbers of each scored field that has any look like."""
    return {name: scales.found(scores) for name, scores in staged.scores.items() if scores.total}


def chosen_scales(staged: Staged, options: Options) -> dict[str, str]:
    """Return the scale of each scored field. Raises `ImportRefused` where it cannot be told and nobody chose."""
    return {
        name: options.scales.get(name) or _scale(name, scores, is_rate=staged.shape.fields[name].kind.is_rate)
        for name, scores in staged.scores.items()
    }


def _scale(name: str, scores: scales.Scores, *, is_rate: bool) -> str:
    counts = scores.counts
    if is_rate:
        if max(counts, default=0) <= 1:
            return "1"
        if not any(0 < value < 1 for value in counts):
            return "100"
        between = next(value for value in counts if 0 < value < 1)
        highest = max(counts)
        raise ScaleUndecided(
            ScaleQuestion(
                name,
                f"{name} has {between:g} (row {scores.rows[between][0]}) beside {highest:g} (row "
                f"{scores.rows[highest][0]}): all may be per cent, or some shares and some per cent.",
                {"100": "all per cent", "mixed": "each by its size"},
            )
        )
    finding = scales.found(scores)
    if finding.scale is None:
        fitting = {effect.scale: effect.reads[0] for effect in finding.effects if not effect.rejected and effect.reads}
        raise ScaleUndecided(ScaleQuestion(name, f"The scale of {name} is not clear. {finding.explanation}", fitting))
    return finding.scale


@dataclass(frozen=True)
class ScaleQuestion:
    """What the numbers of a field mean, which somebody has to say: one of the choices, each explained."""

    field: str
    asked: str
    choices: Mapping[str, str]


class ScaleUndecided(ImportRefused):
    """The scale of a field cannot be told."""

    def __init__(self, question: ScaleQuestion) -> None:
        name, choices = question.field, question.choices
        ways = "; ".join(f"--scale {name}={scale} ({reads})" for scale, reads in choices.items())
        super().__init__(
            f"{question.asked} Say what they mean: {ways}. Nothing was changed.",
            field=name,
            expected="a scale: " + ", ".join(choices),
        )
        self.question = question


def value(shape: Shape, name: str, scales_used: Mapping[str, str]) -> str:
    """Return what a staged row `s` holds of a field, as the column has it."""
    if name in scales_used:
        return scales.divided(scales_used[name], "s", name, f"certain_{name}")
    return shape.fields[name].kind.cast.format(f"s.{name}")


def target(shape: Shape, name: str, scales_used: Mapping[str, str]) -> str:
    """Return what a staged row `s` makes of a field of the row `t` that is there: what it does not have stays."""
    place = list(shape.fields).index(name)
    return f"CASE WHEN s.given & {1 << place} <> 0 THEN {value(shape, name, scales_used)} ELSE t.{name} END"


def key(shape: Shape, row: str, *, is_staged: bool) -> str:
    """Return what identifies a row, as one text."""
    # A staged day is text in the same form.
    parts = [f"coalesce({row}.{name}{'' if is_staged else '::text'}, '')" for name in shape.key]
    return f" || {_BETWEEN} || ".join(parts)


def digest(shape: Shape, row: str) -> str:
    """Return the digest of a row of the table, of the fields that an import can fill."""
    return f"md5(ROW({', '.join(f'{row}.{name}' for name in shape.fields)})::text)::uuid"


def compare(raw: psycopg.Connection[Any], staged: Staged, scales_used: Mapping[str, str]) -> int:
    """Decide for every staged row what it would do, in the temporary table `decided`; returns how many repeat another.

    Adds the errors that only show in the whole.
    """
    shape = staged.shape
    for name in scales_used:
        _drop_unfit(raw, staged, name, scales_used[name])
    at = f"s.{shape.moment}::timestamptz" if shape.moment else "NULL::timestamptz"
    there = f"t.{shape.moment}" if shape.moment else "NULL::timestamptz"
    columns = ", ".join(f"s.{name}" for name in staging_columns(shape) if name != "row")
    execute(
        raw,
        f"""
        CREATE TEMP TABLE keyed ON COMMIT DROP AS
        SELECT s.row, {key(shape, "s", is_staged=True)} AS key, {at} AS moment,
               md5(ROW({columns})::text)::uuid AS digest
        FROM staged s""",
    )
    execute(raw, "ANALYZE keyed")
    duplicates = _collapse(raw, staged)
    execute(
        raw,
        f"""
        CREATE TEMP TABLE known ON COMMIT DROP AS
        SELECT id, key, moment,
               row_number() OVER (PARTITION BY key ORDER BY moment DESC NULLS LAST, id DESC) = 1 AS last
        FROM (SELECT t.id, {key(shape, "t", is_staged=False)} AS key, {there} AS moment FROM {shape.table} t) AS t
        WHERE key IN (SELECT key FROM keyed)""",
    )
    execute(raw, "ANALYZE known")
    execute(raw, "ANALYZE staged (row)")
    targets = ", ".join(target(shape, name, scales_used) for name in shape.fields)
    current = ", ".join(f"t.{name}" for name in shape.fields)
    execute(
        raw,
        f"""
        CREATE TEMP TABLE decided ON COMMIT DROP AS
        SELECT DISTINCT ON (k.row) k.row, t.id AS target,
               CASE WHEN t.id IS NULL THEN 'new'
                    WHEN ROW({targets}) IS DISTINCT FROM ROW({current}) THEN 'changed' ELSE 'same' END AS outcome
        FROM keyed k JOIN staged s USING (row)
        LEFT JOIN known n ON n.key = k.key AND (n.moment = k.moment OR k.moment IS NULL AND n.last)
        LEFT JOIN {shape.table} t ON t.id = n.id
        ORDER BY k.row, t.id DESC NULLS LAST""",
    )
    execute(raw, "ANALYZE decided")
    return duplicates


def _drop_unfit(raw: psycopg.Connection[Any], staged: Staged, name: str, scale: str) -> None:
    lowest, highest = scales.bounds(scale)
    failing = execute(
        raw,
        f"SELECT row, {name} FROM staged WHERE certain_{name} IS NULL AND NOT {name} BETWEEN %s AND %s ORDER BY row",
        (lowest, highest),
    ).fetchall()
    for row, number in failing:
        bound = f"at most {highest:g}" if number > highest else f"at least {lowest:g}"
        staged.errors.add(RowError(row, name, repr(number), f"{bound} on the scale {scale}"))
    _drop(raw, "staged", [row for row, _ in failing])


def _drop(raw: psycopg.Connection[Any], table: str, rows: list[int]) -> None:
    if rows:
        execute(raw, f"DELETE FROM {table} WHERE row = ANY(%s)", (rows,))


def _collapse(raw: psycopg.Connection[Any], staged: Staged) -> int:
    """Equal repeats become one row; rows that contradict each other under one key are errors."""
    found = execute(
        raw,
        """
        SELECT row, key, first_row, digest = first_digest FROM (
            SELECT row, key, digest, first_value(row) OVER same AS first_row,
                   first_value(digest) OVER same AS first_digest
            FROM keyed WINDOW same AS (PARTITION BY key, moment ORDER BY row)
        ) AS repeated
        WHERE row <> first_row ORDER BY row""",
    ).fetchall()
    names = ", ".join(staged.shape.key)
    for row, text, first_row, is_equal in found:
        if not is_equal:
            shown = ", ".join(part for part in text.split("\x1f") if part)
            expected = f"a key of its own: row {first_row} has the same one and contradicts it"
            staged.errors.add(RowError(row, names, repr(shown), expected))
    _drop(raw, "keyed", [row for row, *_ in found])
    return sum(is_equal for *_, is_equal in found)


def counts(raw: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows do what."""
    return {"new": 0, "changed": 0, "same": 0} | dict(
        execute(raw, "SELECT outcome, count(*) FROM decided GROUP BY outcome").fetchall()
    )


def contradictions(
    raw: psycopg.Connection[Any], staged: Staged, scales_used: Mapping[str, str], limit: int
) -> list[tuple[int, str, Any, Any]]:
    """Fields in which a row says something else than what is there: row, field, what stands there, what it says."""
    shape = staged.shape
    pairs = ", ".join(
        f"('{name}', to_jsonb(t.{name}), to_jsonb({target(shape, name, scales_used)}))" for name in shape.fields
    )
    return execute(
        raw,
        f"""
        SELECT s.row, pair.field, pair.before #>> '{{}}', pair.after #>> '{{}}'
        FROM decided d JOIN staged s USING (row) JOIN {shape.table} t ON t.id = d.target
        CROSS JOIN LATERAL (VALUES {pairs}) AS pair (field, before, after)
        WHERE d.outcome = 'changed' AND pair.before IS DISTINCT FROM pair.after
        ORDER BY s.row, pair.field LIMIT {limit:d}""",
    ).fetchall()


def kept(shape: Shape, row: str) -> str:
    """Return a row of the table as one JSON object, of the fields that an import can fill."""
    pairs = ", ".join(f"'{name}', {row}.{name}" for name in shape.fields)
    return f"jsonb_build_object({pairs})"
