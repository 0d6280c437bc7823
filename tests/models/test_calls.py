"""Asking a model of the registry, through the real SDKs to servers that speak each provider's protocol."""

import datetime as dt
from decimal import Decimal

import pytest

from core import models
from core.db import Database
from core.errors import ModelRefused, ModelUnavailable
from core.llm import Model as Called
from core.models import calls
from tests.llm.conftest import model_of, settings_for
from tests.llm.servers import FAKES, serving
from tests.llm.test_calling import conversation
from tests.tuning.made import a_model

PROFILE = {"system": "Plan as we do.", "examples": [{"user": "Q", "assistant": "A", "position": 3}], "max_tokens": 64}


@pytest.mark.parametrize("name", sorted(FAKES))
def test_base_tuned_and_profile_are_asked_the_same_way(database: Database, name: str) -> None:
    assistant = "model" if name in ("gemini", "vertex") else "assistant"
    with serving(FAKES[name]()) as provider:
        call_name = str(model_of(provider))
        base = models.add_base(database, call_name, actor="ada")
        tuned = a_model(database, "tuned", call_name=call_name)
        profile = a_model(database, "p", kind="profile", call_name=call_name, profile=PROFILE)
        for model in (base, tuned):
            provider.say("Yes.", tokens_in=7, tokens_out=6)
            answer = calls.answer(model, system="Be short.", prompt="So?", settings=settings_for(provider))
            assert (answer.text, answer.tokens_in, answer.tokens_out) == ("Yes.", 7, 6)
            assert conversation(provider) == ("Be short.", [("user", "So?")])
        provider.say("Yes.")
        turns = [("user", "a"), ("assistant", "b")]
        calls.answer(profile, system="", prompt="So?", turns=turns, settings=settings_for(provider))  # type: ignore[arg-type]
        assert conversation(provider) == (
            "Plan as we do.",
            [("user", "Q"), (assistant, "A"), ("user", "a"), (assistant, "b"), ("user", "So?")],
        )
        assert "64" in str(provider.asked[-1]), "a profile is asked for answers as long as it was chosen with"


def test_a_schema_gives_data(database: Database) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with serving(FAKES["ollama"]()) as provider:
        model = a_model(database, call_name=str(model_of(provider)))
        provider.say({"n": 3})
        settings = settings_for(provider)
        assert calls.answer(model, system="", prompt="?", schema=schema, settings=settings).data == {"n": 3}
        provider.fail(500)
        provider.fail(400, "bad")
        with pytest.raises(ModelUnavailable):
            calls.answer(model, system="", prompt="?", settings=settings)


@pytest.mark.parametrize(
    "made", [{"call_name": ""}, {"serving": "none"}, {"serving": "deleted"}, {"shutdown_date": dt.date(2026, 1, 1)}]
)
def test_a_model_that_would_not_answer_is_not_asked(database: Database, made: dict) -> None:
    with pytest.raises(ModelRefused):
        calls.called(a_model(database, **made))


def test_costs_are_by_list_price_nothing_at_home_and_unknown_elsewhere() -> None:
    nowhere = settings_for()
    with serving(FAKES["openai"]()) as provider:
        other = settings_for(provider)
    assert calls.cost_usd(Called("openai", "gpt-6-luna"), 100_000, 100_000, settings=nowhere) == Decimal("0.06")
    assert calls.cost_usd(Called("openai", "gpt-6-luna"), 1_000, 0, settings=other) is None
    assert calls.cost_usd(Called("openai", "ft:gpt-6-luna:x"), 1, 1, settings=nowhere) is None
    assert calls.cost_usd(Called("ollama", "plans"), 1, 1, settings=nowhere) == 0
    assert calls.is_free(Called("ollama", "plans"), settings=nowhere)
    assert not calls.is_free(Called("ollama", "big-cloud"), settings=nowhere)
    assert not calls.is_free(Called("openai", "gpt-6-luna"), settings=nowhere)
    assert not calls.is_free(Called("openai", "unheard-of"), settings=nowhere)
