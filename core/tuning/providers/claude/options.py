"""What can be chosen for a profile, with defaults, and what is wrong with a choice."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import TuningRefused
from core.tuning.providers.protocol import Setting

#: Fewer answers than this say nothing about which candidate is better.
LEAST_ROWS = 8
MOST_ROWS = 500
MOST_EXAMPLES = 32
_MOST_SIZES = 5
_MOST_SYSTEM = 200_000

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "validation_rows", "Validation records", "How many validation records every candidate answers; more cost more "
        "and tell candidates apart better.", 40, "integer", LEAST_ROWS, MOST_ROWS,
    ),
    Setting(
        "test_rows", "Test records", "How many held-out test records the chosen profile and the bare model answer, "
        "once, after the choice; 0 leaves that out.", 100, "integer", 0, MOST_ROWS,
    ),
    Setting(
        "sizes", "Numbers of examples", "How many examples candidates show, as in 2, 4, 8; each number is tried with "
        "each way of choosing examples.", "2, 4, 8", "text",
    ),
    Setting(
        "max_answer_tokens", "Longest answer", "Tokens after which an answer is cut off; what a model thinks before "
        "it answers counts too.", 1_024, "integer", 16, 32_000,
    ),
    Setting(
        "system_prompt", "System prompt", "Goes before the system prompt that a record has of its own; empty: the one "
        "that at least half of the records share.", "", "text",
    ),
    Setting(
        "seed", "Seed", "Decides which records are drawn; the same seed draws the same ones.", 1, "integer", 0,
        2**31 - 1, is_advanced=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """The settings of one profile, checked."""

    validation_rows: int
    test_rows: int
    sizes: tuple[int, ...]
    max_answer_tokens: int
    system_prompt: str
    seed: int


def wishes(settings: Mapping[str, Any]) -> Wishes:
    """Return what was chosen, with defaults for the rest. Raises `TuningRefused` naming the setting that is wrong."""
    unknown = sorted(set(settings) - {each.name for each in SETTINGS})
    if unknown:
        known = ", ".join(each.name for each in SETTINGS)
        raise TuningRefused(f"There is no setting {unknown[0]!r} of a profile; there are: {known}.")
    chosen = {each.name: _checked(each, settings.get(each.name, each.default)) for each in SETTINGS}
    return Wishes(**{**chosen, "sizes": _sizes(chosen["sizes"])})


def _checked(setting: Setting, value: Any) -> Any:
    if setting.kind == "integer":
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if not isinstance(whole, int) or isinstance(whole, bool) or not setting.least <= whole <= setting.most:  # type: ignore[operator]
            raise TuningRefused(
                f"{setting.label} is {value!r}; it has to be a whole number from {setting.least:,} to {setting.most:,}."
            )
        return whole
    if not isinstance(value, str) or len(value) > _MOST_SYSTEM or "\0" in value or not _is_unicode(value):
        raise TuningRefused(
            f"{setting.label} has to be text of at most {_MOST_SYSTEM:,} characters, without NUL characters."
        )
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sizes(text: str) -> tuple[int, ...]:
    words = [each for each in re.split(r"[\s,;]+", text.strip()) if each]
    sizes = sorted({int(each) for each in words if re.fullmatch(r"\d{1,3}", each)})
    is_wrong = any(not re.fullmatch(r"\d{1,3}", each) for each in words)
    if is_wrong or not sizes or len(sizes) > _MOST_SIZES or not 1 <= sizes[0] <= sizes[-1] <= MOST_EXAMPLES:
        raise TuningRefused(
            f"Numbers of examples is {text[:50]!r}; write up to {_MOST_SIZES} whole numbers from 1 to {MOST_EXAMPLES}, "
            "as in 2, 4, 8."
        )
    return tuple(sizes)
