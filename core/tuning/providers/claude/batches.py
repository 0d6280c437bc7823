"""Message Batches, spoken carefully: a batch is created by one request that is never repeated by itself."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from core.errors import ModelUnavailable
from core.llm import calling, failures
from core.llm.models import Access, ChatRequest, Model
from core.settings import Settings
from core.tuning.providers.claude.answers import BatchAnswer, Usage
from core.tuning.providers.protocol import NotSubmitted, ProviderTrouble, SubmitUnknown

#: What the API takes in one batch.
MOST_REQUESTS = 100_000
MOST_BYTES = 256 * 2**20

#: Refusals after which certainly nothing was begun. Of anything else (408, 409, 5xx, a broken connection) nobody knows.
_REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 413, 422, 429})
_CONNECT_S = 10
_CREATE_S = 600
_ASK_S = 60
_PAGE = 100
_MOST_PAGES = 50


@dataclass(frozen=True)
class Batch:
    """A batch as the API describes it."""

    id: str
    #: in_progress, canceling or ended; anything else is shown as it came.
    status: str
    created_at: dt.datetime
    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int
    #: Somebody asked for its end.
    is_cancelled: bool
    #: Its results cannot be read any more.
    is_archived: bool

    @property
    def total(self) -> int:
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class Batches:
    """The batches of one key. `model`: whose names stand in sentences."""

    def __init__(self, model: Model, settings: Settings) -> None:
        """Open the client. Raises `ModelUnavailable` where there is no key."""
        self._model = model
        self._access = calling.access_to(model, settings)

    def look_up(self) -> None:
        """Whether the key may use the model; costs nothing. Raises `ModelUnavailable`."""
        with self._spoken():
            self._asking.models.retrieve(self._model.name)

    def create(self, requests: Sequence[Mapping[str, Any]]) -> Batch:
        """Begin a batch of `custom_id` and `params` each. Raises `NotSubmitted` or `SubmitUnknown`."""
        import anthropic

        try:
            # A connection of its own: on a kept one that broke, nobody would know whether the batch was begun.
            with _client(self._access, _CREATE_S) as client:
                return _batch(client.messages.batches.create(requests=cast(Any, requests)))
        except anthropic.APIStatusError as error:
            raise self._not_created(error) from None
        except anthropic.APIConnectionError as error:
            if _was_never_sent(error):
                raise NotSubmitted(
                    str(failures.not_running(self._model, self._access)), code="not_reachable", passing=True
                ) from None
            raise _no_answer("The connection broke") from None
        except (anthropic.AnthropicError, ValueError, TypeError, AttributeError):
            # Something answered with success, so something may have begun.
            raise _no_answer("The answer could not be read") from None

    def get(self, batch_id: str) -> Batch:
        """How far it is. Raises `ProviderTrouble`."""
        with self._patient():
            return _batch(self._asking.messages.batches.retrieve(batch_id))

    def cancel(self, batch_id: str) -> Batch:
        """Ask for its end. Raises `ProviderTrouble`."""
        with self._patient():
            return _batch(self._asking.messages.batches.cancel(batch_id))

    def since(self, moment: dt.datetime) -> Iterator[Batch]:
        """Batches that were created since `moment`, newest first as the API lists them. Raises `ProviderTrouble`."""
        with self._patient():
            page = self._asking.messages.batches.list(limit=_PAGE)
            for _ in range(_MOST_PAGES):
                for each in map(_batch, page.data):
                    if each.created_at < moment:
                        return
                    yield each
                if not page.has_next_page():
                    return
                page = page.get_next_page()

    def answers(self, batch_id: str) -> Iterator[BatchAnswer]:
        """Yield the answers of a batch that ended, in any order. Raises `ProviderTrouble`."""
        with self._patient():
            lines = self._asking.messages.batches.results(batch_id)
            try:
                yield from map(_answer, lines)
            finally:
                lines.close()

    @property
    def _asking(self) -> Any:
        """A client for questions, which may come twice."""
        return _kept_client(self._access)

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn everything that goes wrong into `ModelUnavailable`."""
        import anthropic
        import httpx2

        try:
            yield
        except anthropic.APITimeoutError:
            raise failures.timed_out(self._model, _ASK_S) from None
        except anthropic.APIStatusError as error:
            raise self._of_status(error) from None
        except (anthropic.APIConnectionError, httpx2.HTTPError):  # the second while an answer is being read
            raise failures.not_running(self._model, self._access) from None
        except (anthropic.AnthropicError, ValueError, TypeError, AttributeError):
            raise failures.strange(self._model, self._access) from None

    @contextmanager
    def _patient(self) -> Iterator[None]:
        try:
            with self._spoken():
                yield
        except ModelUnavailable as failure:
            raise ProviderTrouble(str(failure), retry_after_s=failure.retry_after_s) from None

    def _of_status(self, error: Any) -> ModelUnavailable:
        question = ChatRequest(self._model, "", "", None, 0)
        return failures.of_status(
            question,
            self._access,
            error.status_code,
            message(error),
            retry_after=error.response.headers.get("retry-after"),
        )

    def _not_created(self, error: Any) -> NotSubmitted | SubmitUnknown:
        if error.status_code not in _REFUSALS:
            return _no_answer(f"Anthropic answered with status {error.status_code}")
        failure = self._of_status(error)
        return NotSubmitted(
            str(failure),
            code=failure.reason,
            advice=_ADVICE.get(failure.reason, ""),
            blocked=failure.reason == "not_allowed",
            passing=failure.reason == "rate_limited",
        )


