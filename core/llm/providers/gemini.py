"""Gemini: generateContent of the Gemini API, with a key from AI Studio."""

from typing import Any

from core.llm import failures, schemas
from core.llm.models import Access, ChatRequest, Reply

#: Endings that are neither a normal one nor the limit of tokens are refusals of one kind or another.
_DONE = {"STOP", "FINISH_REASON_UNSPECIFIED", "OTHER", "MALFORMED_RESPONSE"}


def ask(request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """One request, no retries: the caller counts the time. Raises `ModelUnavailable`."""
    from google import genai
    from google.genai import types

    assert access.key is not None
    options = types.HttpOptions(
        base_url=access.base_url,
        timeout=max(1, round(timeout_s * 1000)),
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    # vertexai=False: the environment may say otherwise for other programs, and a key does not open that service.
    with genai.Client(api_key=access.key.get_secret_value(), vertexai=False, http_options=options) as client:
        return answer(client, request, access, timeout_s)


def answer(client: Any, request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """Return what a client of either service replies. Raises `ModelUnavailable`."""
    import httpx2
    from google.genai import errors

    try:
        said = client.models.generate_content(
            model=request.model.name, contents=_contents(request), config=_config(request)
        )
    except errors.APIError as error:
        raise failures.of_status(
            request, access, error.code or 500, f"{_why(error)} {error.message or ''}", retry_after=_wait(error)
        ) from None
    except httpx2.TimeoutException:
        raise failures.timed_out(request.model, timeout_s) from None
    except httpx2.TransportError:
        raise failures.not_running(request.model, access) from None
    return _reply(said)


def _contents(request: ChatRequest) -> list[Any]:
    """Return the conversation; the API's word for the assistant is model."""
    from google.genai import types

    return [
        types.Content(role="user" if role == "user" else "model", parts=[types.Part(text=text)])
        for role, text in request.conversation
    ]


def _config(request: ChatRequest) -> Any:
    from google.genai import types

    config = types.GenerateContentConfig(
        system_instruction=request.system or None,
        max_output_tokens=request.max_tokens,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    if request.schema is not None:
        config.response_mime_type = "application/json"
        config.response_json_schema = schemas.without_const(schemas.plain(request.schema))
    return config


def _details(error: Any) -> list[dict[str, Any]]:
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error")
    details = inner.get("details") if isinstance(inner, dict) else None
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


def _why(error: Any) -> str:
    """Return the reason's short name: a wrong key is a 400 here, and only this tells it from other mistakes."""
    return " ".join(str(each["reason"]) for each in _details(error) if "reason" in each)


def _wait(error: Any) -> str | None:
    """Return the wait that is asked for: there is no Retry-After header, but a detail such as
    `{"retryDelay": "3s"}`.
    """
    return next((str(each["retryDelay"]).removesuffix("s") for each in _details(error) if "retryDelay" in each), None)


def _reply(answer: Any) -> Reply:
    usage = answer.usage_metadata
    tokens_in = (usage.prompt_token_count or 0) if usage else 0
    # Thoughts are billed as output.
    tokens_out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) if usage else 0
    if not answer.candidates:
        blocked = answer.prompt_feedback.block_reason if answer.prompt_feedback else None
        if blocked:
            return Reply("", tokens_in, tokens_out, "declined", str(getattr(blocked, "value", blocked)))
        return Reply("", tokens_in, tokens_out)
    candidate = answer.candidates[0]
    parts = (candidate.content.parts or []) if candidate.content else []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    ending = str(getattr(candidate.finish_reason, "value", candidate.finish_reason) or "STOP")
    if ending == "MAX_TOKENS":
        return Reply(text, tokens_in, tokens_out, "cut")
    return Reply(text, tokens_in, tokens_out, "done" if ending in _DONE else "declined", ending)
