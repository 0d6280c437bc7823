"""OpenAI, and servers that speak its protocol (OPENAI_BASE_URL): Chat Completions, which all of them know."""

import re
from typing import Any

from core.llm import failures, schemas
from core.llm.models import Access, ChatRequest, Reply

#: OpenAI's own models, fine-tuned or not. They alone know the newer fields, and reject or ignore the older one.
_OWN = re.compile(r"(?:ft:)?(?:gpt-|o\d|chatgpt-)")
_CONNECT_S = 10


def ask(request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """One request, no retries: the caller counts the time. Raises `ModelUnavailable`."""
    import openai
    from openai.types.chat import ChatCompletion

    assert access.key is not None
    timeout = openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
    try:
        with openai.OpenAI(
            api_key=access.key.get_secret_value(), base_url=access.base_url, max_retries=0, timeout=timeout
        ) as client:
            answer = client.chat.completions.create(**_body(request))
    except openai.APITimeoutError:
        raise failures.timed_out(request.model, timeout_s) from None
    except openai.APIStatusError as error:
        raise failures.of_status(
            request,
            access,
            error.status_code,
            f"{error.code or ''} {_message(error)}",
            retry_after=error.response.headers.get("retry-after"),
        ) from None
    except openai.APIConnectionError:
        raise failures.not_running(request.model, access) from None
    except openai.OpenAIError:
        raise failures.strange(request.model, access) from None
    if not isinstance(answer, ChatCompletion) or not isinstance(answer.choices, list):
        raise failures.strange(request.model, access)
    return _reply(answer)


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return str(body.get("message") or error.message)


def _body(request: ChatRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model.name,
        "messages": [
            *([{"role": "system", "content": request.system}] if request.system else []),
            *({"role": role, "content": text} for role, text in request.conversation),
        ],
    }
    if _OWN.match(request.model.name):
        # `store` is on by default for newer accounts; what is asked here is nobody else's to keep.
        body |= {"max_completion_tokens": request.max_tokens, "store": False}
    else:
        body["max_tokens"] = request.max_tokens
    if request.schema is not None:
        form = {"name": "answer", "strict": True, "schema": schemas.strict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def _reply(answer: Any) -> Reply:
    usage = answer.usage
    tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    if not answer.choices:
        return Reply("", *tokens)
    choice = answer.choices[0]
    text = choice.message.content or ""
    if choice.message.refusal:
        return Reply(text, *tokens, "declined", choice.message.refusal)
    if choice.finish_reason == "content_filter":
        return Reply(text, *tokens, "declined", "its content filter")
    return Reply(text, *tokens, "cut" if choice.finish_reason == "length" else "done")
