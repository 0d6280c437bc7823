"""Patterns as they are kept: written by each run of the mining, accepted or retired by people, with their history."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, bindparam, case, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core import audit
from core.db import Database
from core.db.tables import executions, learning_patterns, pattern_events, pattern_runs
from core.errors import UnknownPattern
from core.examples.filters import Filter, parse
from core.patterns.fields import Item

if TYPE_CHECKING:  # mining needs libraries that take a second to load, and listing does not
    from core.patterns.mining import MiningResult, Pattern

State = Literal["new", "accepted", "decayed", "retired"]
Event = Literal["discovered", "validated", "decayed", "accepted", "unaccepted", "retired", "restored"]

_TABLE = learning_patterns.c
#: Mined here, and by that has a rule that this program reads; what the original system wrote is shown as it is.
_MINED = _TABLE.pattern_rule.has_key("items")
#: Two runs at once would write the same patterns twice.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('patterns ' || current_schema(), 7))")


@dataclass(frozen=True)
class Kept:
    """A pattern as it is stored. Of one that the original system wrote only some figures are known."""

    id: str
    outcome: str
    #: Of `quality`: from which score on an example did well.
    threshold: float | None
    sentence: str
    items: tuple[Item, ...]
    #: Of all examples, or of the filter that it was mined from.
    filter: Filter | None
    n: int | None
    confidence: float | None
    rest: float | None
    lift: float | None
    leverage: float | None
    #: The difference of the shares, 95 % interval.
    low: float | None
    high: float | None
    p_found: float | None
    p_held_out: float | None
    #: Mean quality with it less that of the rest, and its 95 % interval.
    quality: float | None
    quality_low: float | None
    quality_high: float | None
    state: State
    discovered_at: dt.datetime | None
    validated_at: dt.datetime | None
    validations: int
    accepted_by: str


@dataclass(frozen=True)
class Change:
    """What became of a pattern at a moment."""

    at: dt.datetime
    event: Event
    figures: dict[str, Any] | None
    actor: str
    reason: str


@dataclass(frozen=True)
class Run:
    """One run of the mining: what it looked at, and what it changed."""

    id: int
    at: dt.datetime
    examples: dict[str, int]
    tried: dict[str, int]
    #: Why an outcome could show nothing.
    refused: dict[str, str]
    discovered: int
    validated: int
    decayed: int
    actor: str


def keep(db: Database, found: "MiningResult", chosen: Filter, threshold: float, *, actor: str, reason: str = "") -> Run:
    """Write what a run has found. A pattern of the same filter that is not among it has decayed: it is not told to the
    planner any more, unless it is found again. What a person retired stays retired.
    """
    with db.begin() as connection:
        connection.execute(_LOCK)
        canonical = chosen.canonical()
        known = {
            row.pattern_id: row.is_active
            for row in connection.execute(
                select(_TABLE.pattern_id, _TABLE.is_active).where(
                    _MINED,
                    _TABLE.pattern_rule["filter"] == bindparam(None, canonical, type_=_TABLE.pattern_rule.type),
                    # Nobody looked for what is true from another score on.
                    func.coalesce(_TABLE.pattern_rule["then"]["at_least"].as_float(), threshold) == threshold,
                )
            )
        }
        ids = {each.id(chosen.to_json()): each for each in found.patterns}
        gone = [each for each, is_active in known.items() if is_active and each not in ids and _looked_at(found, each)]
        new = [each for each in ids if each not in known]
        again = [each for each in ids if each in known]
        _write(connection, ids, chosen)
        _decay(connection, gone)
        events = [
            *((each, "discovered") for each in new),
            *((each, "validated") for each in again),
            *((each, "decayed") for each in gone),
        ]
        figures = {each: _figures(pattern) for each, pattern in ids.items()}
        _note(connection, [(each, event, figures.get(each)) for each, event in events], actor, reason or "mined")
        row = connection.execute(
            insert(pattern_runs)
            .values(
                filter=canonical,
                threshold=threshold,
                examples=dict(found.examples),
                tried=dict(found.tried),
                refused=dict(found.refused),
                discovered=len(new),
                validated=len(again),
                decayed=len(gone),
                executions=_ended(connection),
                actor=actor,
            )
            .returning(*pattern_runs.c)
        ).one()
        counts = {"discovered": len(new), "validated": len(again), "decayed": len(gone)}
        audit.record(
            connection,
            actor=actor,
            action="mine",
            subject="patterns",
            subject_id=str(row.id),
            before=None,
            after={**counts, "filter": canonical},
            reason=reason or "patterns were mined",
            row_count=len(events),
        )
        return _run(row)


def _looked_at(found: "MiningResult", pattern_id: str) -> bool:
    """Tell whether the outcome was looked at: one that could show nothing says nothing against what
    was found before.
    """
    return pattern_id.rpartition("-")[0] not in {f"pattern-{outcome}" for outcome in found.refused}


def _figures(pattern: "Pattern") -> dict[str, Any]:
    plain = asdict(pattern)
    return {name: value for name, value in plain.items() if name not in ("items", "outcome", "threshold")}


def _values(pattern: "Pattern", chosen: Filter) -> dict[str, Any]:
    return {
        "pattern_type": pattern.outcome,
        "pattern_description": pattern.sentence,
        "pattern_rule": {
            "items": [list(item) for item in pattern.items],
            "then": {"outcome": pattern.outcome, "at_least": pattern.threshold},
            "filter": chosen.canonical(),
            "figures": _figures(pattern),
        },
        "support_count": pattern.n,
        "confidence": pattern.confidence,
        "lift": pattern.lift,
        "related_intents": [item.value for item in pattern.items if item.field == "intent"],
        "related_tags": [item.value for item in pattern.items if item.field == "tag"],
        "improves_quality": pattern.quality is not None and pattern.quality.low > 0,
        "improves_success": pattern.outcome == "success" and pattern.is_better,
        "avg_quality_improvement": pattern.quality.value if pattern.quality else None,
    }


def _write(connection: Connection, found: Mapping[str, "Pattern"], chosen: Filter) -> None:
    """All at once; one that is there already is validated once more, and stays out of use where it was retired."""
    if not found:
        return
    now = connection.execute(select(func.now())).scalar_one()
    rows = [
        {
            "pattern_id": pattern_id,
            "discovered_at": now,
            "last_validated_at": now,
            "validation_count": 1,
            "is_active": True,
            **_values(pattern, chosen),
        }
        for pattern_id, pattern in found.items()
    ]
    statement = upsert(learning_patterns)
    renewed = {name: statement.excluded[name] for name in rows[0] if name not in ("pattern_id", "discovered_at")}
    statement = statement.on_conflict_do_update(
        index_elements=[_TABLE.pattern_id],
        set_=renewed | {"validation_count": _TABLE.validation_count + 1, "is_active": _TABLE.retired_at.is_(None)},
    )
    connection.execute(statement, rows)


def _decay(connection: Connection, gone: Sequence[str]) -> None:
    connection.execute(update(learning_patterns).where(_TABLE.pattern_id.in_(gone)).values(is_active=False))


def _note(
    connection: Connection, events: Sequence[tuple[str, str, dict[str, Any] | None]], actor: str, reason: str
) -> None:
    if events:
        rows = [
            {"pattern_id": each, "event": event, "figures": figures, "actor": actor, "reason": reason}
            for each, event, figures in events
        ]
        connection.execute(insert(pattern_events), rows)


def patterns(db: Database, *, states: Sequence[State] = ("new", "accepted"), limit: int = 500) -> list[Kept]:
    """Patterns in these states, the surest first."""
    with db.reading() as connection:
        rows = connection.execute(
            _query()
            .where(_STATE.in_(list(states)))
            .order_by(
                _TABLE.pattern_rule["figures"]["p_found"].as_float().asc().nulls_last(),
                _TABLE.support_count.desc().nulls_last(),
                _TABLE.id,
            )
            .limit(limit)
        )
        return [_kept(row) for row in rows]


def get(db: Database, pattern_id: str) -> Kept:
    """Return one pattern. Raises `UnknownPattern`."""
    with db.reading() as connection:
        return _get(connection, pattern_id)


def _get(connection: Connection, pattern_id: str, *, lock: bool = False) -> Kept:
    query = _query().where(_TABLE.pattern_id == pattern_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownPattern(f"There is no pattern {pattern_id!r}; `patterns list` names those that there are.")
    return _kept(row)


def history(db: Database, pattern_id: str) -> list[Change]:
    """Return what became of it, the newest first."""
    columns = pattern_events.c
    with db.reading() as connection:
        _get(connection, pattern_id)
        rows = connection.execute(
            select(pattern_events).where(columns.pattern_id == pattern_id).order_by(columns.id.desc()).limit(200)
        )
        return [Change(row.at, row.event, row.figures, row.actor, row.reason) for row in rows]


def runs(db: Database, *, limit: int = 20) -> list[Run]:
    """Return the latest runs, the newest first."""
    with db.reading() as connection:
        rows = connection.execute(select(pattern_runs).order_by(pattern_runs.c.id.desc()).limit(limit))
        return [_run(row) for row in rows]


def version(db: Database) -> str:
    """Another one whenever a pattern was found, tried again or decided on, or a run looked for some."""
    with db.reading() as connection:
        events, mined = connection.execute(
            select(
                select(func.max(pattern_events.c.id)).scalar_subquery(),
                select(func.max(pattern_runs.c.id)).scalar_subquery(),
            )
        ).one()
        return f"{events or 0}/{mined or 0}"


_STATE = case(
    (_TABLE.retired_at.is_not(None), "retired"),
    (_TABLE.is_active.is_not(True), "decayed"),
    (_TABLE.accepted_at.is_not(None), "accepted"),
    else_="new",
)


def _query() -> Any:
    return select(learning_patterns, _STATE.label("state"))


def _kept(row: Row[Any]) -> Kept:
    rule = row.pattern_rule if isinstance(row.pattern_rule, dict) else {}
    figures: dict[str, Any] = rule.get("figures") or {}
    quality = figures.get("quality") or {}
    return Kept(
        id=row.pattern_id,
        outcome=row.pattern_type or "",
        threshold=(rule.get("then") or {}).get("at_least") if "items" in rule else None,
        sentence=row.pattern_description or "",
        items=tuple(Item(*each) for each in rule.get("items") or ()),
        filter=parse(rule["filter"]) if "items" in rule else None,
        n=row.support_count,
        confidence=row.confidence,
        rest=figures.get("rest"),
        lift=row.lift,
        leverage=figures.get("leverage"),
        low=figures.get("low"),
        high=figures.get("high"),
        p_found=figures.get("p_found"),
        p_held_out=figures.get("p_held_out"),
        quality=row.avg_quality_improvement,
        quality_low=quality.get("low"),
        quality_high=quality.get("high"),
        state=row.state,
        discovered_at=row.discovered_at,
        validated_at=row.last_validated_at,
        validations=row.validation_count or 0,
        accepted_by=row.accepted_by or "",
    )


def _run(row: Row[Any]) -> Run:
    return Run(
        row.id, row.at, row.examples, row.tried, row.refused, row.discovered, row.validated, row.decayed, row.actor
    )


def accept(db: Database, pattern_id: str, *, actor: str, reason: str) -> Kept:
    """Tell it to the planner from now on, for requests that it bears on."""
    return _decide(db, pattern_id, "accepted", {"accepted_at": func.now(), "accepted_by": actor}, actor, reason)


def unaccept(db: Database, pattern_id: str, *, actor: str, reason: str) -> Kept:
    """Tell it to the planner no more."""
    return _decide(db, pattern_id, "unaccepted", {"accepted_at": None, "accepted_by": None}, actor, reason)


def retire(db: Database, pattern_id: str, *, actor: str, reason: str) -> Kept:
    """Out of the list and of the planner's hints, also when it is found again."""
    return _decide(db, pattern_id, "retired", {"retired_at": func.now(), "is_active": False}, actor, reason)


