"""What can go wrong with a model, in sentences that say what to do. No key ever stands in one."""

import re

from core.errors import ModelReason, ModelUnavailable
from core.llm.models import KEY_SETTINGS, TITLES, Access, ChatRequest, Model
from core.settings import without_login

#: What is worth asking again: the provider was busy, not unwilling.
TRANSIENT_REASONS: frozenset[ModelReason] = frozenset({"rate_limited", "server_error"})

_SHOWN = 200
#: What a provider says when it cannot work with a schema: too large for its grammar, or structured answers unknown.
_ABOUT_SCHEMA = re.compile(r"schema|grammar|response_format|output_config|structured|\bformat\b", re.IGNORECASE)
#: Providers repeat parts of a wrong key in their answers.
_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|AIza|Bearer|key)[-_ ]?[\w*.-]{8,}", re.IGNORECASE)
_ADDRESS_SETTINGS = {"ollama": "OLLAMA_HOST", "vertex": "GOOGLE_VERTEX_BASE_URL"}
_OUT_OF_CREDIT = re.compile(r"insufficient_quota|credit balance|billing|spend(?:ing)? limit", re.IGNORECASE)
_KEY_INVALID = re.compile(r"api[ _]key (?:not valid|invalid|expired)|API_KEY_INVALID", re.IGNORECASE)


def no_key(model: Model) -> ModelUnavailable:
    """Say that there is no key for the provider."""
    setting = KEY_SETTINGS[model.provider]
    return ModelUnavailable(
        f"There is no key for {TITLES[model.provider]}. Set {setting}, or choose another model.", reason="no_key"
    )


def no_project(model: Model) -> ModelUnavailable:
    """Say that no project and location of Google Cloud are set."""
    return ModelUnavailable(
        f"There is no project for {TITLES[model.provider]}. Set GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION, or "
        "choose another model.",
        reason="no_key",
    )


def no_credentials(model: Model, why: str) -> ModelUnavailable:
    """Say that this machine has no credentials for Google Cloud."""
    return ModelUnavailable(
        f"{TITLES[model.provider]} has no credentials on this machine ({in_short(why, None)}). Run `gcloud auth "
        "application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
        reason="no_key",
    )


def credentials_refused(model: Model, why: str) -> ModelUnavailable:
    """Say that Google refused the credentials of this machine."""
    return ModelUnavailable(
        f"Google refused the credentials of this machine ({in_short(why, None)}). Renew them with `gcloud auth "
        "application-default login`, or check GOOGLE_APPLICATION_CREDENTIALS.",
        reason="key_refused",
    )


def no_such_key(model: Model) -> ModelUnavailable:
    """Say that the key holds characters that none has."""
    setting = KEY_SETTINGS[model.provider]
    return ModelUnavailable(
        f"{setting} holds characters that no key has, such as spaces or line breaks. Set it again.", reason="no_key"
    )


def no_address(model: Model, address: str) -> ModelUnavailable:
    """Say that the provider's address is none."""
    setting = _ADDRESS_SETTINGS.get(model.provider, f"{model.provider.upper()}_BASE_URL")
    return ModelUnavailable(
        f"{setting} is {in_short(address, None)!r}, which is no address. Set one such as http://127.0.0.1:8080/v1.",
        reason="not_running",
    )


def not_running(model: Model, access: Access) -> ModelUnavailable:
    """Say that the provider cannot be reached."""
    where = _where(access)
    if model.provider == "ollama":
        todo = "Start it with `ollama serve`, or set OLLAMA_HOST to where it runs."
    else:
        todo = "Check the connection to the internet, a proxy, and the setting of its address."
    return ModelUnavailable(f"{TITLES[model.provider]} cannot be reached{where}. {todo}", reason="not_running")


def timed_out(model: Model, timeout_s: float) -> ModelUnavailable:
    """Say that the model did not answer in time."""
    return ModelUnavailable(
        f"{model} did not answer within {timeout_s:g} s. Try again, or choose a faster model.", reason="timed_out"
    )


def empty(model: Model) -> ModelUnavailable:
    """Say that the model answered with nothing."""
    return ModelUnavailable(f"{model} answered with nothing. Try again, or choose another model.", reason="empty")


