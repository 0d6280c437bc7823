"""What a workspace is set to, and who changed it."""

import pytest

from core import audit
from core.db import Database
from core.deployments import preferences as settings
from core.deployments.preferences import BANNED_WORDS, Preferences, preferences
from core.errors import ConfigurationError
from core.llm import Model


def test_the_defaults_ask_for_approval_and_for_no_model(database: Database) -> None:
    assert preferences(database) == Preferences(True, None, True, 0.6, BANNED_WORDS)


def test_each_change_is_kept_and_audited_with_what_was_before(database: Database) -> None:
    assert settings.set_approval(database, False, actor="ada", reason="trust")
    assert settings.set_planner_model(database, "ollama:qwen3:4b", actor="ada", reason="try")
    assert settings.set_planner_model(database, Model("openai", "x"), actor="bob", reason="better")
    assert settings.set_judging(database, False, actor="ada", reason="second view")
    assert settings.set_success_threshold(database, 0.75, actor="ada", reason="strict")
    assert settings.set_banned_words(database, ["B", "a ", "b", ""], actor="ada", reason="ours")
    assert preferences(database) == Preferences(False, Model("openai", "x"), False, 0.75, ("a", "b"))
    lines = audit.entries(database, subject="setting", subject_id="planner_model")
    assert [(line.actor, line.before, line.after, line.reason) for line in lines] == [
        ("bob", {"value": "ollama:qwen3:4b"}, {"value": "openai:x"}, "better"),
        ("ada", {"value": ""}, {"value": "ollama:qwen3:4b"}, "try"),
    ]
    assert settings.set_planner_model(database, None, actor="ada", reason="back")
    assert settings.planner_model(database) is None
    assert settings.approval_required(database) is False


def test_what_does_not_change_leaves_no_line(database: Database) -> None:
    assert not settings.set_approval(database, True, actor="ada", reason="")
    assert not settings.set_judging(database, True, actor="ada", reason="")
    assert audit.entries(database) == []


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_are_between_0_and_1(database: Database, value: float) -> None:
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        settings.set_success_threshold(database, value, actor="ada", reason="")


def test_a_name_that_is_no_model_is_refused(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="names no model"):
        settings.set_planner_model(database, "gpt", actor="ada", reason="")
    with pytest.raises(ConfigurationError, match="100 characters"):
        settings.set_banned_words(database, ["x" * 101], actor="ada", reason="")
