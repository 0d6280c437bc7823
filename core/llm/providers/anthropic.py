"""Anthropic: the Messages API.

Answers by schema go through `output_config`: current models refuse to be forced to use a tool, and refuse sampling
parameters, so none is sent.
"""

from typing import Any

from core.llm import failures, schemas
from core.llm.models import Access, ChatRequest, Reply

_CONNECT_S = 10
#: Above these the API answers 400 instead of compiling the schema.
_MOST_OPTIONAL = 24
_MOST_UNIONS = 16


def ask(request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """One request, no retries: the caller counts the time. Raises `ModelUnavailable`."""
    import anthropic

    assert access.key is not None
    body = _body(request)
    timeout = anthropic.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
    try:
        with anthropic.Anthropic(
            api_key=access.key.get_secret_value(), base_url=access.base_url, max_retries=0, timeout=timeout
        ) as client:
            answer = client.messages.create(**body)
    except anthropic.APITimeoutError:
        raise failures.timed_out(request.model, timeout_s) from None
    except anthropic.APIStatusError as error:
        raise failures.of_status(
            request, access, error.status_code, _message(error), retry_after=error.response.headers.get("retry-after")
        ) from None
    except anthropic.APIConnectionError:
        raise failures.not_running(request.model, access) from None
    except anthropic.AnthropicError:
        raise failures.strange(request.model, access) from None
    if not isinstance(answer, anthropic.types.Message) or not isinstance(answer.content, list):
        raise failures.strange(request.model, access)
    return _reply(answer)


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    return str(inner.get("message") or error.message) if isinstance(inner, dict) else str(error.message)


def _body(request: ChatRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model.name,
        "messages": [{"role": role, "content": text} for role, text in request.conversation],
        "max_tokens": request.max_tokens,
    }
    if request.system:
        body["system"] = request.system
    if request.schema is not None:
        schema = schemas.plain(request.schema, closed=True)
        optional, unions = schemas.burden(schema)
        if optional > _MOST_OPTIONAL or unions > _MOST_UNIONS:
            raise failures.of_status(
                request, Access(None, None), 400, f"schema with {optional} optional fields and {unions} unions"
            )
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return body


def _reply(answer: Any) -> Reply:
    usage = answer.usage
    tokens_in = (
        (usage.input_tokens or 0) + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    )
    tokens_out = usage.output_tokens or 0
    # Thoughts come in blocks of their own, before the text.
    text = "".join(block.text for block in answer.content if block.type == "text")
    if answer.stop_reason == "refusal":
        details = getattr(answer, "stop_details", None)
        return Reply(text, tokens_in, tokens_out, "declined", getattr(details, "category", None) or "")
    is_cut = answer.stop_reason in ("max_tokens", "model_context_window_exceeded")
    return Reply(text, tokens_in, tokens_out, "cut" if is_cut else "done")
