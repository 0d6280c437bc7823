"""The registry of models."""

from decimal import Decimal

from sqlalchemy import select

from core import audit
from core.database import Database
from core.tables import models as table
from core.tuning import models
from core.tuning.protocol import Made
from tests.tuning.made import a_job


def register(db: Database, name: str = "plans", **made: object) -> int:
    with db.begin() as connection:
        return models.register_in(
            connection,
            job_id=a_job(connection),
            dataset_id=None,
            provider="local",
            base_model="qwen3:4b",
            name=name,
            made=Made(**{"kind": "tuned", "call_name": "ollama:plans", **made}),  # type: ignore[arg-type]
            actor="tuning",
        )


def test_what_came_of_a_job_is_registered_with_all_that_is_known_of_it(database: Database) -> None:
    made = {
        "artefacts": [{"path": "a.gguf", "sha256": "0" * 64}], "checkpoints": [{"step": 3}],
        "parameters": {"epochs": 3}, "cost_usd": Decimal("1.25"), "serving": "ready", "note": "Smoke test passed.",
    }  # fmt: skip
    model_id = register(database, **made)
    with database.connect() as connection:
        row = connection.execute(select(table).where(table.c.id == model_id)).one()
    assert (row.name, row.kind, row.provider, row.call_name) == ("plans", "tuned", "local", "ollama:plans")
    assert {name: getattr(row, name) for name in ("artefacts", "checkpoints", "parameters", "cost_usd", "serving")} == {
        name: value for name, value in made.items() if name != "note"
    }
    assert (row.notes, row.profile, row.created_by) == ("Smoke test passed.", None, "tuning")
    (line,) = audit.entries(database, subject="model", subject_id=model_id)
    assert (line.actor, line.action, line.after["kind"]) == ("tuning", "register", "tuned")


def test_a_name_that_is_taken_gets_a_number(database: Database) -> None:
    for name in ("plans", "plans", "plans 2", "plans", "plan%", "plan%"):
        register(database, name)
    with database.connect() as connection:
        names = set(connection.scalars(select(table.c.name)))
    assert names == {"plans", "plans 2", "plans 2 2", "plans 3", "plan%", "plan% 2"}


def test_a_job_is_registered_once(database: Database) -> None:
    with database.begin() as connection:
        job_id = a_job(connection)
    ids = []
    for _ in range(2):
        with database.begin() as connection:
            ids.append(
                models.register_in(
                    connection, job_id=job_id, dataset_id=None, provider="local", base_model="b", name="plans",
                    made=Made("tuned", "ollama:plans"), actor="tuning",
                )
            )  # fmt: skip
    assert ids[0] == ids[1]
    assert len(audit.entries(database, subject="model")) == 1