def declined(model: Model, detail: object) -> ModelUnavailable:
    """Say that the model declined to answer."""
    why = f" ({in_short(str(detail), None)})" if detail else ""
    return ModelUnavailable(
        f"{model} declined to answer{why}. Say the request differently, or choose another model.", reason="declined"
    )


def cut(model: Model, max_tokens: int) -> ModelUnavailable:
    """Say that the answer was cut off."""
    return ModelUnavailable(
        f"The answer of {model} was cut off after {max_tokens:,} tokens. Ask for less, or choose a model that thinks "
        "less before it answers.",
        reason="cut",
    )


def bad_answer(model: Model, why: str) -> ModelUnavailable:
    """Say that the answer is not what was asked for."""
    return ModelUnavailable(
        f"The answer of {model} is not what was asked for: {why} Try again, or choose another model.",
        reason="bad_answer",
    )


def strange(model: Model, access: Access) -> ModelUnavailable:
    """Say that the server answered, but not as this provider does."""
    where = _where(access)
    return ModelUnavailable(
        f"What answered{where} does not speak the protocol of {TITLES[model.provider]}. Check the setting of its "
        "address.",
        reason="not_understood",
    )


def of_status(
    request: ChatRequest, access: Access, status: int, said: str, *, retry_after: str | None = None
) -> ModelUnavailable:
    """Return the failure that an HTTP status and the provider's words for it mean."""
    reason = _reason(request, status, said)
    return ModelUnavailable(
        _sentence(reason, request.model, status, in_short(said, access)),
        reason=reason,
        retry_after_s=_seconds(retry_after),
    )


def _reason(request: ChatRequest, status: int, said: str) -> ModelReason:
    if request.schema is not None and status in (400, 422, 500) and _ABOUT_SCHEMA.search(said):
        return "schema_refused"
    if status == 401 or (status == 400 and _KEY_INVALID.search(said)):
        return "key_refused"
    if status == 402 or (status in (400, 403, 429) and _OUT_OF_CREDIT.search(said)):
        return "no_credit"
    if status == 408 or status >= 500:
        return "server_error"
    return _BY_STATUS.get(status, "bad_request")


_BY_STATUS: dict[int, ModelReason] = {403: "not_allowed", 404: "no_model", 429: "rate_limited"}


def _sentence(reason: ModelReason, model: Model, status: int, said: str) -> str:
    title = TITLES[model.provider]
    setting = KEY_SETTINGS.get(model.provider, "the access to its server")
    key = "key"
    if model.provider == "vertex":
        setting, key = "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`", "login"
    if reason == "no_model" and model.provider == "ollama":
        return f"Ollama has no model {model.name}. Get it with `ollama pull {model.name}`, or choose another one."
    sentences: dict[ModelReason, str] = {
        "key_refused": f"{title} refused the {key}. Check {setting}.",
        "not_allowed": f"{title} does not let this {key} use {model.name}: {said}. Choose another model, or another "
        f"{key}.",
        "no_model": f"{title} has no model {model.name} for this {key}. Check its name, or choose another one.",
        "no_credit": f"The account at {title} has no credit left or has reached its limit. Top it up there.",
        "rate_limited": f"{title} is asked too often with this {key}. Wait a minute, then try again.",
        "server_error": f"{title} has trouble of its own (status {status}): {said}. Try again later.",
        "schema_refused": f"{title} cannot answer in the form that is needed: {said}. Choose another model.",
    }
    return sentences.get(
        reason, f"{title} did not accept the question (status {status}): {said}. Choose another model."
    )


def in_short(said: str, access: Access | None) -> str:
    """Return the provider's own words: short, on one line, and without anything that could be a key."""
    if access and access.key and access.key.get_secret_value():
        said = said.replace(access.key.get_secret_value(), "…")
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())
    words = _LIKE_A_KEY.sub("…", without_login(words)).rstrip(".")
    return f"{words[:_SHOWN]}…" if len(words) > _SHOWN else words or "no reason given"


def _where(access: Access) -> str:
    return f" at {in_short(access.base_url, access)}" if access.base_url else ""


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header; its other form, a date, is not worth reading for a short wait."""
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None
