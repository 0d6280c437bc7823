"""What the providers that train elsewhere have in common: the marker, uploads that tell how far they are, costs."""

import datetime as dt
import io
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.tuning.providers import pricing
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import (
    Estimate,
    JobView,
    NewJobEvent,
    Obstacle,
    ProviderId,
    ProviderTrouble,
    ReportProgress,
    Spec,
)

#: The name under which a job's key stands in the request, so that a submission without answer can be found.
MARKER = "whetstone_job"
#: Jobs looked through at most for a marker, in pages; a server that turns in circles is left then.
MOST_PAGES = 50
#: One word is enough to see that a model answers.
SMOKE = "Asking the model for one word, which costs a fraction of a cent"
#: A model that was just made does not answer now, and may in a while.
TRANSIENT_REASONS = {"rate_limited", "server_error", "timed_out", "not_running", "no_model"}
#: It answered, though not with what was asked for.
ANSWERED = {"cut", "empty", "declined", "bad_answer"}
LATER = " It is asked again later."
_STEP = 1 << 20
_OTHER_TOKENIZER = " with OpenAI's tokenizer"
_NAME = re.compile(r"[^a-z0-9]+")

Today = Callable[[], dt.date]


def today() -> dt.date:
    """Return the day in UTC, in which providers give their dates."""
    return dt.datetime.now(dt.UTC).date()


def short_name(job: JobView, most: int) -> str:
    """Return a name for the model in the provider's lists: what was chosen, and the beginning of the job's key."""
    chosen = _NAME.sub("-", job.spec.name.lower()).strip("-") or "whetstone"
    return f"{chosen[: most - 9].rstrip('-')}-{job.key[:8]}"


class Watched(io.BufferedReader):
    """A file that tells how much of it was read, and so how far its upload is."""

    def __init__(self, path: Path, report_progress: ReportProgress, words: str):
        super().__init__(io.FileIO(path, "rb"))
        self._report_progress, self._words = report_progress, words
        self._size = max(path.stat().st_size, 1)
        self._reported = -_STEP

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.tell() - self._reported >= _STEP or not data:
            self._reported = self.tell()
            self._report_progress(self._words, min(self._reported / self._size, 1.0))
        return data


def splits_of(spec: Spec) -> tuple[str, ...]:
    """Return the splits that are sent: the one for validation only where it was chosen."""
    return ("train", "validation") if spec.settings.get("use_validation", True) else ("train",)


def estimate(provider: ProviderId, base: str, data: DataFacts, low: int, high: int) -> Estimate:
    """Tokens and cost of `low` to `high` epochs, at the workspace's price or else the catalogue's."""
    price = pricing.price(None, provider, base)
    usd = price.usd_per_million
    cost_low, cost_high = pricing.range_usd(data.tokens_train, low, high, usd)
    epochs = f"{low} epoch{'' if low == high == 1 else 's'}" if low == high else f"{low} to {high} epochs"
    is_exact = data.is_exact and provider == "openai"
    counted = "tokens" if is_exact else f"tokens (estimated{'' if provider == 'openai' else _OTHER_TOKENIZER})"
    of_price = f"{usd} US dollars a million ({price.source})" if usd is not None else "no known price"
    basis = f"{data.tokens_train:,} {counted} times {epochs}, at {of_price}."
    return Estimate(data.tokens_train * high, cost_low, cost_high, None, basis)


def cost(provider: ProviderId, base: str, tokens: int | None) -> Decimal | None:
    """Return what so many training tokens cost; None where tokens or price are not known."""
    price = pricing.price(None, provider, base).usd_per_million
    if tokens is None or price is None:
        return None
    return pricing.range_usd(tokens, 1, 1, price)[0]


def price_unknown(what: str) -> Obstacle:
    """Say that the cost cannot be estimated; it blocks nothing."""
    return Obstacle(
        "price_unknown",
        f"What training on {what} costs is not known here, so the cost of this job cannot be estimated.",
        "Look it up at the provider, and enter it on the page to have an estimate.",
        blocks=False,
    )


def pages(fetch: Callable[[Any], tuple[list[Any], Any]]) -> Iterator[Any]:
    """Everything in a list that comes in pages. `fetch(cursor)` gives a page and the next cursor, None at the end."""
    cursor, seen = None, set()
    for _ in range(MOST_PAGES):
        entries, cursor = fetch(cursor)
        yield from entries
        if not entries or cursor is None or cursor in seen:
            return
        seen.add(cursor)


def chosen_of(marked: Iterable[Any], created: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """Return the job to take up among those under one marker, and the others.

    More than one exist only after a person sent a job again whose first submission turned up later.
    """
    newest_first = sorted(marked, key=created, reverse=True)
    return (newest_first[0] if newest_first else None), newest_first[1:]


def same_marker(job: JobView) -> Iterator[NewJobEvent]:
    """Yield a warning for each other job under the marker, as `find` left them."""
    words = "bears the same marker. If nobody wants it, cancel it at the provider."
    for name in job.remote.get("same_marker") or []:
        yield NewJobEvent(f"Job {name} {words}", "warning", source=name)


def out_of_reach(title: str, why: str, retry_after_s: float | None = None) -> ProviderTrouble:
    """Return the trouble of a provider that could not be asked."""
    return ProviderTrouble(f"{title} could not be asked: {why}{LATER}", retry_after_s=retry_after_s)


def number(value: Any) -> float | None:
    """Return the value as a finite number, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) != float("inf") and found == found else None
