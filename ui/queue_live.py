"""What is true now: the numbers of the queue and its workers, read anew every few seconds without the rest of the page.

The rest is drawn anew when something happened to a command; never while a window is open over it.
"""

import datetime as dt
import time
from collections.abc import Sequence

import streamlit as st
from sqlalchemy.exc import OperationalError

from core.commands import choices, statistics
from core.database import Database
from core.errors import WhetstoneError
from ui import modals, queue_reads
from ui.formatting import ago, count, plain
from ui.queue_words import span

EVERY_S = 5
#: Ages and running times on the page grow although nothing happens.
STALE_AFTER_S = 30
_NAMED = 4


@st.fragment(run_every=EVERY_S)
def draw(db: Database, seen: int, drawn_at: float) -> None:
    """The numbers. `seen` is the version of the queue that the rest of the page shows, drawn at `drawn_at`."""
    try:
        numbers = statistics.counts(db)
        _cards(numbers, queue_reads.last_day(db))
        _workers(statistics.workers(db))
        _unserved(queue_reads.unserved(db) if numbers.by_status["pending"] else {})
        old = time.monotonic() - drawn_at > STALE_AFTER_S - EVERY_S / 2
        changed = old or choices.version(db) != seen
    except (OperationalError, WhetstoneError):
        changed = True  # the router knows what to show
    if changed and not modals.is_open():
        st.rerun()


def _cards(numbers: statistics.Counts, hours: Sequence[statistics.Hour]) -> None:
    by = numbers.by_status
    with st.grid(5, min_column_width=150):
        _card("Total", numbers.total, f"{by['paused']:,} paused, {by['cancelled']:,} cancelled",
              [hour.enqueued for hour in hours],
              "Every command that has not been removed. Bars: new ones by the hour, the last 24 hours.")  # fmt: skip
        _card("Pending", by["pending"], _pending(numbers), [hour.open for hour in hours],
              "Ready, or waiting for others or for their time. Bars: how many were open (pending, running or paused) "
              "at the end of each of the last 24 hours.")  # fmt: skip
        _card("Running", by["running"], "in the hands of a worker now", None,
              "A worker has them and says every few seconds that it is still there.")  # fmt: skip
        _card("Completed", by["completed"], f"{sum(hour.completed for hour in hours):,} in 24 h",
              [hour.completed for hour in hours], "Bars: completed by the hour, the last 24 hours.")  # fmt: skip
        _card("Failed", by["failed"], f"{sum(hour.failed for hour in hours):,} in 24 h",
              [hour.failed for hour in hours],
              "Failed after all retries; kept, and can be retried. Bars: by the hour, the last 24 hours.")  # fmt: skip


def _card(label: str, number: int, below: str, course: Sequence[int] | None, explained: str) -> None:
    st.metric(
        label,
        f"{number:,}",
        below,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        chart_data=course,
        chart_type="bar",
        help=explained,
    )


def _pending(numbers: statistics.Counts) -> str:
    parts = [] if numbers.oldest_pending_s is None else [f"oldest {span(numbers.oldest_pending_s)}"]
    if numbers.waiting:
        parts.append(f"{numbers.waiting:,} wait for others")
    if numbers.later:
        parts.append(f"{numbers.later:,} later")
    return ", ".join(parts) or "nothing waits"


def _workers(found: Sequence[statistics.WorkerState]) -> None:
    """Who is alive, and when each was last heard of. Names come from other machines: plain text."""
    alive = [worker for worker in found if worker.is_alive]
    lost = [worker for worker in found if not worker.is_alive and worker.stopped_at is None]
    with st.container(border=True, key="queue_workers"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{count(len(alive), 'worker')} alive**", width="content")
            st.caption(
                f":material/sync: Up to date at {dt.datetime.now(dt.UTC):%H:%M:%S} UTC, looks again every {EVERY_S} s",
                width="content",
            )
        for worker in alive[:_NAMED]:
            agents = ", ".join(worker.agents) or "no agent"
            st.text(
                f"● {worker.name}: {count(worker.threads, 'thread')}, {worker.running:,} running, "
                f"heartbeat {_heartbeat(worker.seen_at)}, for {agents}"
            )
        if len(alive) > _NAMED:
            st.text(f"and {len(alive) - _NAMED:,} more")
        if lost:
            st.text(
                f"✗ {count(len(lost), 'worker')} stopped answering, the last one {ago(lost[0].seen_at)}; "
                "what it had in hand is taken up by others."
            )


def _heartbeat(moment: dt.datetime) -> str:
    return f"{span(max((dt.datetime.now(dt.UTC) - moment).total_seconds(), 0))} ago"


def _unserved(waiting: dict[str, int]) -> None:
    if not waiting:
        return
    names = [f"{agent} ({number:,})" for agent, number in list(waiting.items())[:_NAMED]]
    more = len(waiting) - len(names)
    said = ", ".join(names) + (f" and {more:,} more" if more else "")
    total = sum(waiting.values())
    st.warning(
        f"{count(total, 'pending command')} {'waits' if total == 1 else 'wait'}, and no worker that is alive works for "
        f"{'this agent' if len(waiting) == 1 else 'these agents'}: {plain(said)}. "
        "Start a worker that has them (`python -m core worker`), or let the outside agent claim its commands.",
        icon=":material/person_off:",
    )
