"""Judgements that run at once never pass the month's budget: the most that each may cost is set aside first."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from core.db import Database
from core.deployments.preferences import set_planner_model
from core.llm import Model
from core.orchestrator import executions, model_calls, queries
from core.orchestrator.plans import Plan, Request, Step, to_json
from core.orchestrator.scoring.judge import most_usd
from core.settings import get_settings
from core.tuning import budget
from tests.llm.servers import FAKES, FakeProvider, serving
from tests.orchestrator.driving import drive
from tests.orchestrator.test_truth import submitted
from tests.tuning.conftest import run

MODEL = Model("anthropic", "claude-haiku-4-5")
PLAN = Plan("content_generation", (Step("d", "content", "draft", {"topic": "shelves", "format": "post"}, "As asked."),))


@pytest.fixture
def anthropic(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with serving(FAKES["anthropic"]()) as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        yield fake
    get_settings.cache_clear()


@pytest.fixture
def two(database: Database) -> tuple[str, str]:
    """Two executions."""
    made = [submitted(database, f"Write a short post about shelf {number}.").execution_id for number in range(2)]
    return made[0], made[1]


def set_budget(database: Database, usd: str) -> None:
    budget.set_budget(database, Decimal(usd), actor="ada", reason="test")


def test_of_two_at_once_that_fit_alone_one_is_judged(database: Database, two: tuple[str, str]) -> None:
    set_budget(database, "1")
    begin, said = threading.Barrier(2), {}

    def reserve(execution_id: str) -> None:
        begin.wait()
        said[execution_id] = budget.set_aside(database, execution_id, Decimal("0.60"))

    threads = [threading.Thread(target=reserve, args=(each,)) for each in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [why for why in said.values() if why]
    assert len(refused) == 1
    assert refused[0].startswith("Judging it may cost $0.60, and $0.40 is left of this month's budget of $1.00")
    assert (budget.budget(database).reserved_usd, budget.budget(database).left_usd) == (
        Decimal("0.60"),
        Decimal("0.40"),
    )


def test_what_was_not_taken_is_given_back(database: Database, two: tuple[str, str]) -> None:
    set_budget(database, "1")
    first, second = two
    assert budget.set_aside(database, first, Decimal("0.60")) == ""
    budget.settle(database, first, None)  # nobody knows what it took
    assert budget.budget(database).reserved_usd == Decimal("0.60")
    assert budget.set_aside(database, second, Decimal("0.60"))
    budget.settle(database, first, "0.02")
    assert budget.budget(database).left_usd == Decimal("0.98")
    assert budget.set_aside(database, second, Decimal("0.60")) == ""


def test_trying_again_sets_nothing_aside_twice(database: Database, two: tuple[str, str]) -> None:
    set_budget(database, "1")
    for _ in range(3):
        assert budget.set_aside(database, two[0], Decimal("0.60")) == ""
    assert budget.budget(database).reserved_usd == Decimal("0.60")


def test_what_is_free_or_without_a_price_sets_nothing_aside(database: Database, two: tuple[str, str]) -> None:
    set_budget(database, "0")
    assert budget.set_aside(database, two[0], Decimal(0)) == ""
    assert "Nothing is left" in budget.set_aside(database, two[0], None)
    set_budget(database, "0.01")
    assert budget.set_aside(database, two[0], None) == ""
    assert budget.budget(database).reserved_usd == 0


def test_what_was_set_aside_last_month_is_of_last_month(database: Database, two: tuple[str, str]) -> None:
    set_budget(database, "1")
    budget.set_aside(database, two[0], Decimal("0.60"))
    before = """jsonb_build_object('cost_usd', '0.60', 'at', date_trunc('month', now()) - interval '1 s')"""
    run(database, f"UPDATE executions SET spent = spent || jsonb_build_object('set_aside', {before})")
    assert budget.budget(database).reserved_usd == 0


def ready(database: Database, anthropic: FakeProvider) -> str:
    """An execution whose steps are about to be done."""
    set_planner_model(database, str(MODEL), actor="ada", reason="test")
    anthropic.say(to_json(PLAN))
    return submitted(database, "Write a short post about shelves.").execution_id


def test_a_judgement_is_set_aside_for_while_it_is_asked_and_its_cost_is_kept(
    database: Database, anthropic: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_budget(database, "1")
    execution_id = ready(database, anthropic)
    asked, meanwhile = model_calls.judge, []

    def watched(*given: object) -> dict[str, object]:
        meanwhile.append(budget.budget(database))
        return asked(*given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(model_calls, "judge", watched)
    anthropic.say("Shelves save walking. Which one is yours?")
    anthropic.say({"reason": "Fine.", "score": 0.8}, tokens_in=1_000, tokens_out=100)
    executions.approve(database, execution_id, actor="bob")
    drive(database)
    done = queries.get(database, execution_id)
    (during,) = meanwhile
    assert done.score == 0.8
    assert during.reserved_usd > Decimal(done.spent["judging"]["cost_usd"]) == Decimal("0.0015")
    assert "set_aside" not in done.spent
    now = budget.budget(database)
    assert (now.judged_usd, now.reserved_usd) == (Decimal("0.0015"), 0)


def test_what_does_not_fit_is_not_asked_and_says_so(database: Database, anthropic: FakeProvider) -> None:
    set_budget(database, "0.001")
    execution_id = ready(database, anthropic)
    anthropic.say("Shelves save walking. Which one is yours?")
    executions.approve(database, execution_id, actor="bob")
    drive(database)
    done = queries.get(database, execution_id)
    assert (done.status, done.score, len(anthropic.asked)) == ("completed", None, 2)
    assert "Judging it may cost $0.0" in (done.score_parts or [])[-1]["reason"]
    assert budget.budget(database).reserved_usd == 0


def test_a_judgement_of_what_was_cancelled_meanwhile_still_counts(
    database: Database, anthropic: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_budget(database, "1")
    execution_id = ready(database, anthropic)
    asked = model_calls.judge

    def cancelled(*given: object) -> dict[str, object]:
        executions.cancel(database, execution_id, actor="bob")
        drive(database, agents=["orchestrator"])
        return asked(*given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(model_calls, "judge", cancelled)
    anthropic.say("Shelves save walking. Which one is yours?")
    anthropic.say({"reason": "Fine.", "score": 0.8}, tokens_in=1_000, tokens_out=100)
    executions.approve(database, execution_id, actor="bob")
    drive(database)
    assert queries.get(database, execution_id).status == "cancelled"
    assert budget.budget(database).reserved_usd == Decimal("0.0015")


def test_the_most_that_a_judgement_may_cost_is_more_than_one_costs(anthropic: FakeProvider) -> None:
    request, result = Request("Write a post about shelves."), {"d": "Shelves save walking. " * 500}
    most = most_usd(MODEL, request, PLAN, result)
    assert most is not None
    assert most > Decimal("0.02")  # 4,000 tokens out alone
    longer = most_usd(MODEL, request, PLAN, {"d": "Shelves save walking. " * 5_000})
    assert longer is not None
    assert longer > most
    assert most_usd(Model("ollama", "qwen3:4b"), request, PLAN, result) == 0
    assert most_usd(Model("openai", "nobody-knows"), request, PLAN, result) is None
