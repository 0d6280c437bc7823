"""Words and figures of models, the same wherever they stand."""

from decimal import Decimal
from typing import Literal

from core.evaluation import Comparison, Evaluation
from core.metrics import Mean
from core.models import Kind, Model
from core.models.records import Serving

#: Sign and word for a grid; word and icon for a badge.
KIND: dict[Kind, tuple[str, str]] = {
    "base": ("◇ base", ":material/deployed_code:"),
    "tuned": ("◆ tuned", ":material/model_training:"),
    "profile": ("❝ profile (prompt)", ":material/description:"),
}
SERVING: dict[Serving, tuple[str, str, Literal["gray", "blue", "green", "red"]]] = {
    "none": ("○ not served yet", ":material/cloud_off:", "gray"),
    "deploying": ("◔ being made ready", ":material/hourglass_top:", "blue"),
    "ready": ("● can be asked", ":material/check_circle:", "green"),
    "failed": ("✗ could not be served", ":material/error:", "red"),
    "deleting": ("◔ being taken away", ":material/hourglass_bottom:", "blue"),
    "deleted": ("– not served any more", ":material/cloud_off:", "gray"),
}
STATE = {
    "running": "◑ running",
    "done": "✓ done",
    "failed": "✗ failed",
    "cancelled": "– cancelled",
}
#: Why an answer counts as none.
ERROR = {
    "cut": "cut off: it was longer than allowed",
    "empty": "empty",
    "declined": "the provider or the model declined",
    "timed_out": "it did not come in time",
    "bad_answer": "not in the form asked for",
    "bad_request": "the provider did not accept the question",
}


def kind(model: Model) -> str:
    return KIND[model.kind][0]


def kind_word(name: Kind) -> str:
    """The word alone, for a badge that has an icon."""
    return KIND[name][0].partition(" ")[2]


def serving(model: Model) -> str:
    return "✗ past its last day" if model.is_past() else SERVING[model.serving][0]


def mean(value: Mean | None) -> str:
    """`0.79 (0.75 to 0.83)`."""
    return "–" if value is None else f"{value.mean:.2f} ({value.low:.2f} to {value.high:.2f})"


def score(found: Evaluation | None) -> str | None:
    """The share of exactly right answers with its interval, on how many records, and whether that says much."""
    exact = found.mean("exact") if found else None
    if found is None or exact is None:
        return None
    return f"{mean(exact)}, n {exact.n:,}{', indicative' if found.is_indicative else ''}"


def likeness(found: Evaluation | None) -> float | None:
    value = found.mean("similarity") if found else None
    return None if value is None else value.mean


def money(usd: Decimal | None) -> str:
    """Small sums keep their digits; what nobody knows is no 0."""
    if usd is None:
        return "not known"
    if usd == 0:
        return "free"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:,.4f}"


def verdict(found: Comparison) -> str:
    """In one sentence what the comparison comes to."""
    a, b = found.a.model_name, found.b.model_name
    few = f" With {found.n:,} records this is indicative only." if found.is_indicative else ""
    if not (found.is_better or found.is_worse):
        return f"No clear difference between {a} and {b}: it may be luck.{few}"
    by = (
        "in exactly right answers"
        if found.is_clear_in_exact
        else ("by the likeness of answers; how many are exactly right may be luck")
    )
    return f"{a} is {'better' if found.is_better else 'worse'} than {b}, beyond what may be luck, {by}.{few}"


def error(word: str) -> str:
    return ERROR.get(word, word.replace("_", " "))
