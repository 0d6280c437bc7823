"""What is said of a profile. Nothing of a model changes, and no sentence here says that it did."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from core.tuning.providers.claude.answers import BatchAnswer, Bill
from core.tuning.providers.claude.selection import BASE
from core.tuning.providers.claude.stages import line_of
from core.tuning.providers.protocol import NewJobEvent

_SPLITS = ("validation", "test")


def phase(plan: Mapping[str, Any], stage: int) -> str:
    """Return what happens now."""
    rows, found = len(plan["rows"]), len(plan["candidates"])
    if stage == 0:
        return f"Claude answers {rows:,} validation records with {found} sets of examples"
    return f"Claude answers {rows:,} held-out test records, with and without the chosen examples"


def course(answers: Sequence[BatchAnswer], bill: Bill, stage: int, source: str) -> Iterator[NewJobEvent]:
    """Yield what became of a batch: answers, errors in the provider's own words, and the cost."""
    counts = Counter(each.kind for each in answers)
    cost = "unknown cost" if bill.cost_usd is None else f"{money(bill.cost_usd)} by list price"
    yield NewJobEvent(
        f"The batch on the {_SPLITS[stage]} split ended: {counts['succeeded']:,} of {len(answers):,} requests were "
        f"answered, for {bill.usage.all_input:,} tokens in and {bill.usage.output:,} out ({cost}).",
        source=f"{source}:ended",
        data={"counts": dict(counts), "read_from_cache": bill.usage.read},
    )
    if unanswered := len(answers) - counts["succeeded"]:
        said = Counter(each.error for each in answers if each.error).most_common(3)
        words = "; ".join(f"{number:,} times {text[:200]}" for text, number in said)
        yield NewJobEvent(
            f"{unanswered:,} requests have no answer ({counts['errored']:,} failed, {counts['expired']:,} expired, "
            f"{counts['canceled']:,} were cancelled). They are not asked again, and not charged."
            + (f" Anthropic's words: {words}." if words else ""),
            "warning",
            source=f"{source}:unanswered",
        )


def choice(result: Mapping[str, Any], source: str) -> Iterator[NewJobEvent]:
    """Yield what was chosen, and why."""
    base, chosen = line_of(result, BASE), line_of(result, result["chosen"])
    if chosen["index"] == BASE:
        sentence = (
            f"Examples did not help: on {result['n']:,} validation records no set of them answered better than none, "
            f"beyond what may be luck (score {base['value']['mean']:.2f}). The profile is the system prompt alone."
        )
    else:
        sentence = (
            f"{chosen['name']} was chosen of {len(result['candidates'])} candidates: "
            f"a score of {chosen['value']['mean']:.2f} with its {len(chosen['positions'])} examples against "
            f"{base['value']['mean']:.2f} without, on {result['n']:,} validation records {_by(chosen['gain'])}."
        )
    yield NewJobEvent(sentence, source=f"{source}:choice", data={"candidates": list(result["candidates"])})
    shortened = sum(each["cut"] for each in result["candidates"])
    if shortened:
        yield NewJobEvent(
            f"{shortened:,} answers were cut off at the longest answer that was allowed; allow more if that is too "
            "short.",
            "warning",
            source=f"{source}:cut",
        )


def comparison(result: Mapping[str, Any], chosen: int) -> str:
    """Return the held-out result in one sentence."""
    base, profile = line_of(result, BASE), line_of(result, chosen)
    return (
        f"On {result['n']:,} held-out test records: a score of {profile['value']['mean']:.2f} with the profile, "
        f"{base['value']['mean']:.2f} without {_by(profile['gain'])}."
    )


def _by(gain: Mapping[str, Any]) -> str:
    low, high = gain["low"], gain["high"]
    luck = ", which may be luck" if low <= 0 <= high else ""
    return f"(difference {gain['mean']:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}{luck})"


def money(amount: Decimal) -> str:
    """Write an amount in US dollars; below one with four places."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
