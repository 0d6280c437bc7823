"""Models as values: read one, look one up by id or name, list them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, exists, select, text

from core.bounds import id_in
from core.db import Database
from core.db.tables import deployments, models
from core.errors import ModelRefused, UnknownModel

Kind = Literal["base", "tuned", "profile"]
Serving = Literal["none", "deploying", "ready", "failed", "deleting", "deleted"]
#: Something happens at the provider, and it is asked how far it is.
MOVING: tuple[Serving, ...] = ("deploying", "deleting")


@dataclass(frozen=True)
class Model:
    """One line of the registry."""

    id: int
    name: str
    kind: Kind
    #: The id of the provider of fine-tuning that made it, or could: local, openai, gemini, claude, bedrock.
    provider: str
    base_model: str
    #: As `provider:name`; "" while nothing serves it.
    call_name: str
    job_id: int | None
    dataset_id: int | None
    parameters: Mapping[str, Any]
    checkpoints: Sequence[Mapping[str, Any]]
    #: Files or ids that make it up, each with its sha256 where there is one.
    artefacts: Sequence[Mapping[str, Any]]
    #: Of a profile: its system prompt and examples.
    profile: Mapping[str, Any] | None
    #: What it took to make; None where nobody knows.
    cost_usd: Decimal | None
    notes: str
    serving: Serving
    serving_remote: Mapping[str, Any]
    serving_error: str
    #: What serving it costs an hour; None where nobody knows, or where it costs nothing.
    hourly_usd: Decimal | None
    #: The last day on which its provider lets it answer.
    shutdown_date: dt.date | None
    created_at: dt.datetime
    created_by: str
    archived_at: dt.datetime | None
    #: Whether the orchestrator works with it now.
    in_use: bool

    @property
    def is_moving(self) -> bool:
        return self.serving in MOVING

    def is_past(self, today: dt.date | None = None) -> bool:
        """Whether its last day is over."""
        return self.shutdown_date is not None and self.shutdown_date < (today or dt.datetime.now(dt.UTC).date())


@dataclass(frozen=True)
class ModelPage:
    """Models in order, and the mark of the page after them; None on the last page."""

    rows: list[Model]
    next: int | None


def page(
    db: Database,
    *,
    kinds: Sequence[Kind] = (),
    archived: bool = False,
    after: int | None = None,
    limit: int = 50,
    offset: int = 0,
) -> ModelPage:
    """Return the newest first.

    `kinds`: none of them is all; `archived`: archived ones too; `after`: the `next` of a page.
    """
    query = _query(archived=archived).limit(limit + 1).offset(offset)
    if kinds:
        query = query.where(models.c.kind.in_(kinds))
    if after is not None:
        query = query.where(models.c.id < after)
    with db.reading() as connection:
        rows = [of_row(row) for row in connection.execute(query)]
    return ModelPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def all_models(db: Database, *, archived: bool = False) -> list[Model]:
    """Every model, the newest first."""
    with db.reading() as connection:
        return [of_row(row) for row in connection.execute(_query(archived=archived))]


def get(db: Database, which: int | str) -> Model:
    """Return the model with this id or name. Raises `UnknownModel`, naming what there is."""
    with db.reading() as connection:
        return find(connection, which)


def find(connection: Connection, which: int | str, *, lock: bool = False) -> Model:
    """Return the same inside the caller's transaction. `lock`: nobody else changes it before that ends.

    Text that is no name may be an id, as it is typed on a command line.
    """
    if isinstance(which, str):
        which = which.replace("\0", "").strip()
        known = connection.execute(select(models.c.id).where(models.c.name == which)).scalar_one_or_none()
        number = id_in(which)
        which = known if known is not None else which if number is None else number
    if isinstance(which, str) or not 0 < which < 2**63:
        raise _unknown(connection, which)
    if lock:
        connection.execute(select(models.c.id).where(models.c.id == which).with_for_update())
    row = connection.execute(_select().where(models.c.id == which)).one_or_none()
    if row is None:
        raise _unknown(connection, which)
    return of_row(row)


def version(db: Database) -> str:
    """Differs when something about models, deployments or evaluations is new to see; cheap."""
    with db.reading() as connection:
        return connection.execute(_VERSION).scalar_one()


#: The system column xmin of a row is another one after every write to it.
_VERSION = text(
    """
    SELECT concat_ws('/',
        (SELECT md5(string_agg(id || ' ' || xmin::text, ',' ORDER BY id)) FROM models),
        (SELECT count(*) || ' ' || count(ended_at) FROM deployments),
        (SELECT md5(string_agg(id || ' ' || xmin::text, ',' ORDER BY id)) FROM evaluations))"""
)


def _select() -> Select[Any]:
    """Whether a model is in use is asked with it: in one moment."""
    is_open = exists().where(deployments.c.model_id == models.c.id, deployments.c.ended_at.is_(None))
    return select(models, is_open.label("in_use"))


def _query(*, archived: bool) -> Select[Any]:
    query = _select().order_by(models.c.id.desc())
    return query if archived else query.where(models.c.archived_at.is_(None))


def of_row(row: Row[Any]) -> Model:
    """Return the model in a row."""
    return Model(**row._asdict())  # pyright: ignore[reportPrivateUsage] (public, as a named tuple's is)


def _unknown(connection: Connection, which: int | str) -> UnknownModel:
    names = connection.scalars(
        select(models.c.name).where(models.c.archived_at.is_(None)).order_by(models.c.id.desc()).limit(20)
    ).all()
    known = f"there are: {', '.join(names)}" if names else "there is none yet; train one, or add a base model"
    called = f"the id {which}" if isinstance(which, int) else f"the name {which[:200]!r}"
    return UnknownModel(f"There is no model with {called}; {known}.")


def refuse_archived(model: Model) -> None:
    """Check that a model is not archived. Raises `ModelRefused`."""
    if model.archived_at is not None:
        raise ModelRefused(f"{model.name} is archived; take it out of the archive first.")
