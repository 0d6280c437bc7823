"""Where a version came from, and what was made with it."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select

from core.db import Database
from core.db.tables import examples, imports, members, models, tuning_jobs


@dataclass(frozen=True)
class Source:
    """An import that brought records of the version; `import_id` is None for what was captured."""

    import_id: int | None
    file_name: str
    at: dt.datetime | None
    count: int


@dataclass(frozen=True)
class Use:
    """A fine-tuning job that was given the version. `state` is "legacy" for one of the original system."""

    id: int
    job_id: str
    state: str
    status: str
    target_model: str
    result: str
    created_at: dt.datetime | None


@dataclass(frozen=True)
class Lineage:
    """Before and after a version."""

    sources: tuple[Source, ...]
    uses: tuple[Use, ...]


def of(db: Database, dataset_id: int) -> Lineage:
    """Return the largest source first, the newest job first."""
    rows = func.count().label("rows")
    sources = (
        select(examples.c.import_id, imports.c.file_name, imports.c.at, rows)
        .select_from(
            members.join(examples, examples.c.id == members.c.example_id).outerjoin(
                imports, imports.c.id == examples.c.import_id
            )
        )
        .where(members.c.dataset_id == dataset_id)
        .group_by(examples.c.import_id, imports.c.file_name, imports.c.at)
        .order_by(rows.desc(), examples.c.import_id)
    )
    jobs = (
        select(tuning_jobs, models.c.name.label("made"))
        .select_from(tuning_jobs.outerjoin(models, models.c.job_id == tuning_jobs.c.id))
        .where(tuning_jobs.c.dataset_id == dataset_id)
        .order_by(tuning_jobs.c.created_at.desc(), tuning_jobs.c.id.desc())
    )
    with db.reading() as connection:
        return Lineage(
            sources=tuple(
                Source(row.import_id, row.file_name or "", row.at, row.rows) for row in connection.execute(sources)
            ),
            uses=tuple(
                Use(
                    row.id,
                    row.job_id,
                    row.state,
                    row.status,
                    row.target_model,
                    row.made or row.result_model_id or "",
                    row.created_at,
                )
                for row in connection.execute(jobs)
            ),
        )
