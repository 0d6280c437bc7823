"""How Google Cloud is asked for tuning, and what its refusals mean. Never with a key: that service is closed."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from core.llm import failures, google_cloud
from core.settings import Settings
from core.tuning.providers import hosted
from core.tuning.providers.protocol import NotSubmitted, SubmitUnknown

TITLE = "Gemini on Google Cloud"
#: After these nothing was begun. What is not here may have begun something: 408, 409, 5xx, and what nobody expects.
_REFUSED = {400, 401, 402, 403, 404, 405, 413, 415, 422, 429}
_BUSY = {408, 409, 429}
_REGION_OF = re.compile(r"projects/[^/]+/locations/([^/]+)/")
_LOGIN = "Renew the credentials with `gcloud auth application-default login`, or check GOOGLE_APPLICATION_CREDENTIALS."


class Location(NamedTuple):
    """Where jobs run and their files lie. `prefix` ends in a slash."""

    project: str
    location: str
    bucket: str
    prefix: str


def place(settings: Settings) -> Location:
    """Return the place that the settings name. Raises `NotSubmitted` for one that is missing."""
    if missing := missing_settings(settings):
        raise NotSubmitted(
            f"{TITLE} needs {' and '.join(missing)}.", code="key_missing", advice=f"Set {', '.join(missing)}."
        )
    assert settings.google_project and settings.google_location and settings.google_bucket  # noqa: PT018
    bucket, _, folder = settings.google_bucket.removeprefix("gs://").strip("/").partition("/")
    return Location(settings.google_project, settings.google_location, bucket, f"{folder or 'whetstone'}/")


def missing_settings(settings: Settings) -> list[str]:
    """Return the settings without which nothing can be tuned."""
    needed = {
        "GOOGLE_CLOUD_PROJECT": settings.google_project,
        "GOOGLE_CLOUD_LOCATION": settings.google_location,
        "WHETSTONE_GCS_BUCKET": settings.google_bucket,
    }
    return [name for name, value in needed.items() if not (value and value.strip())]


@contextmanager
def query_client(settings: Settings, timeout_s: float, name: str = "") -> Iterator[Any]:
    """Yield a client for what costs nothing, in the region of what `name` names. Raises `ProviderTrouble`."""
    from google.auth import exceptions
    from google.genai import errors

    try:
        with _client(settings, timeout_s, name) as found:
            yield found
    except NotSubmitted as error:
        raise hosted.out_of_reach(TITLE, str(error)) from None
    except errors.APIError as error:
        raise hosted.out_of_reach(TITLE, refusal(error), _wait(error)) from None
    except (exceptions.GoogleAuthError, *_transport_errors()) as error:
        raise hosted.out_of_reach(TITLE, f"{said(error)}.") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise hosted.out_of_reach(TITLE, "its answer cannot be understood.") from error


@contextmanager
def submit_client(settings: Settings, timeout_s: float) -> Iterator[Any]:
    """Yield a client for the one request that is paid for. Raises `NotSubmitted` or `SubmitUnknown`."""
    from google.auth import exceptions
    from google.genai import errors

    try:
        with _client(settings, timeout_s, "") as found:
            yield found
    except errors.APIError as error:
        if error.code not in _REFUSED:
            raise _unknown(refusal(error)) from None
        raise NotSubmitted(
            f"{TITLE} refused the job: {refusal(error)}",
            code=error.status or str(error.code),
            advice=advice(error),
            passing=error.code in _BUSY,
        ) from None
    except exceptions.GoogleAuthError as error:  # before anything is sent
        raise not_logged_in(error) from None
    except _transport_errors() as error:
        if not _never_sent(error):
            raise _unknown(f"{said(error)}.") from None
        raise NotSubmitted(
            f"{TITLE} cannot be reached: {said(error)}.",
            code="not_reachable",
            advice="Check the connection to the internet, a proxy, and GOOGLE_CLOUD_LOCATION.",
            passing=True,
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise _unknown("its answer cannot be understood.") from error


def not_logged_in(error: Exception) -> NotSubmitted:
    """Return what Google's library says about credentials; nothing was sent."""
    from google.auth import exceptions

    passing = isinstance(error, exceptions.TransportError)
    return NotSubmitted(
        f"The credentials of this machine do not open Google Cloud: {said(error)}.",
        code="not_reachable" if passing else "key_refused",
        advice="Check the connection to the internet." if passing else _LOGIN,
        passing=passing,
    )


def advice(error: Any) -> str:
    """Return what to do about a refusal."""
    words = f"{error.status} {error.details}"
    if "SERVICE_DISABLED" in words:
        return "Enable the API aiplatform.googleapis.com in the project, and retry the job."
    if "BILLING_DISABLED" in words:
        return "Link the project to a billing account, and retry the job."
    return {
        401: _LOGIN,
        403: "Give the account the role roles/aiplatform.user, and Google's tuning service agent access to the bucket.",
        404: "Choose another base or region: this base is not offered there.",
        429: "The project has as many tuning jobs as its quota allows. It is tried again by itself.",
    }.get(error.code, "Change what it names, and start the job again.")


def refusal(error: Any) -> str:
    """Return Google's words with its status and code."""
    return f"{said(error)} ({error.status or 'status'} {error.code})."


def said(error: Any) -> str:
    """Google's own words, in short."""
    return failures.in_short(str(getattr(error, "message", "") or error), None)


def is_status(error: Any, *codes: int) -> bool:
    """Tell whether an error of the SDK has one of these HTTP statuses."""
    return getattr(error, "code", None) in codes


def _client(settings: Settings, timeout_s: float, name: str) -> Any:
    # Two warnings of the SDK that are no news: that tuning in it may change, and states that it does not know.
    warnings.filterwarnings("ignore", message="The SDK's tuning implementation is experimental")
    warnings.filterwarnings("ignore", message=".* is not a valid (JobState|TuningJobState)")
    named = _REGION_OF.match(name)
    found = place(settings)
    location = named[1] if named else found.location
    return google_cloud.client(found.project, location, settings.vertex_base_url, timeout_s)


def _transport_errors() -> tuple[type[Exception], ...]:
    """Of either library that the SDK may send with."""
    import httpx2
    import requests

    return (httpx2.TransportError, requests.RequestException)


def _never_sent(error: Exception) -> bool:
    """Whether no connection was made, so that nothing can have arrived."""
    import httpx2

    return isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout))


def _unknown(why: str) -> SubmitUnknown:
    return SubmitUnknown(
        f"{TITLE} was asked to train, and no answer came that says whether it does: {why} It may charge."
    )


def _wait(error: Any) -> float | None:
    """Return the wait that is asked for, from a detail such as `{"retryDelay": "3s"}`."""
    found = re.search(r"'retryDelay': '([\d.]+)s'", str(error.details))
    return hosted.number(found[1]) if found else None
