"""Words and figures of the page in the form in which all its tabs show them."""

from typing import Literal

from core.history import FEW
from core.history.estimates import Estimate
from core.patterns import Kept, State, said
from ui.parts.formatting import count

Colour = Literal["green", "primary", "gray", "orange"]
#: Word, icon and colour of each state.
STATES: dict[State, tuple[str, str, Colour]] = {
    "new": ("new", ":material/fiber_new:", "primary"),
    "accepted": ("in use", ":material/check_circle:", "green"),
    "decayed": ("decayed", ":material/trending_down:", "orange"),
    "retired": ("retired", ":material/archive:", "gray"),
}
#: The same where only text can stand.
SIGNS: dict[State, str] = {"new": "○ new", "accepted": "✓ in use", "decayed": "▽ decayed", "retired": "▣ retired"}
FEW_MARK = f"under {FEW}"


def few(n: int | None) -> str:
    """The mark of a figure that rests on too few rows, for a cell beside it."""
    return FEW_MARK if n is not None and n < FEW else ""


def few_sentence(n: int, thing: str) -> str:
    """The same as a sentence; "" where there are enough."""
    if n >= FEW:
        return ""
    return f"This rests on {count(n, thing)}; fewer than {FEW} can say little."


def rule(pattern: Kept) -> str:
    """What an example has, without the figures; the whole sentence where only that is known."""
    if not pattern.items:
        return pattern.sentence
    words = said(pattern.items)
    return words[0].upper() + words[1:]


def well(pattern: Kept) -> str:
    """What "did well" is."""
    if pattern.outcome == "quality" and pattern.threshold is not None:
        return f"quality from {pattern.threshold:g}"
    return "success" if pattern.outcome == "success" else ""


def points(pattern: Kept) -> str | None:
    """The difference of the shares in points, with its 95 % interval."""
    if pattern.confidence is None or pattern.rest is None or pattern.low is None or pattern.high is None:
        return None
    difference = 100 * (pattern.confidence - pattern.rest)
    return f"{difference:+.0f} ({100 * pattern.low:+.0f} to {100 * pattern.high:+.0f})"


def quality(pattern: Kept) -> str | None:
    """The difference of the mean quality, with its 95 % interval where that is known."""
    if pattern.quality is None:
        return None
    if pattern.quality_low is None or pattern.quality_high is None:
        return f"{pattern.quality:+.2f}"
    return f"{pattern.quality:+.2f} ({pattern.quality_low:+.2f} to {pattern.quality_high:+.2f})"


def held(pattern: Kept) -> str:
    """Whether it showed on examples that it was not found on."""
    return "not tried" if pattern.p_held_out is None else f"✓ yes, p {probability(pattern.p_held_out)}"


def probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval(estimate: Estimate | None, form: str) -> str | None:
    """The 95 % interval of a figure, where it is known."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return f"{estimate.low:{form}} to {estimate.high:{form}}"
