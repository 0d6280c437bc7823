"""Dataset versions as values: look them up, list them, and say which one is meant."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, select

from core.bounds import LARGEST_INTEGER, id_in
from core.datasets import recipes
from core.datasets.candidates import Choice
from core.datasets.rendering import KNOWN, RENDERER
from core.datasets.splits import Split
from core.db import Database
from core.db.tables import datasets, tuning_jobs
from core.errors import DatasetRefused, UnknownDataset
from core.examples import filters

Status = Literal["legacy", "queued", "building", "frozen", "failed", "cancelled"]
#: Equal parts of 0.0 to 1.0 in which quality is counted.
BINS = 20


@dataclass(frozen=True)
class DatasetVersion:
    """One version. `choice` is None for a file of the original system, which is listed but has no members here."""

    id: int
    name: str
    version: int
    description: str
    status: Status
    #: While building: what is being done, and how many records are done.
    phase: str
    done_count: int
    choice: Choice | None
    example_count: int
    avg_quality: float | None
    #: Records in each twentieth of quality, and those without a score.
    histogram: tuple[int, ...]
    unscored: int
    #: Examples left out, by reason.
    left_out: Mapping[str, int]
    renderer: int | None
    #: Everything about a frozen version in one JSON value; None before.
    manifest: Mapping[str, Any] | None
    root_hash: str | None
    #: Bytes of all records in the canonical format.
    size_bytes: int
    error: str | None
    created_at: dt.datetime | None
    created_by: str
    frozen_at: dt.datetime | None
    verified_at: dt.datetime | None
    archived_at: dt.datetime | None
    #: Number of the newest fine-tuning job that uses or used it and did not fail; None: none does, or it is not here.
    used_by: int | None
    #: The same as the original system names it; "" where none does.
    used_by_key: str
    #: Where the last export to a file of this machine was written; "" where there was none.
    file_path: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def rendered_by(self) -> int:
        """The renderer of a frozen version."""
        return self.renderer or RENDERER

    def not_carried(self, format: str, split: str = "all") -> int:  # noqa: A002  (the word of the field)
        """How many of its records a format leaves out, because it cannot carry what they hold."""
        return int((self.manifest or {}).get("not_carried", {}).get(format, {}).get(split, 0))

    @property
    def is_open(self) -> bool:
        """Waiting or being built."""
        return self.status in {"queued", "building"}


def _query() -> Select[*tuple[Any, ...]]:
    job = select(tuning_jobs.c.id).where(tuning_jobs.c.job_id == datasets.c.fine_tune_job_id).scalar_subquery()
    return select(datasets, job.label("used_by"))


def versions(db: Database, *, archived: bool = False) -> list[DatasetVersion]:
    """All versions, the newest first; archived ones only when asked for."""
    query = _query().order_by(datasets.c.created_at.desc().nulls_last(), datasets.c.id.desc())
    if not archived:
        query = query.where(datasets.c.archived_at.is_(None))
    with db.reading() as connection:
        return [_version(row) for row in connection.execute(query)]


def get(db: Database, which: str | int) -> DatasetVersion:
    """Return the version with this id, `NAME@VERSION`, or the newest frozen version of `NAME` (the newest, if none is).

    Raises `UnknownDataset`, naming what there is.
    """
    with db.reading() as connection:
        return by_id(connection, which) if isinstance(which, int) else _by_label(connection, which)


def by_id(connection: Connection, dataset_id: int) -> DatasetVersion:
    """Return the version with this id. Raises `UnknownDataset`."""
    row = connection.execute(_query().where(datasets.c.id == dataset_id)).one_or_none()
    if row is None:
        raise UnknownDataset(f"There is no dataset version with the id {dataset_id}.")
    return _version(row)


def frozen(db: Database, which: "str | int | DatasetVersion") -> DatasetVersion:
    """Return a version whose records can be read. Raises `DatasetRefused` for one that is not frozen."""
    version = which if isinstance(which, DatasetVersion) else get(db, which)
    if version.status == "legacy":
        raise DatasetRefused(
            f"{version.label} is a file of the original system; its records are not here. Create a new version."
        )
    if version.status != "frozen":
        raise DatasetRefused(f"{version.label} is {version.status}, not frozen: it has no records yet.")
    if version.renderer not in KNOWN:
        raise DatasetRefused(
            f"{version.label} was rendered by renderer {version.renderer}; the newest known here is {RENDERER}. "
            "Use the version of Whetstone that its manifest names."
        )
    return version


def _by_label(connection: Connection, label: str) -> DatasetVersion:
    name, at, number = label.rpartition("@")
    if not at:
        name = label
    elif not number.isdecimal():
        raise UnknownDataset(f"{label!r} names no version; write NAME@NUMBER, as in support-plans@2.")
    wanted = id_in(number) if at else 0
    if "\0" in label or wanted is None or wanted > LARGEST_INTEGER:
        told = label.replace("\0", "")[:100]
        raise UnknownDataset(f"There is no dataset {told!r}; {_known(connection, name.replace(chr(0), ''))}.")
    query = _query().where(datasets.c.name == name)
    if at:
        query = query.where(datasets.c.version == wanted)
    newest = query.order_by((datasets.c.status == "frozen").desc(), datasets.c.version.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is None:
        raise UnknownDataset(f"There is no dataset {label!r}; {_known(connection, name)}.")
    return _version(row)


def _known(connection: Connection, name: str) -> str:
    numbers = connection.scalars(
        select(datasets.c.version).where(datasets.c.name == name).order_by(datasets.c.version)
    ).all()
    if numbers:
        return f"{name!r} has the versions {', '.join(map(str, numbers))}"
    names = connection.scalars(select(datasets.c.name).distinct().order_by(datasets.c.name).limit(20)).all()
    return f"there are: {', '.join(names)}" if names else "there is none yet; create one with `dataset create`"


def _version(row: Row[Any]) -> DatasetVersion:
    quality = row.quality_distribution or {}
    left_out = row.left_out or {}
    return DatasetVersion(
        id=row.id,
        name=row.name,
        version=row.version,
        description=row.description or "",
        status=row.status,
        phase=row.phase,
        done_count=row.done_count,
        choice=None if row.status == "legacy" else _choice(row),
        example_count=row.example_count,
        avg_quality=row.avg_quality,
        histogram=tuple(quality.get("histogram", [0] * BINS)) if isinstance(quality, dict) else (0,) * BINS,
        unscored=quality.get("unscored", 0) if isinstance(quality, dict) else 0,
        left_out=left_out.get("counts", {}),
        renderer=row.renderer,
        manifest=row.manifest,
        root_hash=row.root_hash.hex() if row.root_hash is not None else None,
        size_bytes=row.file_size_bytes or 0,
        error=row.error,
        created_at=row.created_at,
        created_by=row.created_by or "",
        frozen_at=row.frozen_at,
        verified_at=row.verified_at,
        archived_at=row.archived_at,
        used_by=row.used_by,
        used_by_key=row.fine_tune_job_id or "",
        file_path=row.file_path or "",
    )


def _choice(row: Row[Any]) -> Choice:
    return Choice(
        filter=filters.parse(row.filters or {}),
        recipe=recipes.parse(row.recipe),
        split=Split.model_validate(row.split),
        excluded_ids=tuple(row.left_out.get("excluded_ids", ())),
        drop_duplicates=row.left_out.get("drop_duplicates", True),
    )
