"""Jobs and models as they stand in the registry, for tests that are not about how they are made."""

import uuid

from sqlalchemy import Connection

from core.tables import tuning_jobs


def a_job(connection: Connection, *, dataset_id: int | None = None, state: str = "succeeded", base: str = "b") -> int:
    """The id of a job that ended well."""
    values = {
        "job_id": uuid.uuid4().hex, "target_model": base, "state": state, "provider": "local",
        "dataset_id": dataset_id, "created_by": "ada", "status": "completed",
    }  # fmt: skip
    return connection.execute(tuning_jobs.insert().values(**values).returning(tuning_jobs.c.id)).scalar_one()
