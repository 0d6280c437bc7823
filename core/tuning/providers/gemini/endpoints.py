"""The end of a tuned Gemini: its endpoints and the model are deleted, one step with each look, by what is there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.llm import failures, google_cloud
from core.settings import Settings
from core.tuning.providers import hosted
from core.tuning.providers.gemini.access import TITLE
from core.tuning.providers.protocol import ModelView, ServingStatus


def is_there(settings: Settings, endpoint: str, timeout_s: float) -> bool:
    """Whether an endpoint is there. Raises `ProviderTrouble`."""
    with _session(settings, endpoint, timeout_s) as ask:
        return ask("GET", endpoint) is not None


def end(model: ModelView, timeout_s: float) -> ServingStatus:
    """One more step towards the end of the model, and how far it is. Raises `ProviderTrouble`."""
    remote = dict(model.serving_remote)
    with _session(model.settings, remote["endpoint"], timeout_s) as ask:
        if operation := remote.pop("operation", ""):
            found: dict[str, Any] = ask("GET", operation) or {"done": True}
            if not found.get("done"):
                return ServingStatus("deleting", remote={**remote, "operation": operation})
            if error := found.get("error"):
                return ServingStatus(
                    "failed", remote=remote, error=f"Google could not end it: {_short(error.get('message'))}."
                )
        started = _step(ask, [remote["endpoint"], *remote.get("more_endpoints", ())], remote.get("model", ""))
    if started is None:
        return ServingStatus("deleted")
    return ServingStatus("deleting", remote={**remote, "ending": True, "operation": started})


def _step(ask: Any, endpoints: Sequence[str], model: str) -> str | None:
    """Start what comes next, and give the name of its operation; None: nothing is left."""
    for endpoint in endpoints:
        found = ask("GET", endpoint)
        if found is None:
            continue
        deployed = [each["id"] for each in found.get("deployedModels", ())]
        if deployed:
            return _operation(ask("POST", f"{endpoint}:undeployModel", {"deployedModelId": deployed[0]}))
        return _operation(ask("DELETE", endpoint))
    # A version is named behind an @; the model goes with all of them, and this one has no other.
    name = model.partition("@")[0]
    if name and ask("GET", name) is not None:
        return _operation(ask("DELETE", name))
    return None


def _operation(answer: Mapping[str, Any] | None) -> str:
    return str((answer or {}).get("name", ""))


@contextmanager
def _session(settings: Settings, name: str, timeout_s: float) -> Iterator[Any]:
    """`ask(method, name, body)` asks the API for a thing by its name; None: it is not there."""
    import requests
    from google.auth import exceptions
    from google.auth.transport.requests import AuthorizedSession

    region = name.split("/")[3] if name.count("/") >= 4 else settings.google_location or ""
    root = (settings.vertex_base_url or google_cloud.host(region)).rstrip("/")

    def ask(method: str, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        answer = session.request(method, f"{root}/v1/{name}", json=body, timeout=max(1, round(timeout_s)))
        if answer.status_code == 404:
            return None
        if not answer.ok:
            raise hosted.out_of_reach(TITLE, f"{_words(answer)} (status {answer.status_code}).")
        return answer.json()

    try:
        with AuthorizedSession(google_cloud.credentials()) as session:
            yield ask
    except (exceptions.GoogleAuthError, requests.RequestException, ValueError) as error:
        raise hosted.out_of_reach(TITLE, f"{_short(error)}.") from None


def _words(answer: Any) -> str:
    try:
        return _short(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return _short(answer.text)


def _short(words: object) -> str:
    return failures.in_short(str(words or ""), None)
