"""The one call: ask a model, wait no longer than agreed, and make sure of the answer."""

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from importlib import import_module
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from core.errors import ModelUnavailable
from core.llm import failures, prices, schemas
from core.llm.models import Access, ChatRequest, Completion, Model, Reply, Turn
from core.settings import Settings, get_settings

#: How often a busy provider is asked, and the waits between.
TRIES = 3
_FIRST_WAIT_S = 0.5
#: How Google Cloud calls an endpoint: `projects/acme/locations/us-central1/endpoints/123`.
_RESOURCE = re.compile(r"projects/([^/]+)/locations/([^/]+)/")


def complete(
    model: Model,
    *,
    system: str,
    prompt: str,
    turns: Sequence[Turn] = (),
    schema: dict[str, Any] | None = None,
    max_tokens: int = 2_000,
    timeout_s: float = 60,
    settings: Settings | None = None,
    key: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Completion:
    """Ask `model`, and with a `schema` get JSON that fits it in `data`. `turns`: what was said before the prompt.

    What a model's profile holds is put before all of it.

    A busy provider is asked again, but all of it together never takes longer than `timeout_s`. `max_tokens` counts
    what a model thinks before it answers, too. Raises `ModelUnavailable`, which says why and what to do; the answer of
    one whose reason is `bad_answer` is in its `answer`.
    """
    access = access_to(model, settings, key)
    begun = time.monotonic()
    request = _request(ChatRequest(model, system, prompt, schema, max_tokens, tuple(turns)))
    reply = _patiently(request, access, timeout_s, pause)
    completion = Completion(
        text=schemas.cleaned(reply.text),
        data=None,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        cost_usd=prices.cost_usd(model, reply.tokens_in, reply.tokens_out, host=access.base_url),
        duration_s=time.monotonic() - begun,
        model=model,
    )
    return _checked(completion, reply, request)


def _request(asked: ChatRequest) -> ChatRequest:
    """Return the request as it is sent. Providers refuse a system prompt that is blank."""
    profile = asked.model.profile
    if profile is not None:
        asked = replace(asked, system=profile.before(asked.system), turns=(*profile.turns, *asked.turns))
    return asked if asked.system.strip() else replace(asked, system="")


def access_to(model: Model, given: Settings | None = None, key: str | None = None) -> Access:
    """Where the model is and what opens it. Raises `ModelUnavailable` where a key or another setting is missing."""
    chosen = given or get_settings()
    if model.provider == "vertex":
        return _in_google_cloud(model, chosen)
    if model.provider == "ollama":
        return Access(None, _address(model, _callable(chosen.ollama_host)))
    secret = SecretStr(key) if key else getattr(chosen, f"{model.provider}_api_key")
    base_url = getattr(chosen, f"{model.provider}_base_url")
    base_url = _address(model, base_url) if base_url else None
    if secret is None and model.provider == "openai" and base_url:
        secret = SecretStr("none")  # servers of one's own that speak OpenAI's protocol ask for no key
    if secret is None:
        raise failures.no_key(model)
    text = secret.get_secret_value().strip()
    # Checked here, because the error of the HTTP library about such a header would show the key.
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise failures.no_such_key(model) if text else failures.no_key(model)
    return Access(SecretStr(text), base_url)


def _in_google_cloud(model: Model, chosen: Settings) -> Access:
    """Find the project and region: a tuned model's name says them, the others are asked where the settings say."""
    named = _RESOURCE.match(model.name)
    project, location = named.groups() if named else (chosen.google_project, chosen.google_location)
    if not (project and location):
        raise failures.no_project(model)
    base_url = _address(model, chosen.vertex_base_url) if chosen.vertex_base_url else None
    return Access(None, base_url, project, location)


def _address(model: Model, text: str) -> str:
    """Return the address, if it is one. Each HTTP library would fail about it in a way of its own."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or not text.isprintable() or " " in text:
        raise failures.no_address(model, text)
    return text


def _callable(host: str) -> str:
    """OLLAMA_HOST may be what the server listens on, without http:// or port; and not everybody can call 0.0.0.0."""
    text = host.strip().replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    if "://" in text:
        return text
    return f"http://{text}" if re.search(r":\d+(?:/|\Z)", text) else f"http://{text}:11434"


def _patiently(request: ChatRequest, access: Access, timeout_s: float, pause: Callable[[float], None]) -> Reply:
    """Ask, and ask again where that can help. SDKs would retry too, but each time with the whole timeout."""
    deadline = time.monotonic() + timeout_s
    tries = 0
    while True:
        try:
            return _within(deadline - time.monotonic(), request, access)
        except ModelUnavailable as failure:
            if failure.reason == "timed_out":  # the rest of the time, not the time that was agreed
                raise failures.timed_out(request.model, timeout_s) from None
            if failure.reason == "schema_refused" and request.schema is not None:
                request = _with_schema_in_words(request)
                continue
            tries += 1
            wait = failure.retry_after_s or _FIRST_WAIT_S * 2 ** (tries - 1)
            is_late = time.monotonic() + wait >= deadline
            if failure.reason not in failures.TRANSIENT_REASONS or tries == TRIES or is_late:
                raise
            pause(wait)


def _within(seconds: float, request: ChatRequest, access: Access) -> Reply:
    """Return the reply, or an error after so many seconds.

    The timeouts of HTTP clients begin anew with each byte, and a server that keeps a connection open with blanks would
    be waited for without end. So the call has a thread of its own, and is left alone when its time is over.
    """
    seconds = max(seconds, 0.001)
    future: Future[Reply] = Future()

    def ask() -> None:
        try:
            future.set_result(_once(request, access, seconds))
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            future.set_exception(error)

    Thread(target=ask, name=f"ask {request.model.provider}", daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        raise failures.timed_out(request.model, seconds) from None


def _once(request: ChatRequest, access: Access, seconds: float) -> Reply:
    provider = import_module(f"core.llm.providers.{request.model.provider}")
    try:
        reply: Reply = provider.ask(request, access, seconds)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        # The SDKs do not check answers: one with a part missing shows only when the part is needed.
        raise failures.strange(request.model, access) from error
    if not isinstance(reply.text, str) or not all(
        isinstance(each, int) for each in (reply.tokens_in, reply.tokens_out)
    ):
        raise failures.strange(request.model, access)
    return reply


def _with_schema_in_words(request: ChatRequest) -> ChatRequest:
    """For models and servers that cannot be held to a schema: they are told, and the answer is checked as ever."""
    text = orjson.dumps(request.schema).decode()
    words = f"Answer with one JSON object that fits this JSON Schema, and with nothing else:\n{text}"
    return replace(request, system=f"{request.system}\n\n{words}".lstrip(), schema=None)


def _checked(completion: Completion, reply: Reply, request: ChatRequest) -> Completion:
    """Return the completion with its data.

    Raises `ModelUnavailable` where there is no answer, or not the one asked for.
    """
    model = request.model
    if reply.ending == "declined":
        raise failures.declined(model, reply.detail).about(completion)
    if reply.ending == "cut":
        raise failures.cut(model, request.max_tokens).about(completion)
    if not completion.text:
        raise failures.empty(model).about(completion)
    if request.schema is None:
        return completion
    try:
        data, wrong = schemas.fitted(schemas.json_in(completion.text), request.schema)
    except orjson.JSONDecodeError as error:
        raise failures.bad_answer(model, f"it is not JSON ({error}).").about(completion) from None
    completion = replace(completion, data=data)
    if wrong:
        raise failures.bad_answer(model, wrong).about(completion)
    return completion
