"""One chat call, through the real SDKs, to servers that speak each provider's protocol."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ModelUnavailable
from core.llm import Completion, Model, Profile, complete
from tests.llm.conftest import failing, model_of, settings_for
from tests.llm.servers import FAKES, FakeProvider, OpenAI, serving

Ask = Callable[..., Completion]
#: Those whose word for the assistant is model.
GOOGLES = ("gemini", "vertex")

SCHEMA = {
    "type": "object",
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "reason": {"type": "string", "minLength": 1, "maxLength": 500},
        "kind": {"enum": ["a", "b"]},
        "note": {"type": "string"},
        "parts": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"name": {"type": "string", "const": name}, "weight": {"type": "integer"}},
                        "required": ["name"],
                        "additionalProperties": False,
                    }
                    for name in ("x", "y")
                ]
            },
        },
    },
    "required": ["score", "reason", "kind"],
    "additionalProperties": False,
}
GOOD = {"score": 0.5, "reason": "It is in the middle.", "kind": "a", "parts": [{"name": "y"}]}


def test_an_answer_comes_with_the_providers_own_count_of_tokens(provider: FakeProvider, ask: Ask) -> None:
    provider.say("Hello.", tokens_in=120, tokens_out=30)
    answer = ask()
    assert (answer.text, answer.data) == ("Hello.", None)
    assert (answer.tokens_in, answer.tokens_out) == (120, 30)
    assert answer.model == model_of(provider)
    assert answer.duration_s > 0


def test_system_and_prompt_arrive_as_they_are(provider: FakeProvider, ask: Ask) -> None:
    provider.say("Hello.")
    ask(system="Sei kurz. “§”", prompt="Zeile 1\nZeile 2 \U0001f600")
    sent = json.dumps(provider.asked[0], ensure_ascii=False)
    assert "Sei kurz. “§”" in sent
    assert "Zeile 1\\nZeile 2 \U0001f600" in sent
    assert "1234" in json.dumps(_asked_with(provider, ask, max_tokens=1_234))


def conversation(provider: FakeProvider) -> tuple[str | None, list[tuple[str, str]]]:
    """The system prompt and the turns of the last question, whatever form its protocol gives them."""
    body = provider.asked[-1]
    if provider.name in GOOGLES:
        told = body.get("systemInstruction")
        system = "".join(part["text"] for part in told["parts"]) if told else None
        return system, [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in body["contents"]]
    turns = [(turn["role"], turn["content"]) for turn in body["messages"]]
    if provider.name == "anthropic":
        return body.get("system"), turns
    return (turns[0][1], turns[1:]) if turns[0][0] == "system" else (None, turns)


def test_what_was_said_before_is_sent_as_turns(provider: FakeProvider, ask: Ask) -> None:
    assistant = "model" if provider.name in GOOGLES else "assistant"
    _asked_with(provider, ask, turns=[("user", "One?"), ("assistant", "1")], prompt="Two?")
    assert conversation(provider) == ("Be short.", [("user", "One?"), (assistant, "1"), ("user", "Two?")])


@pytest.mark.parametrize("system", ["", " \n"])
def test_no_system_prompt_is_none_and_not_an_empty_one(provider: FakeProvider, ask: Ask, system: str) -> None:
    _asked_with(provider, ask, system=system, prompt="Two?")
    assert conversation(provider) == (None, [("user", "Two?")])


def test_a_profile_stands_before_everything_else(provider: FakeProvider, ask: Ask) -> None:
    assistant = "model" if provider.name in GOOGLES else "assistant"
    profile = Profile("Add one.", (("1", "2"), ("2", "3")))
    model = replace(model_of(provider), profile=profile)
    _asked_with(provider, ask, model=model, system="Be short.", turns=[("user", "a"), ("assistant", "b")], prompt="3")
    examples = [("user", "1"), (assistant, "2"), ("user", "2"), (assistant, "3")]
    assert conversation(provider) == (
        "Add one.\n\nBe short.",
        [*examples, ("user", "a"), (assistant, "b"), ("user", "3")],
    )
    assert str(model) == str(model_of(provider))
    _asked_with(provider, ask, model=model, system=" Add one. ", prompt="3")
    assert conversation(provider)[0] == "Add one.", "what both say is said once"


def _asked_with(provider: FakeProvider, ask: Ask, **more: Any) -> Any:
    provider.say("Hello.")
    ask(**more)
    return provider.asked[-1]


def test_a_schema_gives_data_that_fits_it(provider: FakeProvider, ask: Ask) -> None:
    provider.say(GOOD)
    answer = ask(schema=SCHEMA)
    assert answer.data == GOOD
    assert len(provider.asked) == 1  # the strict server took the schema as it was sent


def test_null_stands_for_what_is_left_out(provider: FakeProvider, ask: Ask) -> None:
    provider.say({**GOOD, "note": None, "parts": [{"name": "y", "weight": None}]})
    assert ask(schema=SCHEMA).data == GOOD


@pytest.mark.parametrize("text", [f"```json\n{json.dumps(GOOD)}\n```", f"<think>\nHm.\n</think>\n\n{json.dumps(GOOD)}"])
def test_json_in_a_fence_or_after_thoughts_is_read(provider: FakeProvider, ask: Ask, text: str) -> None:
    provider.say(text)
    assert ask(schema=SCHEMA).data == GOOD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I would say 0.5.", "it is not JSON"),
        ('{"score": 0.5, "reason": "x", "kind": "a"', "it is not JSON"),
        ({**GOOD, "score": 7}, r"\$\.score fails 'maximum'"),
        ({"score": 0.5}, r"\$ fails 'required'"),
        ({**GOOD, "mood": "good"}, r"\$ fails 'additionalProperties'"),
        ([], r"\$ fails 'type'"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_kept(provider: FakeProvider, ask: Ask, text: Any, why: str) -> None:
    provider.say(text, tokens_in=11, tokens_out=7)
    with pytest.raises(ModelUnavailable, match=why) as failed:
        ask(schema=SCHEMA)
    assert failed.value.reason == "bad_answer"
    assert (failed.value.answer.tokens_in, failed.value.answer.tokens_out) == (11, 7)


def test_a_provider_that_takes_no_schema_is_told_it_in_words(provider: FakeProvider, ask: Ask) -> None:
    provider.fail(400, "The compiled grammar is too large. Simplify your schema.")
    provider.say(GOOD)
    assert ask(schema=SCHEMA).data == GOOD
    first, second = (json.dumps(body) for body in provider.asked)
    assert "fits this JSON Schema" not in first
    assert "fits this JSON Schema" in second
    assert not {"response_format", "output_config", "format"} & set(provider.asked[1])


def test_a_schema_is_refused_only_once(provider: FakeProvider, ask: Ask) -> None:
    for _ in range(2):
        provider.fail(400, "Invalid schema")
    assert failing(ask, schema=SCHEMA).reason == "bad_request"
    assert len(provider.asked) == 2


def test_a_schema_too_large_for_a_provider_is_told_in_words(provider: FakeProvider, ask: Ask) -> None:
    names = [f"field_{number}" for number in range(30)]
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "additionalProperties": False,
    }
    provider.say({"field_3": "x"})
    assert ask(schema=schema).data == {"field_3": "x"}
    assert len(provider.asked) == 1  # Anthropic's limit is known, so that not even one request is lost on it


@pytest.mark.parametrize(
    ("status", "message", "reason", "sentence"),
    [
        (401, "bad key", "key_refused", "refused the"),
        (402, "pay", "no_credit", "no credit left"),
        (403, "not for you", "not_allowed", "not for you"),
        (404, "model 'tiny-1' not found", "no_model", "no model tiny-1"),
        (413, "too large", "bad_request", "status 413"),
        (422, "what?", "bad_request", "status 422"),
        (429, "You exceeded your current quota: insufficient_quota", "no_credit", "no credit left"),
    ],
)
def test_what_cannot_help_is_not_tried_again(
    provider: FakeProvider, ask: Ask, status: int, message: str, reason: str, sentence: str
) -> None:
    provider.fail(status, message)
    failure = failing(ask)
    assert (failure.reason, len(provider.asked)) == (reason, 1)
    assert sentence in str(failure)


def test_a_model_that_was_not_pulled_is_told_how_to_get_it(provider: FakeProvider, ask: Ask) -> None:
    provider.fail(404, "model 'qwen3:4b' not found")
    message = str(failing(ask, model=model_of(provider, "qwen3:4b")))
    assert ("`ollama pull qwen3:4b`" in message) == (provider.name == "ollama")


def test_a_busy_provider_is_asked_again(provider: FakeProvider, ask: Ask) -> None:
    provider.fail(429, "slow down", retry_after="0.25")
    provider.fail(503, "overloaded")
    provider.say("Hello.")
    assert ask().text == "Hello."
    # Ollama's client tells nothing of the header, so the usual wait is taken.
    first = 0.5 if provider.name == "ollama" else 0.25
    assert ask.waits == [first, 1.0]  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (500, "server_error"), (529, "server_error")])
def test_after_three_tries_it_is_enough(provider: FakeProvider, ask: Ask, status: int, reason: str) -> None:
    for _ in range(4):
        provider.fail(status, "busy")
    assert failing(ask).reason == reason
    assert len(provider.asked) == 3


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_wait_longer_than_the_time_left_is_not_waited_for(name: str) -> None:
    waits: list[float] = []
    fake = FAKES[name]()
    with serving(fake):
        fake.fail(503, "overloaded", retry_after="120")
        with pytest.raises(ModelUnavailable) as failed:
            complete(
                model_of(fake), system="", prompt="", settings=settings_for(fake), timeout_s=20, pause=waits.append
            )
    assert (failed.value.reason, failed.value.retry_after_s, waits) == ("server_error", 120, [])


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_nothing_takes_longer_than_agreed(provider: FakeProvider, ask: Ask, how: str) -> None:
    getattr(provider, how)()
    begun = time.monotonic()
    failure = failing(ask, timeout_s=0.7)
    assert failure.reason == "timed_out"
    assert "within 0.7 s" in str(failure)
    assert time.monotonic() - begun < 20  # a drip alone would keep it for as long as the test runs


def test_nobody_listening_is_told(provider: FakeProvider, ask: Ask) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        provider.base_url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    failure = failing(ask, settings=settings_for(provider))
    assert failure.reason == "not_running"
    assert provider.base_url in str(failure)
    assert ("ollama serve" in str(failure)) == (provider.name == "ollama")


def test_a_connection_that_breaks_is_not_running(provider: FakeProvider, ask: Ask) -> None:
    provider.drop()
    assert failing(ask).reason == "not_running"


def test_an_empty_answer_is_no_answer(provider: FakeProvider, ask: Ask) -> None:
    provider.say("")
    assert failing(ask).reason == "empty"
    provider.say(" \n")
    assert failing(ask).reason == "empty"


def test_an_answer_that_was_cut_is_refused_and_counted(provider: FakeProvider, ask: Ask) -> None:
    provider.say('{"score": 0.', ending="cut", tokens_out=64)
    failure = failing(ask, schema=SCHEMA, max_tokens=64)
    assert failure.reason == "cut"
    assert "64 tokens" in str(failure)
    assert failure.answer.tokens_out == 64


def test_a_refusal_is_told(provider: FakeProvider, ask: Ask) -> None:
    if provider.name == "ollama":
        return  # its protocol knows no refusal
    provider.say("", ending="declined")
    assert failing(ask).reason == "declined"


@pytest.mark.parametrize("data", [b"<html>Welcome to nginx</html>", b"{}", b"[]", b"null", b'{"choices": 3}'])
@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_what_speaks_another_protocol_is_told(provider: FakeProvider, ask: Ask, data: bytes, kind: str) -> None:
    provider.answer_raw(data, kind)
    assert failing(ask).reason in {"not_understood", "empty"}
    assert len(provider.asked) == 1


def test_text_that_no_database_can_keep_is_mended(provider: FakeProvider, ask: Ask) -> None:
    provider.say("a\0b\ud800c")
    assert ask().text == "ab?c"


@pytest.mark.parametrize("name", ["gpt-6-luna", "ft:gpt-4.1-mini-2025-04-14:acme::abc"])
def test_openais_own_models_get_the_newer_fields_and_are_not_stored(name: str) -> None:
    fake = OpenAI()
    with serving(fake):
        fake.say("Hello.")
        complete(Model("openai", name), system="", prompt="x", settings=settings_for(fake), max_tokens=99)
    assert fake.asked[0]["max_completion_tokens"] == 99
    assert fake.asked[0]["store"] is False
    assert "max_tokens" not in fake.asked[0]


def test_ollama_gets_room_for_what_was_said_before(ollama: FakeProvider) -> None:
    settings = settings_for(ollama)
    for said in ("a", "a" * 30_000):
        ollama.say("Hello.")
        turns = [("user", said), ("assistant", "b")]
        complete(model_of(ollama), system="x", prompt="y", turns=turns, max_tokens=100, settings=settings)  # type: ignore[arg-type]
    rooms = [asked["options"]["num_ctx"] for asked in ollama.asked]
    assert rooms[0] < rooms[1]


def test_ollama_gets_room_for_a_long_prompt(ollama: FakeProvider) -> None:
    for length in (10, 20_000, 60_000, 900_000):
        ollama.say("Hello.")
        complete(model_of(ollama), system="", prompt="x" * length, settings=settings_for(ollama))
    assert [body["options"]["num_ctx"] for body in ollama.asked] == [4_096, 16_384, 32_768, 32_768]


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("openai:gpt-6-luna", Decimal("0.0006")),
        ("anthropic:claude-haiku-4-5-20251001", Decimal("0.006")),
        ("gemini:gemini-3.5-flash-lite", Decimal("0.0028")),
        ("openai:somebody-elses-model", None),
        ("ollama:qwen3:4b", Decimal(0)),
        ("ollama:gpt-oss:120b-cloud", None),
    ],
)
def test_an_answer_says_what_it_cost(model: str, cost: Decimal | None) -> None:
    fake = FAKES[model.partition(":")[0]]()
    with serving(fake):
        fake.say("Hello.", tokens_in=1_000, tokens_out=1_000)
        answer = complete(Model.parse(model), system="", prompt="x", settings=settings_for(fake))
    assert answer.cost_usd == cost


def test_importing_the_call_imports_no_sdk() -> None:
    code = (
        "import sys, core.llm, core.llm.providers.openai, core.llm.providers.anthropic, core.llm.providers.gemini, "
        "core.llm.providers.ollama, core.llm.providers.vertex, core.orchestrator.plans\n"
        "sdks = {'openai', 'anthropic', 'google.genai', 'google.auth', 'ollama', 'httpx', 'httpx2', 'jsonschema'}\n"
        "print(sorted(sdks & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _spoilt(value: Any) -> list[Any]:
    """The value with each of its parts left out, null, or of another kind, one at a time."""
    if isinstance(value, list):
        return [None, *([each] for each in (_spoilt(value[0]) if value else []))]
    if not isinstance(value, dict):
        return [None, {"a": []}]
    made: list[Any] = [None, "x"]
    for key, inner in value.items():
        made.append({name: each for name, each in value.items() if name != key})
        made += [{**value, key: each} for each in _spoilt(inner)]
    return made


def test_an_answer_with_any_part_missing_or_wrong_is_read_or_told(provider: FakeProvider, ask: Ask) -> None:
    for body in _spoilt(provider.reply("Hello.", 10, 20, "done")):
        provider.answer_raw(json.dumps(body).encode(), "application/json")
        try:
            answer = ask()
        except ModelUnavailable as failure:
            assert failure.reason in {"not_understood", "empty", "declined"}, body  # noqa: PT017
        else:
            assert isinstance(answer.text, str)
            assert isinstance(answer.tokens_in, int), body
            assert isinstance(answer.tokens_out, int), body
