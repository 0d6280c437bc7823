"""Names, addresses and keys of models: what is refused before anything is sent, and what is never shown."""

import logging
import socket
import traceback
from collections.abc import Callable

import pytest

from core.errors import ConfigurationError, ModelUnavailable
from core.llm import Completion, Model, complete
from core.settings import Settings
from tests.llm.conftest import failing, model_of, settings_for
from tests.llm.servers import KEY, WITHOUT_KEY, FakeProvider, OpenAI, serving

Ask = Callable[..., Completion]


def test_a_wrong_key_is_named_and_not_shown(provider: FakeProvider, ask: Ask) -> None:
    if provider.name in WITHOUT_KEY:
        return
    failure = failing(ask, key="sk-wrong-9876543210zyxwvutsrq")
    assert failure.reason == "key_refused"
    assert f"{provider.name.upper()}_API_KEY" in str(failure)
    assert "wrong" not in "".join(traceback.format_exception(failure))


@pytest.mark.parametrize("address", ["http://x:99999999", "http://x:port", "ftp://x", "http://", "http://a b", "\n"])
def test_what_is_no_address_is_told(provider: FakeProvider, ask: Ask, address: str) -> None:
    provider.base_url = address
    failure = failing(ask, settings=settings_for(provider))
    assert failure.reason == "not_running"
    assert "_BASE_URL is" in str(failure) or "OLLAMA_HOST is" in str(failure)


def test_a_password_in_an_address_is_not_shown(provider: FakeProvider, ask: Ask) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        provider.base_url = f"http://me:secret@127.0.0.1:{probe.getsockname()[1]}"
    assert "secret" not in str(failing(ask, settings=settings_for(provider)))
    provider.base_url = "http://me:secret@host:port"
    assert "secret" not in str(failing(ask, settings=settings_for(provider)))


def test_no_key_appears_in_any_error_or_log(provider: FakeProvider, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"You sent {KEY}, that is Bearer {KEY[:-4]}."
    for status in (400, 401, 403, 404, 429, 500):
        for _ in range(3):
            provider.fail(status, echo)
        failure = failing(ask)
        provider.planned.clear()
        said = "".join(traceback.format_exception(failure)) + repr(failure.__dict__)
        assert KEY[8:-4] not in said
    provider.answer_raw(echo.encode())
    assert KEY[8:-4] not in str(failing(ask))
    provider.say("Hello.")
    assert KEY not in repr(ask())
    assert KEY not in repr(settings_for(provider))
    assert caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["sk-abc\ndef", "sk abc", "schlüssel", "\x00abc"])
def test_a_key_that_cannot_be_sent_is_refused_before_it_is(provider: FakeProvider, ask: Ask, key: str) -> None:
    if provider.name in WITHOUT_KEY:
        return
    failure = failing(ask, key=key)
    assert failure.reason == "no_key"
    assert key not in str(failure)
    assert provider.asked == []


def test_blanks_around_a_key_do_no_harm(provider: FakeProvider, ask: Ask) -> None:
    provider.say("Hello.")
    assert ask(key=f" {KEY}\n").text == "Hello."


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_named(name: str, key: str | None) -> None:
    with pytest.raises(ModelUnavailable, match=f"Set {name.upper()}_API_KEY") as failed:
        complete(Model.parse(f"{name}:x"), system="", prompt="", settings=Settings(_env_file=None), key=key)  # pyright: ignore[reportCallIssue]
    assert failed.value.reason == "no_key"


def test_a_server_of_ones_own_needs_no_key() -> None:
    fake = OpenAI()
    fake.key = None
    with serving(fake):
        fake.say("Hello.")
        answer = complete(model_of(fake), system="", prompt="", settings=settings_for(fake, key=None))
    assert (answer.text, answer.cost_usd) == ("Hello.", None)


@pytest.mark.parametrize(
    "text", ["", "qwen3:4b", "openai:", "openai", ":x", "openai:a b", "openai:a\nb", "openai:" + "x" * 300]
)
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="provider:name"):
        Model.parse(text)


def test_a_model_is_written_as_it_is_read() -> None:
    assert str(Model.parse(" ollama:qwen3:4b ")) == "ollama:qwen3:4b"
    assert Model.parse("ollama:qwen3:4b") == Model("ollama", "qwen3:4b")
