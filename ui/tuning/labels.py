"""How states, money and sizes of fine-tuning are said: an icon and a word, never a colour alone."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from core.tuning.jobs import Job
from core.tuning.providers import catalogue
from core.tuning.providers.protocol import ProviderId, State
from ui.parts.formatting import age, count, span

Colour = Literal["blue", "orange", "green", "red", "gray", "violet"]

#: The word, the sign before it in grids and texts, the icon and the colour of its badge.
STATE: Mapping[State, tuple[str, str, str, Colour]] = {
    "draft": ("draft", "◌", ":material/edit_note:", "gray"),
    "validating": ("checking", "◔", ":material/fact_check:", "blue"),
    "uploading": ("uploading", "◔", ":material/cloud_upload:", "blue"),
    "submitting": ("submitting", "◔", ":material/send:", "blue"),
    "submit_unknown": ("sent, no answer", "?", ":material/help:", "orange"),
    "queued": ("waits for its turn", "○", ":material/hourglass_top:", "blue"),
    "running": ("running", "▸", ":material/model_training:", "blue"),
    "paused": ("paused", "‖", ":material/pause_circle:", "violet"),
    "unknown": ("state not known", "?", ":material/help:", "orange"),
    "cancelling": ("cancelling", "⊘", ":material/cancel:", "orange"),
    "blocked": ("refused by the provider", "✗", ":material/block:", "red"),
    "succeeded": ("succeeded", "✓", ":material/check_circle:", "green"),
    "failed": ("failed", "✗", ":material/error:", "red"),
    "cancelled": ("cancelled", "–", ":material/cancel:", "gray"),
    "expired": ("expired", "✗", ":material/timer_off:", "red"),
}
#: How the series of a job are said, with their unit.
SERIES: Mapping[str, tuple[str, str]] = {
    "loss": ("Loss", "loss (no unit; lower is better)"),
    "accuracy": ("Token accuracy", "share of tokens (0 to 1)"),
    "score": ("Score", "score (0 to 1)"),
    "learning_rate": ("Learning rate", "learning rate (no unit)"),
    "tokens_per_s": ("Speed", "tokens a second"),
    "grad_norm": ("Gradient norm", "gradient norm (no unit)"),
}
METHOD = {"sft": "supervised", "dpo": "preferences (DPO)", "profile": "profile (not training)"}


def state(name: State) -> str:
    word, sign, _, _ = STATE[name]
    return f"{sign} {word}"


def state_word(name: str) -> str:
    """The word of a state as it stands in an event, or "" where it names none."""
    return next((word for each, (word, *_) in STATE.items() if each == name), "")


def provider(name: ProviderId) -> str:
    return catalogue.facts(name).title


def short(name: ProviderId) -> str:
    """The title without what follows its dot, for narrow places: `Local`, `Claude profile`."""
    return provider(name).partition(" · ")[0]


def base(provider_id: ProviderId, name: str) -> str:
    """The title of a listed base with its name, or the name alone."""
    found = catalogue.base(provider_id, name)
    return name if found is None or found.title == name else f"{found.title} · {name}"


def series(name: str) -> tuple[str, str]:
    """The title and the axis of a series; a provider may have names of its own."""
    plain = name.removeprefix("val_")
    return SERIES.get(plain, (plain.replace("_", " ").capitalize(), plain.replace("_", " ")))


def money(value: Decimal | None) -> str:
    """`$4.10`. None is what nobody knows, and never nothing; less than a cent is said as that."""
    if value is None:
        return "not known"
    if not value:
        return "$0"
    if value < Decimal("0.01"):
        return "under $0.01"
    return f"${value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def money_range(low: Decimal | None, high: Decimal | None) -> str:
    """`$4.10 to $8.20`, or one amount where both are the same."""
    if low is None and high is None:
        return "not known"
    if low is None or high is None:
        return f"up to {money(high)}" if low is None else f"{money(low)} or more"
    first, last = money(low), money(high)
    return first if first == last else f"{first} to {last}"


def tokens(number: int | None) -> str:
    return "not known" if number is None else count(number, "token")


def name(job: Job) -> str:
    """What it is called: the model's name, the name that was asked for, or what is trained on what."""
    return job.model_name or job.name or job.title


def progress(job: Job) -> tuple[float, str]:
    """The share of steps that are done, and the same in words with the time that is left."""
    parts = [job.phase.replace("_", " ").capitalize() or STATE[job.state][0].capitalize()]
    if job.total_steps:
        parts.append(f"step {job.done_steps:,} of {job.total_steps:,}")
    if job.seconds_left is not None and job.state == "running":
        parts.append(f"about {roughly(job.seconds_left)} left")
    share = min(job.done_steps / job.total_steps, 1.0) if job.total_steps else 0.0
    return share, " · ".join(parts)


def roughly(seconds: float) -> str:
    """A length of time that nobody knows to the second."""
    if seconds < 600:
        return span(seconds)
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else age(seconds)


def cost(job: Job) -> str:
    """What it did cost, or what was estimated."""
    if job.actual_cost is not None:
        return money(job.actual_cost)
    estimated = money_range(job.estimated_low, job.estimated_high)
    return estimated if estimated == "not known" else f"est. {estimated.replace(' to ', '–')}"


def took(job: Job) -> float | None:
    """Seconds from its beginning to its end."""
    began = job.started_at or job.submitted_at or job.created_at
    return (job.ended_at - began).total_seconds() if job.ended_at else None
