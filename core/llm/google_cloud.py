"""Clients of Gemini on Google Cloud, opened by the machine's own credentials (ADC) and never by a key."""

import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ADC = "GOOGLE_APPLICATION_CREDENTIALS"


def client(project: str, location: str, base_url: str | None, timeout_s: float) -> Any:
    """Return a client of one project and region, which asks once. Raises google.auth's `GoogleAuthError`.

    With everything given by name, the SDK ignores what the environment says: a key of AI Studio there would send it to
    another service.
    """
    from google import genai
    from google.genai import types

    options = types.HttpOptions(
        base_url=base_url,
        api_version="v1",
        timeout=max(1, round(timeout_s * 1000)),
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    return genai.Client(
        vertexai=True, project=project, location=location, credentials=credentials(), http_options=options
    )


def host(location: str) -> str:
    """Where the API of a region is, as the SDK has it."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def credentials() -> Any:
    """Return the machine's own credentials. Raises google.auth's `DefaultCredentialsError`."""
    file = os.environ.get(_ADC, "")
    return _loaded(file, Path(file).stat().st_mtime_ns if file and Path(file).is_file() else 0)


def have_file() -> bool:
    """Whether a file of credentials lies where Google's libraries look. A machine of Google's own needs none."""
    if named := os.environ.get(_ADC):
        return Path(named).is_file()
    roaming = Path(os.environ["APPDATA"]) if os.name == "nt" and "APPDATA" in os.environ else Path.home() / ".config"
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or roaming / "gcloud")
    return (folder / "application_default_credentials.json").is_file()


@lru_cache(maxsize=4)
def _loaded(file: str, changed: int) -> Any:
    """Kept, because they hold a token that is good for an hour; read again when the file is another one."""
    import google.auth

    # A login of a person without a project of its own for quotas works; Google's library warns all the same.
    warnings.filterwarnings("ignore", message="Your application has authenticated using end user credentials")
    found, _ = google.auth.default(scopes=[_SCOPE])
    return found
