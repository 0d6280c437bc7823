"""Asking a model of the registry, whatever it is: base, tuned, or a profile, whose prompt goes before the question."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from core import llm
from core.errors import ModelUnavailable
from core.llm import Completion, Profile, Turn, prices
from core.llm.calling import complete
from core.models import availability
from core.models.records import Model
from core.settings import Settings, get_settings

#: How long an answer may be where nobody says.
MOST_TOKENS = 2_000
TIMEOUT_S = 120.0
#: A model on a machine of one's own may have to be loaded first.
PROBE_S = 60.0


def answer(
    model: Model,
    *,
    system: str,
    prompt: str,
    turns: Sequence[Turn] = (),
    schema: dict[str, Any] | None = None,
    settings: Settings | None = None,
    max_tokens: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Completion:
    """Return what the model answers. A profile's system prompt and examples are put before the question.

    `max_tokens` None: what the profile was chosen with, or 2,000. Raises `ModelRefused` for a model that cannot be
    asked now, and `ModelUnavailable` as `core.llm.complete` does.
    """
    return complete(
        called(model),
        system=system,
        prompt=prompt,
        turns=turns,
        schema=schema,
        max_tokens=max_tokens or longest_answer(model),
        timeout_s=timeout_s,
        settings=settings,
    )


def called(model: Model) -> llm.Model:
    """Return the model as it is called, with its profile. Raises `ModelRefused` where nothing would answer."""
    availability.refuse_not_callable(model)
    profile = None if model.profile is None else Profile.of_json(model.profile)
    return replace(llm.Model.parse(model.call_name), profile=profile)


def unanswered(model: Model, *, settings: Settings | None = None) -> str:
    """Why the model gives no answer to one short question; "" where it gives one, whatever it says.

    A profile's examples are not sent with it. Raises `ModelRefused` for a model that cannot be asked at all.
    """
    bare = replace(called(model), profile=None)
    try:
        complete(bare, system="", prompt="Say OK.", max_tokens=64, timeout_s=PROBE_S, settings=settings)
    except ModelUnavailable as failure:
        # Who cuts, declines or says nothing was there to be asked.
        return "" if failure.reason in ("cut", "empty", "declined", "bad_answer") else str(failure)
    return ""


def longest_answer(model: Model) -> int:
    """Return the tokens after which an answer of this model is cut, unless somebody says otherwise."""
    chosen = (model.profile or {}).get("max_tokens")
    return chosen if isinstance(chosen, int) and chosen > 0 else MOST_TOKENS


def cost_usd(model: llm.Model, tokens_in: int, tokens_out: int, *, settings: Settings | None = None) -> Decimal | None:
    """Return what so many tokens cost by list price: 0 on a machine of one's own, None where nobody knows."""
    chosen = settings or get_settings()
    if model.provider == "ollama":
        return prices.cost_usd(model, tokens_in, tokens_out, host=chosen.ollama_host)
    if getattr(chosen, f"{model.provider}_base_url", None):
        return None  # another service than the one whose list it is
    return prices.cost_usd(model, tokens_in, tokens_out)


def is_free(model: llm.Model, *, settings: Settings | None = None) -> bool:
    """Whether answers are known to cost nothing."""
    return cost_usd(model, 1_000, 1_000, settings=settings) == 0
