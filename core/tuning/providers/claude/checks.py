"""What stands in the way of a profile, in words, before anything is asked or paid."""

from collections.abc import Iterator

from core.datasets.splits import NAMES
from core.errors import ModelUnavailable, TuningRefused
from core.llm import calling, prices
from core.llm.models import Model
from core.settings import Settings
from core.tuning.providers import limits
from core.tuning.providers.claude import estimate
from core.tuning.providers.claude.batches import MOST_BYTES, MOST_REQUESTS, Batches
from core.tuning.providers.claude.options import LEAST_ROWS, Wishes, wishes
from core.tuning.providers.claude.records import FORM
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import CheckReport, Estimate, Obstacle, Spec

#: Under so many records a result is only a hint.
_FEW = 30
#: What models read at once; some read more, none less.
_CONTEXT_TOKENS = 200_000
_BYTES_A_TOKEN = 4

_NOTHING = Estimate(None, None, None, None, "The settings are wrong, so nothing can be said of the cost.")

_NO_KEY = "There is no key for Anthropic."
_REMEDIES = {
    "no_key": ("key_missing", "Set ANTHROPIC_API_KEY and start the app again."),
    "key_refused": ("key_refused", "Set ANTHROPIC_API_KEY to a key that works."),
    "not_allowed": ("not_eligible", "Choose another base, or another key."),
    "no_model": ("base_missing", "Choose another base."),
    "no_credit": ("not_eligible", "Top the account up."),
    "not_running": ("not_reachable", "Check the connection, and ANTHROPIC_BASE_URL if it is set."),
    "timed_out": ("not_reachable", "Try again in a minute."),
    "rate_limited": ("not_reachable", "Try again in a minute."),
    "server_error": ("not_reachable", "Try again later."),
}


def check(spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
    """Everything that stands in the way; `live` asks Anthropic whether the key may use the base, which is free."""
    model = Model("anthropic", spec.base_model)
    data = data.as_sent(FORM, NAMES)
    found = [*_method(spec), *limits.left_out(data), *_records(data), *_key(model, settings, live=live)]
    try:
        wished = wishes(spec.settings)
    except TuningRefused as refused:
        found.append(Obstacle("setting_wrong", str(refused), "Change the setting."))
        return CheckReport(tuple(found), _NOTHING, data)
    found += [*_sizes(wished, data), *_price(model, wished, data)]
    return CheckReport(tuple(found), estimate.estimate(model, wished, data), data)


def _method(spec: Spec) -> Iterator[Obstacle]:
    if spec.method != "profile":
        yield Obstacle(
            "method_not_offered",
            f"Claude cannot be tuned by {spec.method}: Anthropic offers no self-service fine-tuning.",
            "Choose a profile, or another provider.",
        )


def _records(data: DataFacts) -> Iterator[Obstacle]:
    if not data.validation:
        yield Obstacle(
            "too_small",
            f"{data.label} has no validation split, on which sets of examples are compared.",
            f"Create a version with at least {LEAST_ROWS} validation records.",
        )
    elif data.validation < LEAST_ROWS:
        yield Obstacle(
            "too_small",
            f"{data.label} has {data.validation:,} validation records; at least {LEAST_ROWS} are needed to compare.",
            "Create a version with a larger share for validation.",
        )
    elif data.validation < _FEW:
        yield Obstacle(
            "too_small",
            f"{data.label} has only {data.validation:,} validation records, so a small gain cannot be told from luck.",
            f"{_FEW} or more tell candidates apart better.",
            blocks=False,
        )
    if not data.test:
        yield Obstacle(
            "too_small",
            f"{data.label} has no test split, so the gain is only measured on the records it was chosen by.",
            "Create a version with a test split to see it on held-out records.",
            blocks=False,
        )


def _key(model: Model, settings: Settings, *, live: bool) -> Iterator[Obstacle]:
    try:
        if live:
            Batches(model, settings).look_up()
        else:
            calling.access_to(model, settings)
    except ModelUnavailable as failure:
        code, remedy = _REMEDIES.get(failure.reason, ("other", "Check the key and ANTHROPIC_BASE_URL."))
        sentence = _NO_KEY if failure.reason == "no_key" else str(failure)
        yield Obstacle(code, sentence, remedy)  # type: ignore[arg-type]


def _sizes(wished: Wishes, data: DataFacts) -> Iterator[Obstacle]:
    if data.train < wished.sizes[-1]:
        yield Obstacle(
            "too_small",
            f"{data.label} has {data.train:,} records to take examples from; {wished.sizes[-1]} are to be shown.",
            "Choose smaller numbers of examples, or create a larger version.",
        )
    _, most = estimate.load(wished, data)
    if most.longest_prompt + wished.max_answer_tokens > _CONTEXT_TOKENS:
        yield Obstacle(
            "too_long",
            f"A prompt with {wished.sizes[-1]} examples of {data.label} may have {most.longest_prompt:,} tokens; "
            f"models read {_CONTEXT_TOKENS:,} with the answer.",
            "Choose smaller numbers of examples.",
        )
    if most.requests > MOST_REQUESTS or most.input * _BYTES_A_TOKEN > MOST_BYTES:
        yield Obstacle(
            "too_long",
            f"Asking {most.requests:,} times may take {most.input * _BYTES_A_TOKEN / 2**20:,.0f} MB; a batch takes "
            f"{MOST_BYTES // 2**20} MB.",
            "Choose fewer validation records, or fewer and smaller numbers of examples.",
        )


def _price(model: Model, wished: Wishes, data: DataFacts) -> Iterator[Obstacle]:
    if prices.cost_usd(model, 1, 1) is None:
        why = f"The price of {model.name} is not known, so nobody can say what the profile will cost."
    elif estimate.estimate(model, wished, data).cost_high is None:
        why = (
            f"The price of {model.name} is not known for prompts as long as these, so nobody can say what it will cost."
        )
    else:
        return
    yield Obstacle("price_unknown", why, "Look it up at Anthropic, or choose another base.", blocks=False)
