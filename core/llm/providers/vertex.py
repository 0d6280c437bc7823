"""Gemini on Google Cloud: tuned models by the name of their endpoint, and Google's own by theirs."""

from core.llm import failures, google_cloud
from core.llm.models import Access, ChatRequest, Reply
from core.llm.providers import gemini


def ask(request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """One request, no retries: the caller counts the time. Raises `ModelUnavailable`."""
    from google.auth import exceptions

    assert access.project is not None
    assert access.location is not None
    try:
        with google_cloud.client(access.project, access.location, access.base_url, timeout_s) as client:
            return gemini.answer(client, request, access, timeout_s)
    except exceptions.DefaultCredentialsError as error:
        raise failures.no_credentials(request.model, str(error)) from None
    except exceptions.TransportError:
        raise failures.not_running(request.model, access) from None
    except exceptions.GoogleAuthError as error:
        raise failures.credentials_refused(request.model, str(error)) from None
