"""The audit log as it is searched: who, what, when, words, page by page, and as CSV."""

import csv
import datetime as dt
import io

import pytest

from core import audit
from core.audit import Chosen
from core.db import Database

SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def log(database: Database) -> Database:
    """Lines of three people."""
    lines = (
        ("ada", "import", "import", "1", {"file": "Runs.csv", "new": 3}, ""),
        ("ben", "add tags", "examples", "7", {"tags": ["GOOD"]}, "=1+1"),
        ("ada", "execution", "execution", "run-1", {"status": "approved"}, "looks right"),
        ("orchestrator", "execution", "execution", "run-1", {"status": "completed"}, ""),
        ("ada", "tuning", "job", "3", {"asked": "cancel"}, "100% sure_"),
    )
    with database.begin() as connection:
        for actor, action, subject, thing, after, reason in lines:
            said = {"actor": actor, "action": action, "subject": subject, "subject_id": thing}
            audit.record(connection, **said, after=after, reason=reason)
    return database


def verbs(db: Database, **chosen: object) -> list[str]:
    return [line.verb for line in audit.entries(db, chosen=Chosen(**chosen))]  # type: ignore[arg-type]


def test_the_verb_of_a_step_is_the_state_it_came_to(log: Database) -> None:
    assert verbs(log) == ["tuning", "completed", "approved", "add tags", "import"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"actors": ("ada",)}, ["tuning", "approved", "import"]),
        ({"actors": ("ada", "ben"), "verbs": ("import", "add tags")}, ["add tags", "import"]),
        ({"verbs": ("approved",)}, ["approved"]),
        ({"verbs": ("execution",)}, []),
        ({"words": "RUN-1"}, ["completed", "approved"]),
        ({"words": "good"}, ["add tags"]),
        ({"words": "runs.csv"}, ["import"]),
        ({"words": "100% sure_"}, ["tuning"]),
        ({"words": "%"}, ["tuning"]),
        ({"words": "\0"}, ["tuning", "completed", "approved", "add tags", "import"]),
        ({"words": "nowhere"}, []),
        ({"since": SINCE, "until": SINCE + dt.timedelta(days=1)}, []),
        ({"since": SINCE}, ["tuning", "completed", "approved", "add tags", "import"]),
    ],
)
def test_lines_are_chosen(log: Database, chosen: dict[str, object], expected: list[str]) -> None:
    assert verbs(log, **chosen) == expected


def test_what_can_be_chosen_is_what_there_is(log: Database) -> None:
    assert audit.choices(log) == audit.Choices(
        ("ada", "ben", "orchestrator"), ("add tags", "approved", "completed", "import", "tuning")
    )


def test_pages_of_a_filter_follow_each_other(log: Database) -> None:
    chosen = Chosen(actors=("ada",))
    first = audit.entries(log, chosen=chosen, limit=2)
    rest = audit.entries(log, chosen=chosen, before=first[-1].id, limit=2)
    assert [line.verb for line in (*first, *rest)] == ["tuning", "approved", "import"]


def test_csv_holds_every_line_and_no_formula(log: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    rows = list(csv.DictReader(io.StringIO(b"".join(audit.export(log, Chosen())).decode())))
    assert [row["actor"] for row in rows] == ["ada", "orchestrator", "ada", "ben", "ada"]
    assert rows[3]["reason"] == "'=1+1"
    assert rows[3]["after"] == '{"tags":["GOOD"]}'
    assert rows[0]["at"].endswith("+00:00")
