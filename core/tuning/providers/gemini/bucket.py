"""The bucket that Google reads training files from: each once, under the hash of its content."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.llm import failures, google_cloud
from core.settings import Settings
from core.tuning.providers import hosted
from core.tuning.providers.gemini.access import Location, not_logged_in, place
from core.tuning.providers.protocol import NotSubmitted, ReportProgress

#: A larger file goes in pieces of this size, and what was sent of it is not sent again.
_PIECE = 8 << 20
_BUSY = {408, 429, 500, 502, 503, 504}
#: What the account has to be allowed, to bring a file and to see that it is there.
_NEEDED = ["storage.objects.create", "storage.objects.get"]


def bring(settings: Settings, path: Path, report_progress: ReportProgress, timeout_s: float) -> str:
    """Where the file lies after this, as `gs://…`. One that is there is not sent again. Raises `NotSubmitted`."""
    from google.api_core.exceptions import PreconditionFailed
    from google.cloud.storage.retry import DEFAULT_RETRY

    where = place(settings)
    with _opened(settings, where) as client:
        blob = client.bucket(where.bucket).blob(f"{where.prefix}{path.name}", chunk_size=_PIECE)
        words = f"Uploading {path.stat().st_size / 2**20:,.1f} MB to the bucket {where.bucket}"
        try:
            with hosted.Watched(path, report_progress, words) as file:
                blob.upload_from_file(
                    file,
                    size=path.stat().st_size,
                    content_type="application/jsonl",
                    if_generation_match=0,
                    timeout=timeout_s,
                    retry=DEFAULT_RETRY.with_timeout(timeout_s),
                )
        except PreconditionFailed:
            blob.reload(timeout=timeout_s)
            if blob.size != path.stat().st_size:
                raise NotSubmitted(
                    f"gs://{where.bucket}/{blob.name} is there already, with other content than its name says.",
                    code="bucket",
                    advice="Delete that object, and retry the job.",
                ) from None
    return f"gs://{where.bucket}/{where.prefix}{path.name}"


def missing_rights(settings: Settings, timeout_s: float) -> list[str]:
    """Return what the account may not do in the bucket. Raises `NotSubmitted` for one that cannot be asked."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    where = place(settings)
    with _opened(settings, where) as client:
        retry = DEFAULT_RETRY.with_timeout(timeout_s)
        given = client.bucket(where.bucket).test_iam_permissions(_NEEDED, timeout=timeout_s, retry=retry)
    return [each for each in _NEEDED if each not in given]


@contextmanager
def _opened(settings: Settings, where: Location) -> Iterator[Any]:
    """Yield a client of Cloud Storage. An emulator is asked without credentials: they are nothing for it."""
    import requests
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    try:
        if settings.gcs_base_url:
            login, options = AnonymousCredentials(), {"api_endpoint": settings.gcs_base_url}
        else:
            login, options = google_cloud.credentials(), None
        with storage.Client(project=where.project, credentials=login, client_options=options) as client:
            yield client
    except auth.GoogleAuthError as error:
        raise not_logged_in(error) from None
    except api.GoogleAPICallError as error:
        raise _refused(error, where) from None
    except (api.RetryError, requests.RequestException, ConnectionError, TimeoutError) as error:
        raise NotSubmitted(
            f"Google Cloud Storage cannot be reached: {failures.in_short(str(error), None)}.",
            code="not_reachable",
            advice="Check the connection to the internet, and STORAGE_EMULATOR_HOST.",
            passing=True,
        ) from None


def _refused(error: Any, where: Location) -> NotSubmitted:
    code = int(error.code or 0)
    why = {
        401: "refused the credentials of this machine",
        403: "does not let this account use it",
        404: "has no such bucket",
    }.get(code, f"has trouble (status {code})")
    return NotSubmitted(
        f"Bucket {where.bucket}: Google Cloud Storage {why}: {failures.in_short(str(error.message or ''), None)}.",
        code="bucket",
        advice="Create it in the region of the job, or set WHETSTONE_GCS_BUCKET."
        if code == 404
        else f"Give the account the role roles/storage.objectUser in the bucket {where.bucket}.",
        passing=code in _BUSY,
    )
