"""How OpenAI is asked, and what its refusals mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

from core.errors import ModelUnavailable
from core.llm import failures
from core.llm.calling import access_to
from core.llm.models import Model
from core.settings import Settings
from core.tuning.providers import catalogue, hosted
from core.tuning.providers.protocol import NotSubmitted, SubmitUnknown

_CONNECT_S = 10
#: After these nothing was begun. What is not here may have begun something: 408, 409, 5xx, and what nobody expects.
_REFUSED = {400, 401, 402, 403, 404, 405, 413, 415, 422, 429}
_BUSY = {408, 409, 429}


def is_openai(settings: Settings) -> bool:
    """Whether OpenAI itself is asked, and not another service that speaks its protocol."""
    host = urlsplit(settings.openai_base_url).hostname if settings.openai_base_url else "api.openai.com"
    return host is not None and (host == "openai.com" or host.endswith(".openai.com"))


def title(settings: Settings) -> str:
    """Return what is asked, by its name in a sentence."""
    return "OpenAI" if is_openai(settings) else f"The service at {urlsplit(settings.openai_base_url or '').hostname}"


@contextmanager
def client(settings: Settings, timeout_s: float) -> Iterator[Any]:
    """Yield a client that sends everything once: what is paid must not be sent again by itself.

    Raises `ModelUnavailable`.
    """
    import openai

    access = access_to(Model("openai", ""), settings)
    assert access.key is not None
    with openai.OpenAI(
        api_key=access.key.get_secret_value(),
        base_url=access.base_url,
        max_retries=0,
        timeout=openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
    ) as found:
        yield found


@contextmanager
def query_client(settings: Settings, timeout_s: float) -> Iterator[Any]:
    """Yield a client for what costs nothing. Raises `ProviderTrouble` for everything but an answer."""
    import openai

    try:
        with client(settings, timeout_s) as found:
            yield found
    except ModelUnavailable as error:
        raise hosted.out_of_reach(title(settings), str(error)) from None
    except openai.APIStatusError as error:
        wait = hosted.number(error.response.headers.get("retry-after"))
        raise hosted.out_of_reach(title(settings), _refusal(error), wait) from None
    except openai.OpenAIError as error:
        raise hosted.out_of_reach(title(settings), f"{said(error)}.") from None


@contextmanager
def submit_client(settings: Settings, timeout_s: float, *, may_begin: bool) -> Iterator[Any]:
    """Yield a client for what a job needs.

    Raises `NotSubmitted`, and where the request may begin a job `SubmitUnknown`.
    """
    import openai

    try:
        with client(settings, timeout_s) as found:
            yield found
    except ModelUnavailable as error:
        raise NotSubmitted(str(error), code=error.reason, advice="Correct the setting, and retry the job.") from None
    except openai.APIStatusError as error:
        if may_begin and error.status_code not in _REFUSED:
            raise _unknown(settings, _refusal(error)) from None
        raise _not_submitted(error, settings) from None
    except openai.APIConnectionError as error:
        if may_begin and not _never_sent(error):
            raise _unknown(settings, f"{said(error)}.") from None
        raise NotSubmitted(
            f"{title(settings)} cannot be reached: {said(error)}.",
            code="not_reachable",
            advice="Check the connection to the internet, a proxy, and OPENAI_BASE_URL.",
            passing=True,
        ) from None
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        not_understood(settings, error, may_begin=may_begin)


def not_understood(settings: Settings, error: Exception, *, may_begin: bool) -> NoReturn:
    """Say that an answer came which is none of this protocol."""
    if may_begin:
        raise _unknown(settings, "its answer cannot be understood.") from error
    raise NotSubmitted(
        f"{title(settings)} answered in a way that cannot be understood.",
        code="not_understood",
        advice="Check OPENAI_BASE_URL; it usually ends in /v1.",
    ) from error


def said(error: Any) -> str:
    """Return the provider's own words, without anything like a key."""
    body = error.body if isinstance(getattr(error, "body", None), dict) else {}
    words = str(body.get("message") or getattr(error, "message", "") or error)
    cause = error.__cause__
    return failures.in_short(f"{words} ({cause})" if cause and str(cause) else words, None)


def is_status(error: Any, *statuses: int) -> bool:
    """Tell whether an error of the SDK has one of these HTTP statuses."""
    return getattr(error, "status_code", None) in statuses


def winding_down() -> str:
    """Why OpenAI may refuse an organisation, with the dates of the catalogue."""
    facts = catalogue.facts("openai")
    return f"OpenAI is ending fine-tuning. {facts.note} It takes {facts.needs[-1]}, and nobody after {facts.closes}."


def _unknown(settings: Settings, why: str) -> SubmitUnknown:
    return SubmitUnknown(
        f"{title(settings)} was asked to train, and no answer came that says whether it does: {why} It may charge."
    )


def _never_sent(error: Exception) -> bool:
    """Whether no connection was made, so that nothing can have arrived."""
    import httpx2

    return isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout))


def _refusal(error: Any) -> str:
    number = f", {error.request_id}" if error.request_id else ""
    return f"{said(error)} (status {error.status_code}{number})."


def _not_submitted(error: Any, settings: Settings) -> NotSubmitted:
    status, code = error.status_code, str(error.code or error.status_code)
    if status == 403:
        why = f"{title(settings)} does not let this key train: {_refusal(error)}"
        if not is_openai(settings):
            return NotSubmitted(why, code="not_eligible", advice="Ask whoever runs the service.", blocked=True)
        return NotSubmitted(
            f"{why} {winding_down()}",
            code="not_eligible",
            advice="Train locally or with Gemini. If your organisation is eligible, check that the key may create "
            "fine-tuning jobs.",
            blocked=True,
        )
    is_empty = code == "insufficient_quota" or status == 402
    advice = {
        401: "Set OPENAI_API_KEY to a key that is valid, and retry the job.",
        404: "Choose another base: this one is not offered to this key.",
        429: "It is tried again by itself.",
    }.get(status, "Change what it names, and start the job again.")
    return NotSubmitted(
        f"{title(settings)} refused the job: {_refusal(error)}",
        code=code,
        advice="Top up the account at OpenAI, and retry the job." if is_empty else advice,
        passing=not is_empty and (status in _BUSY or status >= 500),
    )