def restore(db: Database, pattern_id: str, *, actor: str, reason: str) -> Kept:
    """Undo of `retire`. One that was gone from the examples when it was last looked for stays decayed."""
    events = pattern_events.c
    last = (
        select(events.event != "decayed")
        .where(events.pattern_id == pattern_id, events.event.in_(("discovered", "validated", "decayed")))
        .order_by(events.id.desc())
        .limit(1)
    )
    active = func.coalesce(last.scalar_subquery(), True)
    return _decide(db, pattern_id, "restored", {"retired_at": None, "is_active": active}, actor, reason)


def _decide(db: Database, pattern_id: str, event: Event, values: dict[str, Any], actor: str, reason: str) -> Kept:
    with db.begin() as connection:
        before = _get(connection, pattern_id, lock=True)
        connection.execute(update(learning_patterns).where(_TABLE.pattern_id == pattern_id).values(values))
        _note(connection, [(pattern_id, event, None)], actor, reason)
        after = _get(connection, pattern_id)
        audit.record(
            connection,
            actor=actor,
            action=event,
            subject="pattern",
            subject_id=pattern_id,
            before={"state": before.state},
            after={"state": after.state},
            reason=reason,
            row_count=1,
        )
        return after


def _ended(connection: Connection) -> int:
    ended = executions.c.status.in_(("completed", "failed"))
    return connection.execute(select(func.count()).select_from(executions).where(ended)).scalar_one()


def ended_since(db: Database) -> int | None:
    """Return executions that ended since the last run; None: there was none."""
    with db.reading() as connection:
        last = connection.execute(
            select(pattern_runs.c.executions).order_by(pattern_runs.c.id.desc()).limit(1)
        ).scalar_one_or_none()
        return None if last is None else _ended(connection) - last