def _client(access: Access, timeout_s: float) -> Any:
    import anthropic

    assert access.key is not None
    return anthropic.Anthropic(
        api_key=access.key.get_secret_value(),
        base_url=access.base_url,
        max_retries=0,
        timeout=anthropic.Timeout(timeout_s, connect=_CONNECT_S),
    )


@lru_cache(maxsize=8)
def _kept_client(access: Access) -> Any:
    """Kept, because making one takes 0.02 s of the processor, and many jobs are asked about."""
    return _client(access, _ASK_S)


_ADVICE = {
    "key_refused": "Set ANTHROPIC_API_KEY to a key that works, and start the job again.",
    "no_credit": "Top the account up, and start the job again.",
    "no_model": "Choose a base from the list.",
}


def message(error: Any) -> str:
    """Return the provider's own words in an error of its SDK."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    return str(inner.get("message") or error.message) if isinstance(inner, dict) else str(error.message)


def _was_never_sent(error: Any) -> bool:
    import httpx2

    never = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
    return isinstance(error.__cause__, never)


def _no_answer(what: str) -> SubmitUnknown:
    return SubmitUnknown(f"{what} after the batch was sent: Anthropic may have begun it, and may charge for it.")


def _batch(given: Any) -> Batch:
    """Check what the SDK reads and does not check. Raises `ValueError` and its like for a part that is missing."""
    counts = given.request_counts
    numbers = [getattr(counts, name) for name in ("processing", "succeeded", "errored", "canceled", "expired")]
    created_at = given.created_at
    if not (isinstance(given.id, str) and given.id and isinstance(created_at, dt.datetime)):
        raise ValueError("no batch")
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError("no counts")
    if created_at.tzinfo is None:
        created_at = created_at.replace(tzinfo=dt.UTC)
    return Batch(
        given.id,
        str(given.processing_status),
        created_at,
        *numbers,
        is_cancelled=given.cancel_initiated_at is not None,
        is_archived=given.archived_at is not None,
    )


def _answer(line: Any) -> BatchAnswer:
    result = line.result
    if result.type != "succeeded":
        inner = getattr(getattr(result, "error", None), "error", None)
        words = f"{inner.type}: {inner.message}" if inner is not None else ""
        return BatchAnswer(line.custom_id, result.type, error=words)
    said = result.message
    text = "".join(block.text for block in said.content if block.type == "text")
    return BatchAnswer(line.custom_id, "succeeded", text, said.stop_reason or "", _usage(said.usage))


def _usage(usage: Any) -> Usage:
    written = usage.cache_creation_input_tokens or 0
    hour = getattr(usage.cache_creation, "ephemeral_1h_input_tokens", 0) or 0
    return Usage(
        input=usage.input_tokens or 0,
        written_5m=written - hour,
        written_1h=hour,
        read=usage.cache_read_input_tokens or 0,
        output=usage.output_tokens or 0,
    )
