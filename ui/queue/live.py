"""What is true now: the numbers of the queue and its workers, read anew every few seconds without the rest of the page.

The rest is drawn anew when something happened to a command; never while a window is open over it.
"""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.commands import choices, statistics
from core.db import Database
from ui.parts.formatting import age, count, shortened
from ui.parts.watch import look, up_to_date
from ui.queue import reads

EVERY_S = 5
#: Ages and running times on the page grow although nothing happens.
STALE_AFTER_S = 30
_NAMED = 4


@st.fragment(run_every=EVERY_S)
def draw(db: Database, seen: int, drawn_at: float) -> None:
    """The numbers. `seen` is the version of the queue that the rest of the page shows, drawn at `drawn_at`."""

    def changed() -> bool:
        version = choices.version(db)
        numbers = reads.counts(db, version)
        _cards(numbers, reads.last_day(db), reads.waiting(db))
        _workers(statistics.workers(db))
        _unserved(reads.unserved(db) if numbers.by_status["pending"] else {})
        return time.monotonic() - drawn_at > STALE_AFTER_S - EVERY_S / 2 or version != seen

    look(EVERY_S, changed, label=False)  # it stands beside the workers


def _cards(
    numbers: statistics.Counts, hours: Sequence[statistics.Hour], times: Sequence[statistics.HourOfTimes]
) -> None:
    by, oldest = numbers.by_status, numbers.oldest_pending_s
    failed = sum(hour.failed for hour in hours)
    with st.grid(5, min_column_width=150):
        _card(
            "Total",
            numbers.total,
            f"{sum(hour.enqueued for hour in hours):,} new in 24 h",
            [hour.enqueued for hour in hours],
            "Every command that has not been removed. Bars: new ones by the hour, the last 24 hours.",
        )
        _card(
            "Pending",
            by["pending"],
            "none is ready" if oldest is None else f"oldest {age(oldest)}",
            [hour.open for hour in hours],
            "Ready, or waiting for others or for their time; the age is that of the oldest that is ready. "
            "Bars: open ones (pending, running or paused) at the end of each of the last 24 hours.",
        )
        _card(
            "Running",
            by["running"],
            f"{sum(hour.attempts for hour in times):,} starts in 24 h",
            [hour.attempts for hour in times],
            "In the hands of a worker now. Bars: attempts begun by the hour, the last 24 hours.",
        )
        _card(
            "Completed",
            by["completed"],
            f"{sum(hour.completed for hour in hours):,} in 24 h",
            [hour.completed for hour in hours],
            "Bars: completed by the hour, the last 24 hours.",
        )
        _card(
            "Failed",
            by["failed"],
            f"{failed:,} in 24 h",
            [hour.failed for hour in hours],
            "Failed after all retries; kept, and can be retried. Bars: by the hour, the last 24 hours.",
            colour="red" if failed else "primary",
        )
    also = _also(numbers)
    if also:
        st.caption(also)


def _card(
    label: str,
    number: int,
    below: str,
    course: Sequence[int],
    explained: str,
    colour: Literal["primary", "red"] = "primary",
) -> None:
    st.metric(
        label,
        f"{number:,}",
        below,
        delta_color=colour,
        delta_arrow="off",
        border=True,
        height="stretch",
        chart_data=course if any(course) else None,
        chart_type="bar",
        help=explained,
    )


def _also(numbers: statistics.Counts) -> str:
    """What the cards do not show: states that nobody waits for, and why not all of the pending are ready."""
    parts = [f"{numbers.by_status[name]:,} {name}" for name in ("paused", "cancelled") if numbers.by_status[name]]
    if numbers.waiting:
        parts.append(f"{numbers.waiting:,} pending after others")
    if numbers.later:
        parts.append(f"{numbers.later:,} pending until their time comes")
    return f"In the total as well: {', '.join(parts)}." if parts else ""


def _workers(found: Sequence[statistics.WorkerState]) -> None:
    """Who is alive, and when each was last heard of. Names come from other machines: plain text."""
    alive = [worker for worker in found if worker.is_alive]
    lost = [worker for worker in found if not worker.is_alive and worker.stopped_at is None]
    with st.container(border=True, key="queue_workers"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{count(len(alive), 'worker')} alive**", width="content")
            up_to_date(EVERY_S)
        lines = [_line(worker) for worker in alive[:_NAMED]]
        if len(alive) > _NAMED:
            lines.append(f"and {len(alive) - _NAMED:,} more")
        if lost:
            last = age((dt.datetime.now(dt.UTC) - lost[0].seen_at).total_seconds())
            lines.append(
                f"✗ {count(len(lost), 'worker')} stopped answering, the last one {last} ago; "
                "what it had in hand is taken up by others."
            )
        if lines:
            st.text("\n".join(lines))


def _line(worker: statistics.WorkerState) -> str:
    heard = age((dt.datetime.now(dt.UTC) - worker.seen_at).total_seconds())
    return (
        f"● {worker.name} · heartbeat {heard} ago · {worker.running:,} of {count(worker.threads, 'thread')} busy · "
        f"{', '.join(worker.agents) or 'no agents'}"
    )


def _unserved(waiting: dict[str, int]) -> None:
    """In one plain sentence; the names of agents may be anybody's, so they stand below it, as text."""
    if not waiting:
        return
    total, one = sum(waiting.values()), len(waiting) == 1
    names = [f"{shortened(agent, 60)} ({number:,})" for agent, number in list(waiting.items())[:_NAMED]]
    if len(waiting) > _NAMED:
        names.append(f"and {len(waiting) - _NAMED:,} more")
    with st.container(border=True, key="queue_unserved"):
        st.warning(
            f"{count(total, 'pending command')} cannot start: no worker that is alive works for "
            f"{'this agent' if one else 'these agents'}. Start one that does with `python -m core worker`, "
            "or let the outside agent claim its commands.",
            icon=":material/person_off:",
        )
        st.text(", ".join(names))
