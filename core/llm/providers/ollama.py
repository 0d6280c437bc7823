"""Ollama: models on a machine of one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from core.llm import failures, schemas
from core.llm.models import Access, ChatRequest, Model, Reply

#: Ollama cuts a prompt that does not fit, without a word. It is told how much room is needed, in few sizes, because
#: each new size loads the model again.
_ROOMS = (4_096, 8_192, 16_384, 32_768)
#: Cautious: a token of English is nearer to four bytes.
_BYTES_A_TOKEN = 3


def ask(request: ChatRequest, access: Access, timeout_s: float) -> Reply:
    """One request. Raises `ModelUnavailable`.

    `think` is never sent: switching thoughts off makes Ollama forget the schema with several families of models.
    """
    with _client(request, access, timeout_s) as client:
        answer = client.chat(
            model=request.model.name,
            messages=[
                *([{"role": "system", "content": request.system}] if request.system else []),
                *({"role": role, "content": text} for role, text in request.conversation),
            ],
            format=schemas.plain(request.schema) if request.schema is not None else None,
            options={"num_predict": request.max_tokens, "num_ctx": _room(request)},
            stream=False,
        )
    return Reply(
        answer.message.content or "",
        answer.prompt_eval_count or 0,
        answer.eval_count or 0,
        "cut" if answer.done_reason == "length" else "done",
    )


def models(access: Access, timeout_s: float) -> tuple[str, ...]:
    """Return the names of the models that are there. Raises `ModelUnavailable`."""
    nothing = ChatRequest(Model("ollama", ""), "", "", None, 0)
    with _client(nothing, access, timeout_s) as client:
        return tuple(sorted(each.model for each in client.list().models if each.model))


@contextmanager
def _client(request: ChatRequest, access: Access, timeout_s: float) -> Iterator[Any]:
    import httpx  # this SDK still stands on it, and lets its errors through
    import ollama

    host = access.base_url or ""
    # A proxy in the environment is for the world outside; it does not know what runs on this machine.
    is_here = urlsplit(host).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        with ollama.Client(host=host, timeout=timeout_s, trust_env=not is_here) as client:
            yield client
    except ollama.ResponseError as error:
        raise failures.of_status(request, access, error.status_code, str(error.error)) from None
    except httpx.TimeoutException:
        raise failures.timed_out(request.model, timeout_s) from None
    except (ConnectionError, httpx.TransportError):
        raise failures.not_running(request.model, access) from None
    except (ValueError, TypeError):  # JSON's, pydantic's, or the SDK's own: what answers is not Ollama
        raise failures.strange(request.model, access) from None


def _room(request: ChatRequest) -> int:
    asked = request.system + "".join(text for _, text in request.conversation)
    needed = len(asked.encode()) // _BYTES_A_TOKEN + request.max_tokens
    return next((room for room in _ROOMS if room >= needed), _ROOMS[-1])
