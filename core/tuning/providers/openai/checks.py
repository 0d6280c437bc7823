"""What stands in the way of a job at OpenAI: key, dates, sizes, and what only OpenAI itself can tell."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from core.errors import ModelUnavailable
from core.settings import Settings
from core.tuning.providers import catalogue, hosted, limits
from core.tuning.providers.catalogue import BaseFacts
from core.tuning.providers.data import DataFacts, Form
from core.tuning.providers.openai import pairs
from core.tuning.providers.openai.access import client, is_openai, is_status, said, title, winding_down
from core.tuning.providers.protocol import CheckReport, Estimate, Method, Obstacle, Setting, Spec

FORM = Form("openai")
METHODS: tuple[Method, ...] = ("sft", "dpo")
_AUTO = ("auto",)
#: OpenAI's own choice of epochs, as it has published it: three, and more for fewer than about a hundred examples.
_USUAL_EPOCHS = 3
_USUAL_EXAMPLES = 100
_MOST_EPOCHS = 25


def offered(method: Method) -> tuple[Setting, ...]:
    """Return what can be chosen."""
    beta = Setting(
        "beta",
        "Beta",
        "How strongly the model is held to what it was before; OpenAI chooses unless you do.",
        "auto",
        "number",
        least=0.01,
        most=2,
        choices=_AUTO,
    )
    return (
        Setting(
            "n_epochs",
            "Epochs",
            "How often the model sees every example; more is not always better, and costs more.",
            "auto",
            "integer",
            least=1,
            most=50,
            choices=_AUTO,
        ),
        *((beta,) if method == "dpo" else ()),
        Setting(
            "use_validation",
            "Use the validation split",
            "Measures the loss on records it does not train on.",
            True,
            "boolean",
        ),
        Setting(
            "seed",
            "Seed",
            "The same seed, data and settings give about the same model.",
            42,
            "integer",
            least=0,
            most=2**31 - 1,
            is_advanced=True,
        ),
        Setting(
            "batch_size",
            "Batch size",
            "Examples between two changes of the model.",
            "auto",
            "integer",
            least=1,
            most=256,
            choices=_AUTO,
            is_advanced=True,
        ),
        Setting(
            "learning_rate_multiplier",
            "Learning rate multiplier",
            "How much each batch changes the model, beside OpenAI's own rate.",
            "auto",
            "number",
            least=0.001,
            most=100,
            choices=_AUTO,
            is_advanced=True,
        ),
    )


def check(spec: Spec, data: DataFacts, settings: Settings, *, live: bool, today: dt.date) -> CheckReport:
    """Everything that stands in the way, and what the job will take."""
    base = catalogue.base("openai", spec.base_model)
    found = [*_key(settings), *_service(base, settings, today), *_method(spec, base, settings)]
    splits = hosted.splits_of(spec)
    facts = pairs.facts(data, splits) if spec.method == "dpo" else data.as_sent(FORM, splits)
    expected = expectation(spec, facts)
    if facts is not None and facts.train == 0 and spec.method == "dpo":
        found.append(pairs.missing(data))
    else:
        found += limits.obstacles(_as_known(base, settings), facts or data.as_sent(FORM, splits), today)
    if facts is not None and expected.cost_high is None:
        found.append(hosted.price_unknown(spec.base_model))
    if live and not any(each.code == "key_missing" for each in found):
        found += list(_asked(spec, settings, today))
    return CheckReport(tuple(found), expected, facts)


def expectation(spec: Spec, data: DataFacts | None) -> Estimate:
    """Tokens and cost. With automatic epochs OpenAI decides, so the cost is a range."""
    if data is None:
        return Estimate(None, None, None, None, "Preference pairs are counted when the checks ask OpenAI.")
    chosen = spec.settings.get("n_epochs", "auto")
    low, high = (chosen, chosen) if isinstance(chosen, int) else automatic_epochs(data.train)
    return hosted.estimate("openai", spec.base_model, data, low, high)


def automatic_epochs(examples: int) -> tuple[int, int]:
    """Fewest and most epochs that OpenAI may choose."""
    usual = max(_USUAL_EPOCHS, -(-_USUAL_EXAMPLES // max(examples, 1)))
    return 1, min(usual, _MOST_EPOCHS)


def _key(settings: Settings) -> Iterator[Obstacle]:
    if settings.openai_api_key is None and not settings.openai_base_url:
        yield Obstacle("key_missing", "There is no key for OpenAI.", "Set OPENAI_API_KEY, or train locally.")
        return
    try:
        with client(settings, timeout_s=1):
            pass
    except ModelUnavailable as error:
        yield Obstacle("key_missing", str(error), "Correct the setting it names.")


def _service(base: BaseFacts | None, settings: Settings, today: dt.date) -> Iterator[Obstacle]:
    """Yield the dates of OpenAI, or that they do not hold."""
    if not is_openai(settings):
        yield Obstacle(
            "other",
            "OPENAI_BASE_URL leads to another service than OpenAI. OpenAI's dates do not hold there, and its list "
            "prices are what is calculated with for a base of the same name.",
            "Ask whoever runs it what it trains and charges, and enter its price on the page.",
            blocks=False,
        )
        return
    facts = catalogue.facts("openai")
    if base is None and catalogue.is_closed(facts, today):
        yield Obstacle(
            "past_its_date",
            f"OpenAI trains no models any more: it {catalogue.closing(facts, today)}.",
            "Train locally.",
        )
        return
    yield Obstacle(
        "not_eligible",
        winding_down(),
        "Whether yours may is seen when the job is created; if not, nothing is begun and nothing is paid.",
        blocks=False,
    )


def _as_known(base: BaseFacts | None, settings: Settings) -> BaseFacts | None:
    """Another service may offer a model of the same name, for as long as it likes."""
    if base is None or is_openai(settings):
        return base
    return replace(base, closes=None, shutdown=None)


def _method(spec: Spec, base: BaseFacts | None, settings: Settings) -> Iterator[Obstacle]:
    if spec.method not in METHODS:
        yield Obstacle(
            "method_not_offered",
            f"The method {spec.method!r} is not offered by OpenAI.",
            f"Choose one of: {', '.join(METHODS)}.",
        )
    elif base is not None and is_openai(settings) and spec.method not in base.methods:
        yield Obstacle(
            "method_not_offered",
            f"{base.title} cannot be tuned by {spec.method!r}.",
            f"Choose one of: {', '.join(base.methods)}; or another base.",
        )


def _asked(spec: Spec, settings: Settings, today: dt.date) -> Iterator[Obstacle]:
    """Yield what the service itself says. Without its list of jobs a lost answer could never be cleared up."""
    import openai

    try:
        with client(settings, timeout_s=20) as found:
            page = found.fine_tuning.jobs.list(limit=1)
            yield from _first_job(page, settings)
            yield from _model(found, spec, settings, today)
    except openai.APIStatusError as error:
        yield _refused(error, settings)
    except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
        yield Obstacle(
            "not_reachable",
            f"{title(settings)} cannot be reached: {said(error)}.",
            "Check the connection to the internet, a proxy, and OPENAI_BASE_URL.",
        )


def _first_job(page: Any, settings: Settings) -> Iterator[Obstacle]:
    if is_openai(settings) and not page.data:
        yield Obstacle(
            "not_eligible",
            "This key sees no fine-tuning job, so its organisation has most likely no tuned model, and is shut out.",
            "Use the key of the organisation that has one, or train locally.",
            blocks=False,
        )


def _model(found: Any, spec: Spec, settings: Settings, today: dt.date) -> Iterator[Obstacle]:
    import openai

    try:
        model = found.models.retrieve(spec.base_model)
    except openai.APIStatusError as error:
        # Not every compatible service has this route; at OpenAI it says who may use a model.
        if not is_status(error, 404, 405, 501):
            raise
        if is_openai(settings):
            yield Obstacle(
                "base_missing", f"OpenAI offers no model {spec.base_model} to this key.", "Choose another base."
            )
        return
    ends = shutdown_date(model)
    if ends is not None and ends <= today:
        yield Obstacle("past_its_date", f"{spec.base_model} was shut down on {ends}.", "Choose another base.")


def shutdown_date(model: Any) -> dt.date | None:
    """Return the day on which a model is shut down, where the service says one."""
    value = getattr(model, "shutdown_date", None)
    try:
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(value[:10]) if value else None
    except (ValueError, TypeError):
        return None


def _refused(error: Any, settings: Settings) -> Obstacle:
    name = title(settings)
    if is_status(error, 401):
        return Obstacle("key_refused", f"{name} refused the key: {said(error)}.", "Set OPENAI_API_KEY to a valid key.")
    if is_status(error, 403):
        why = f"{name} does not let this key see fine-tuning jobs: {said(error)}."
        return Obstacle("not_eligible", why, "Give the key that permission, or use another one.")
    if is_status(error, 404, 405, 501):
        return Obstacle("not_reachable", f"{name} offers no fine-tuning: {said(error)}.", "Choose another provider.")
    return Obstacle(
        "not_reachable", f"{name} has trouble: {said(error)} (status {error.status_code}).", "Try again later."
    )
