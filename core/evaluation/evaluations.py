"""Evaluations: ask a model the frozen records of a split, keep each answer, and say what they are worth.

A command of the queue does it, so that it goes on after a crash, wherever a worker is. Each answer is kept as it comes:
what is kept is never asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Connection, func, select, update

from core import audit
from core.commands import store as commands
from core.commands.models import NewCommand
from core.datasets import tokens, versions
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import commands as commands_table
from core.db.tables import evaluations
from core.errors import Conflict, ModelRefused
from core.evaluation import rows
from core.evaluation.records import Evaluation, find
from core.models import Model, availability, calls, records
from core.settings import Settings

#: The agent and the action of the command that carries an evaluation out.
AGENT, ACTION = "tuning", "evaluate"
#: Records whose tokens are counted for an estimate.
_SAMPLE = 200
#: The first run of its command, and retries: a provider may be away for a while.
MOST_ATTEMPTS = 8


@dataclass(frozen=True)
class EvaluationEstimate:
    """What an evaluation will take, before it starts."""

    rows: int
    tokens_in: int
    #: As many as the expected answers have; a model that thinks before it answers takes more.
    tokens_out: int
    #: By list price; None where nobody knows, which is not 0.
    cost_usd: Decimal | None
    is_free: bool
    #: Records of the split that hold tools, and so are not asked.
    skipped: int = 0

    @property
    def tokens_in_each(self) -> int:
        return -(-self.tokens_in // self.rows)

    @property
    def tokens_out_each(self) -> int:
        return -(-self.tokens_out // self.rows)

    @property
    def sentence(self) -> str:
        """What it costs, in words."""
        asked = f"{self.rows:,} question{'' if self.rows == 1 else 's'}"
        if self.is_free:
            return f"{asked} on a machine of your own, free."
        if self.cost_usd is None:
            return f"{asked}, at a price that is not known here, for about {self.tokens_in:,} tokens in."
        usd = max(self.cost_usd, Decimal("0.01"))
        return (
            f"{asked} for about ${usd:,.2f} by list price ({self.tokens_in:,} tokens in and {self.tokens_out:,} out; "
            "more for a model that thinks before it answers)."
        )


def estimate(
    db: Database,
    model: Model,
    dataset: str | int | DatasetVersion,
    split: SplitName = "test",
    limit: int | None = None,
    *,
    settings: Settings | None = None,
) -> EvaluationEstimate:
    """Return what evaluating would take. Raises `ModelRefused` and `DatasetRefused` where it cannot be done."""
    version = versions.frozen(db, dataset)
    called = calls.called(model)
    places = rows.positions(db, version, _split(split), _limit(limit))
    skipped = rows.skipped(db, version, _split(split))
    if not places:
        why = f"has nothing to ask: {rows.why_skipped(skipped)} Choose" if skipped else "is empty; choose"
        raise ModelRefused(f"The split {split} of {version.label} {why} another one.")
    sample = rows.at(db, version, places[:_SAMPLE])
    scale = len(places) / len(sample)
    before = _tokens([called.profile.system, *(text for _, text in called.profile.turns)]) if called.profile else 0
    tokens_in = round(
        scale * sum(_tokens([row.system, row.prompt, *(text for _, text in row.turns)]) for row in sample)
    )
    tokens_in += before * len(places)
    tokens_out = round(scale * sum(_tokens([row.expected]) for row in sample))
    # By the question: lists of prices say what holds for a prompt of so many tokens, and not for all together.
    found = EvaluationEstimate(
        len(places), tokens_in, tokens_out, None, calls.is_free(called, settings=settings), skipped
    )
    one = calls.cost_usd(called, found.tokens_in_each, found.tokens_out_each, settings=settings)
    return replace(found, cost_usd=None if one is None else one * len(places))


def start(
    db: Database,
    model_id: int | str,
    dataset: str | int | DatasetVersion,
    split: SplitName = "test",
    limit: int | None = None,
    *,
    actor: str,
    reason: str = "",
    confirmed_cost: bool = False,
    settings: Settings | None = None,
) -> int:
    """Have a model answer the records of a split, or `limit` of them; the id of the evaluation, which a worker does.

    Raises `ModelRefused` for a model that cannot be asked, and for one that may cost something unless `confirmed_cost`,
    `DatasetRefused` for a version without records, `Conflict` where the same is under way.
    """
    model = records.get(db, model_id)
    version = versions.frozen(db, dataset)
    expected = estimate(db, model, version, split, limit, settings=settings)
    if not (expected.is_free or confirmed_cost):
        raise ModelRefused(f"Evaluating {model.name} asks {expected.sentence} Confirm the cost to start it.")
    with db.begin() as connection:
        model = records.find(connection, model.id, lock=True)
        availability.refuse_not_callable(model)
        columns = evaluations.c
        same = (columns.model_id == model.id, columns.dataset_id == version.id, columns.split == split)
        open_one = connection.execute(select(columns.id).where(*same, columns.state == "running")).scalars().first()
        if open_one is not None:
            raise Conflict(f"{model.name} answers the split {split} of {version.label} already: evaluation {open_one}.")
        made = connection.execute(
            evaluations.insert()
            .values(
                model_id=model.id,
                dataset_id=version.id,
                split=split,
                state="running",
                row_total=expected.rows,
                row_done=0,
                metrics={},
                tokens_in=0,
                tokens_out=0,
                cost_usd=0,
                error="",
                created_by=actor,
                row_skipped=expected.skipped,
            )
            .returning(columns.id)
        ).scalar_one()
        _enqueue(connection, made, actor)
        _record(
            connection,
            made,
            "evaluate",
            actor=actor,
            reason=reason,
            after={
                "model": model.id,
                "dataset": version.label,
                "split": split,
                "rows": expected.rows,
                "skipped": expected.skipped,
            },
        )
    return made


def cancel(db: Database, evaluation_id: int, *, actor: str, reason: str = "") -> bool:
    """Ask no more; what is answered is kept. Whether that changed anything."""
    with db.begin() as connection:
        find(connection, evaluation_id)
        changed = connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id, evaluations.c.state == "running")
            .values(state="cancelled", finished_at=func.now())
        ).rowcount
        if changed:
            _record(connection, evaluation_id, "cancel evaluation", actor=actor, reason=reason)
    return bool(changed)


def resume(db: Database, evaluation_id: int, *, actor: str, reason: str = "") -> None:
    """Ask what is not answered yet; what is answered is not asked again. Raises `ModelRefused` for a done one."""
    with db.begin() as connection:
        evaluation = find(connection, evaluation_id)
        if evaluation.state == "done":
            raise ModelRefused(f"Evaluation {evaluation_id} is done; start a new one to ask again.")
        availability.refuse_not_callable(records.find(connection, evaluation.model_id, lock=True))
        connection.execute(
            update(evaluations)
            .where(evaluations.c.id == evaluation_id)
            .values(state="running", error="", finished_at=None)
        )
        _enqueue(connection, evaluation_id, actor)
        _record(connection, evaluation_id, "resume evaluation", actor=actor, reason=reason)


def stalled(db: Database, evaluations_: Sequence[Evaluation]) -> set[int]:
    """Those of the evaluations that are open while nothing in the queue carries them on; they can be resumed."""
    open_ones = {_key(each.id): each.id for each in evaluations_ if each.state == "running"}
    query = select(commands_table.c.dedupe_key).where(
        commands_table.c.dedupe_key.in_(open_ones), commands_table.c.status.in_(("pending", "running", "paused"))
    )
    with db.connect() as connection:
        carried = set(connection.scalars(query)) if open_ones else set()
    return {number for key, number in open_ones.items() if key not in carried}


def command(evaluation_id: int) -> NewCommand:
    """Return what carries an evaluation out. Whatever else waits goes first: plans and texts are wanted sooner."""
    return NewCommand(
        AGENT,
        ACTION,
        {"evaluation": evaluation_id},
        priority=-1,
        dedupe_key=_key(evaluation_id),
        max_attempts=MOST_ATTEMPTS,
    )


def _enqueue(connection: Connection, evaluation_id: int, actor: str) -> None:
    commands.enqueue_in(connection, command(evaluation_id), actor=actor)


def _key(evaluation_id: int) -> str:
    return f"tuning/evaluate/{evaluation_id}"


def _record(
    connection: Connection, evaluation_id: int, action: str, *, actor: str, reason: str, after: dict | None = None
) -> None:
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject="evaluation",
        subject_id=evaluation_id,
        after=after,
        reason=reason,
        row_count=1,
    )


def _tokens(texts: Sequence[str]) -> int:
    return sum(tokens.count_tokens(text).count for text in texts)


def _split(word: str) -> SplitName:
    for name in NAMES:
        if word == name:
            return name
    raise ModelRefused(f"There is no split {word[:50]!r}; choose one of {', '.join(NAMES)}.")


def _limit(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise ModelRefused(f"At least one record has to be asked, not {limit}.")
    return limit
