"""How states and lengths of time are said."""

import datetime as dt
from typing import Any

import pytest

from core.commands.models import STATUSES, CommandRow
from ui.parts.formatting import age, span
from ui.queue import labels as queue_words

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def row(**values: Any) -> CommandRow:
    known = {"id": 1, "status": "pending", "waits": 0, "created_at": NOW, "not_before": NOW, **values}
    return CommandRow(**{**dict.fromkeys(CommandRow.__dataclass_fields__), **known})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0.0, "< 0.1 s"),
        (-3, "< 0.1 s"),
        (0.84, "0.8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3_599.9, "1 h"),
        (7_500, "2 h 5 min"),
        (400_000, "5 d"),
    ],
)
def test_a_length_of_time(seconds: float | None, expected: str) -> None:
    assert span(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (86_400 * 3.9, "3 d")],
)
def test_an_age_has_one_unit(seconds: float, expected: str) -> None:
    assert age(seconds) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "○ pending"),
        ({"waits": 2}, "○ pending, after 2"),
        ({"not_before": NOW + dt.timedelta(seconds=8)}, "○ pending, in 8.0 s"),
        ({"status": "running"}, "► running"),
        ({"status": "running", "stop_requested": "pause"}, "► running, pausing"),
        ({"status": "running", "stop_requested": "cancel"}, "► running, cancelling"),
        ({"status": "paused", "waits": 2}, "‖ paused"),
    ],
)
def test_a_state_says_what_keeps_a_command_from_going_on(values: dict[str, Any], expected: str) -> None:
    assert queue_words.state(row(**values), NOW) == expected


def test_every_status_has_an_icon_of_its_own_and_its_word() -> None:
    assert len({queue_words.ICONS[status] for status in STATUSES}) == len(STATUSES)
    assert all(queue_words.status(status).endswith(status) for status in STATUSES)


def test_counts_by_status_leave_out_what_there_is_none_of() -> None:
    assert queue_words.by_status({"pending": 1_400, "running": 0, "failed": 3}) == "1,400 pending, 3 failed"
    assert queue_words.by_status({"pending": 0}) == "none"
