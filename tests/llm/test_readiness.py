"""Which providers can be asked."""

import socket

import pytest

from core.llm import Model, ProviderStatus, configured
from core.llm.calling import access_to
from core.settings import Settings
from tests.llm.conftest import settings_for
from tests.llm.servers import KEY, Ollama


def settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue, reportArgumentType]


def of(providers: list[ProviderStatus], name: str) -> ProviderStatus:
    return next(each for each in providers if each.name == name)


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_a_key_makes_a_provider_ready(name: str) -> None:
    setting = f"{name.upper()}_API_KEY"
    with_key = of(configured(settings(**{setting: KEY}), probe_s=0), name)
    assert (with_key.is_ready, with_key.missing) == (True, "")
    assert with_key.models
    without = of(configured(settings(), probe_s=0), name)
    assert not without.is_ready
    assert f"Set {setting}" in without.missing
    broken = of(configured(settings(**{setting: "sk abc"}), probe_s=0), name)
    assert not broken.is_ready
    assert "sk abc" not in broken.missing


def test_a_server_of_ones_own_is_ready_without_a_key() -> None:
    assert of(configured(settings(OPENAI_BASE_URL="http://127.0.0.1:1/v1"), probe_s=0), "openai").is_ready


def test_ollama_says_what_it_has(ollama: Ollama) -> None:
    ollama.have("qwen3:4b", "gemma3:1b")
    assert of(configured(settings_for(ollama), probe_s=5), "ollama") == ProviderStatus(
        "ollama", True, "", ("gemma3:1b", "qwen3:4b")
    )


def test_ollama_without_a_model_is_not_ready(ollama: Ollama) -> None:
    ollama.have()
    found = of(configured(settings_for(ollama), probe_s=5), "ollama")
    assert not found.is_ready
    assert "ollama pull" in found.missing


def test_ollama_that_does_not_run_is_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    found = of(configured(settings(OLLAMA_HOST=address), probe_s=5), "ollama")
    assert not found.is_ready
    assert "ollama serve" in found.missing


def test_ollama_that_does_not_answer_is_not_waited_for(ollama: Ollama) -> None:
    ollama.hang()
    assert not of(configured(settings_for(ollama), probe_s=0.2), "ollama").is_ready


def test_something_else_on_ollamas_port_is_not_ready(ollama: Ollama) -> None:
    ollama.answer_raw(b"<html></html>")
    assert not of(configured(settings_for(ollama), probe_s=5), "ollama").is_ready


def test_without_a_probe_nothing_is_asked(ollama: Ollama) -> None:
    found = of(configured(settings_for(ollama), probe_s=0), "ollama")
    assert (found.is_ready, found.missing) == (False, "Ollama was not asked.")


@pytest.mark.parametrize("form", ["{}", "http://{}", "0.0.0.0:{port}", "localhost:{port}"])
def test_the_forms_of_ollamas_address(ollama: Ollama, form: str) -> None:
    address = ollama.base_url.removeprefix("http://")
    ollama.have("x")
    chosen = settings(OLLAMA_HOST=form.format(address, port=address.partition(":")[2]))
    assert of(configured(chosen, probe_s=5), "ollama").models == ("x",)


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("10.0.0.7", "http://10.0.0.7:11434"),
        ("box:1234", "http://box:1234"),
        ("https://box", "https://box"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://[::1]:11434", "http://[::1]:11434"),
    ],
)
def test_what_is_called_for_an_address(host: str, called: str) -> None:
    assert access_to(Model("ollama", "x"), settings(OLLAMA_HOST=host)).base_url == called


def test_a_proxy_is_not_asked_for_ollama_on_this_machine(ollama: Ollama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ollama.have("x")
    assert of(configured(settings_for(ollama), probe_s=5), "ollama").is_ready


@pytest.mark.parametrize(
    ("given", "host", "key"),
    [
        ({"OLLAMA_BASE_URL": "http://box:1", "GOOGLE_API_KEY": "a"}, "http://box:1", "a"),
        (
            {"OLLAMA_HOST": "here", "OLLAMA_BASE_URL": "there", "GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"},
            "here",
            "a",
        ),
        (
            {"OLLAMA_HOST": "", "OLLAMA_BASE_URL": "there", "GEMINI_API_KEY": "", "GOOGLE_API_KEY": "b"},
            "there",
            "b",
        ),
    ],
)
def test_the_original_systems_names_of_two_settings(
    given: dict[str, str], host: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = settings()
    assert found.ollama_host == host
    assert found.gemini_api_key is not None
    assert found.gemini_api_key.get_secret_value() == key
