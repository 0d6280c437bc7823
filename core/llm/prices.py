"""What tokens cost, from a dated table. A price that is not known is None, and never 0."""

import datetime as dt
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from core.llm.models import Model, ProviderName

_MILLION = 1_000_000
#: The date at the end of a model's name: gpt-6-luna-2026-09-22, claude-haiku-4-5-20251001.
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})\Z")


@dataclass(frozen=True)
class Price:
    """List price of a model, in US dollars a million tokens."""

    provider: ProviderName
    model: str
    input: Decimal
    output: Decimal
    #: The day on which the price was read, the provider's page, and what was read of it ("": the page itself).
    read: dt.date
    source: str
    via: str = ""
    #: Longer prompts cost more, and then the price is not known here.
    up_to_tokens_in: int | None = None
    #: The last day of the price.
    until: dt.date | None = None


@lru_cache(maxsize=1)
def table() -> tuple[Price, ...]:
    """All prices, as they stand in `prices.toml`."""
    path = Path(__file__).with_name("prices.toml")
    entries = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["price"]
    return tuple(
        Price(**{**entry, "input": Decimal(entry["input"]), "output": Decimal(entry["output"])}) for entry in entries
    )


def cost_usd(
    model: Model, tokens_in: int, tokens_out: int, *, host: str | None = None, today: dt.date | None = None
) -> Decimal | None:
    """Return what the tokens cost by list price. 0 for a model on a machine of one's own, None where nobody knows."""
    if model.provider == "ollama":
        return None if _is_in_the_cloud(model, host) else Decimal(0)
    name = _DATED.sub("", model.name.removeprefix("models/"))
    price = next((each for each in table() if each.provider == model.provider and each.model == name), None)
    if price is None or (price.up_to_tokens_in and tokens_in > price.up_to_tokens_in):
        return None
    if price.until and (today or dt.datetime.now(dt.UTC).date()) > price.until:
        return None
    return (tokens_in * price.input + tokens_out * price.output) / _MILLION


def _is_in_the_cloud(model: Model, host: str | None) -> bool:
    """Ollama passes models with this ending on to its own servers, which cost money."""
    at_ollama = (urlsplit(host).hostname or "").endswith("ollama.com") if host else False
    return at_ollama or model.name.endswith(("-cloud", ":cloud"))
