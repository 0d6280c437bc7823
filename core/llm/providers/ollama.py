"""Ollama: models on a machine of one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from core.llm import failures, schemas
from core.llm.models import Access, Model, Question, Reply

#: Ollama cuts a prompt that does not fit, without a word. It is told how much room is needed, in few sizes, because
#: each new size loads the model again.
_ROOMS = (4_096, 8_192, 16_384, 32_768)
#: Cautious: a token of English is nearer to four bytes.
_BYTES_A_TOKEN = 3


def ask(question: Question, access: Access, timeout_s: float) -> Reply:
    """One request. Raises `ModelUnavailable`.

    `think` is never sent: switching thoughts off makes Ollama forget the schema with several families of models.
    """
    with _client(question, access, timeout_s) as client:
        answer = client.chat(
            model=question.model.name,
            messages=[
                *([{"role": "system", "content": question.system}] if question.system else []),
                *({"role": role, "content": text} for role, text in question.conversation),
            ],
            format=schemas.plain(question.schema) if question.schema is not None else None,
            options={"num_predict": question.max_tokens, "num_ctx": _room(question)},
            stream=False,
        )
    return Reply(
        answer.message.content or "",
        answer.prompt_eval_count or 0,
        answer.eval_count or 0,
        "cut" if answer.done_reason == "length" else "done",
    )


def models(access: Access, timeout_s: float) -> tuple[str, ...]:
    """The names of the models that are there. Raises `ModelUnavailable`."""
    nothing = Question(Model("ollama", ""), "", "", None, 0)
    with _client(nothing, access, timeout_s) as client:
        return tuple(sorted(each.model for each in client.list().models if each.model))


@contextmanager
def _client(question: Question, access: Access, timeout_s: float) -> Iterator[Any]:
    import httpx  # this SDK still stands on it, and lets its errors through
    import ollama

    host = access.base_url or ""
    # A proxy in the environment is for the world outside; it does not know what runs on this machine.
    is_here = urlsplit(host).hostname in ("127.0.0.1", "localhost", "::1")
    try:
        with ollama.Client(host=host, timeout=timeout_s, trust_env=not is_here) as client:
            yield client
    except ollama.ResponseError as error:
        raise failures.of_status(question, access, error.status_code, str(error.error)) from None
    except httpx.TimeoutException:
        raise failures.timed_out(question.model, timeout_s) from None
    except (ConnectionError, httpx.TransportError):
        raise failures.not_running(question.model, access) from None
    except (ValueError, TypeError):  # JSON's, pydantic's, or the SDK's own: what answers is not Ollama
        raise failures.strange(question.model, access) from None


def _room(question: Question) -> int:
    asked = question.system + "".join(text for _, text in question.conversation)
    needed = len(asked.encode()) // _BYTES_A_TOKEN + question.max_tokens
    return next((room for room in _ROOMS if room >= needed), _ROOMS[-1])
