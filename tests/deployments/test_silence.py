"""A model that does not answer is deployed for a written reason alone."""

import pytest

from core import audit, deployments
from core.db import Database
from core.errors import Conflict, ModelRefused, ReasonNeeded
from core.settings import get_settings
from tests.llm.conftest import model_of
from tests.tuning.made import a_model, answering

pytestmark = pytest.mark.asks


def test_one_that_is_not_there_needs_a_reason(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model(database, "nothere")
    with answering("ollama", monkeypatch):
        for reason in ("", "because", "just so"):
            with pytest.raises(ReasonNeeded, match=r"nothere does not answer: .*at least 3 words"):
                deployments.deploy(database, model.id, actor="ada", reason=reason)
        assert deployments.current(database) is None
        deployments.deploy(database, model.id, actor="ada", reason="it comes tomorrow")
    line = audit.entries(database, subject="deployment")[0]
    assert line.reason == "it comes tomorrow"
    assert "nothere does not answer" in line.after["although"]


def test_one_that_nobody_runs_needs_a_reason(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    get_settings.cache_clear()
    a_model(database, "plans")
    with pytest.raises(ReasonNeeded, match="cannot be reached"):
        deployments.deploy(database, "plans", actor="ada")


@pytest.mark.parametrize("provider_name", ["ollama", "openai", "anthropic", "gemini"])
def test_one_that_answers_needs_none(database: Database, monkeypatch: pytest.MonkeyPatch, provider_name: str) -> None:
    with answering(provider_name, monkeypatch) as provider:
        a_model(database, "plans", call_name=str(model_of(provider)))
        provider.say("OK.")
        deployments.deploy(database, "plans", actor="ada")
        with pytest.raises(Conflict, match="in use already"):
            deployments.deploy(database, "plans", actor="ada")
    assert "although" not in audit.entries(database, subject="deployment")[0].after


def test_what_was_in_use_a_moment_ago_is_not_asked(database: Database) -> None:
    a_model(database, "plans")
    assert deployments.deploy(database, "plans", actor="ada", is_known=True).is_open


def test_one_that_cannot_be_asked_is_refused_whatever_the_reason(database: Database) -> None:
    a_model(database, "plans", serving="none", call_name="")
    with pytest.raises(ModelRefused, match="nothing serves it"):
        deployments.deploy(database, "plans", actor="ada", reason="it comes tomorrow")


def test_a_roll_back_asks_the_former_one_first(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    former, now = a_model(database, "former"), a_model(database, "now")
    deployments.deploy(database, former.id, actor="ada", is_known=True)
    deployments.deploy(database, now.id, actor="ada", is_known=True)
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    get_settings.cache_clear()
    with pytest.raises(ReasonNeeded, match=r"former does not answer: .*cannot be reached.*at least 3 words"):
        deployments.rollback(database, actor="ada", reason="worse")
    assert [each.model_name for each in deployments.history(database)] == ["now", "former"]
    back = deployments.rollback(database, actor="ada", reason="now is worse still")
    assert back is not None
    assert back.model_name == "former"
    assert "former does not answer" in audit.entries(database, subject="deployment")[0].after["although"]


def test_a_roll_back_to_one_that_answers_needs_no_reason(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering("ollama", monkeypatch) as provider:
        former = a_model(database, "former", call_name=str(model_of(provider)))
        deployments.deploy(database, former.id, actor="ada", is_known=True)
        deployments.deploy(database, a_model(database, "now").id, actor="ada", is_known=True)
        provider.say("OK.")
        back = deployments.rollback(database, actor="ada")
        assert back is not None
        assert back.model_name == "former"


def test_a_roll_back_to_no_model_asks_nobody(database: Database) -> None:
    deployments.deploy(database, a_model(database, "now").id, actor="ada", is_known=True)
    assert deployments.rollback(database, actor="ada") is None
