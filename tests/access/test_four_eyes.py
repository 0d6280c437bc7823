"""Who submitted a request may not approve its plan, where that is set; and of two who approve, one does."""

import threading

import pytest

from core import audit
from core.db import Database
from core.errors import Conflict, NotAllowed
from core.orchestrator import executions, queries
from core.settings import get_settings
from tests.orchestrator.driving import at_once, drive, submitted


@pytest.fixture
def four_eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_FOUR_EYES", "1")
    get_settings.cache_clear()


@pytest.mark.usefixtures("four_eyes")
@pytest.mark.parametrize("actor", ["ada", "Ada", " ADA "])
def test_who_submitted_may_not_approve(database: Database, actor: str) -> None:
    waiting = submitted(database)
    lines = audit.entries(database)
    with pytest.raises(NotAllowed, match="submitted this request, so somebody else has to approve"):
        executions.approve(database, waiting.execution_id, actor=actor, plan=waiting.plan)
    assert queries.get(database, waiting.execution_id) == waiting
    assert audit.entries(database) == lines
    assert executions.approve(database, waiting.execution_id, actor="bob").decided_by == "bob"


@pytest.mark.usefixtures("four_eyes")
def test_who_submitted_may_still_reject_and_cancel(database: Database) -> None:
    first, second = submitted(database, "A blog post, one"), submitted(database, "A blog post, two")
    assert executions.reject(database, first.execution_id, actor="ada", reason="not now").status == "rejected"
    assert executions.cancel(database, second.execution_id, actor="ada").status == "cancelled"


def test_without_the_setting_one_person_does_both(database: Database) -> None:
    waiting = submitted(database)
    assert executions.approve(database, waiting.execution_id, actor="ada").decided_by == "ada"


@pytest.mark.usefixtures("four_eyes")
@pytest.mark.parametrize("round_", range(4))
def test_of_several_who_approve_at_once_one_does_and_never_who_submitted(database: Database, round_: int) -> None:
    waiting = submitted(database)
    outcomes: dict[str, str] = {}
    lock = threading.Lock()

    def approver(name: str) -> None:
        try:
            executions.approve(database, waiting.execution_id, actor=name)
            outcome = "approved"
        except (Conflict, NotAllowed) as error:
            outcome = type(error).__name__
        with lock:
            outcomes[name] = outcome

    names = ["bob", "ada", "cay", "ada ", "dan"]
    acts = [lambda name=name: approver(name) for name in names]
    at_once(acts[round_:] + acts[:round_])
    (by,) = [name for name, outcome in outcomes.items() if outcome == "approved"]
    assert by in ("bob", "cay", "dan")
    assert queries.get(database, waiting.execution_id).decided_by == by
    assert sorted(outcomes[name] for name in ("bob", "cay", "dan")) == ["Conflict", "Conflict", "approved"]
    # As many commands as one approval makes: each step once, and the scoring.
    assert waiting.plan is not None
    assert drive(database) == len(waiting.plan.steps) + 1
