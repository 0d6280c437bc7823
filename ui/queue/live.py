"""What is true now: whether work flows, the numbers, why what failed has failed, and the workers. Read anew every few
seconds without the rest of the page.

The rest is drawn anew when something happened to a command; never while a window is open over it.
"""

import datetime as dt
import time
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.commands import choices, statistics, verdict
from core.commands.filters import CommandFilter
from core.commands.models import Status
from core.db import Database
from ui.parts.formatting import age, count, shortened
from ui.parts.watch import look, up_to_date
from ui.queue import filter_bar, reads

EVERY_S = 5
#: Ages and running times on the page grow although nothing happens.
STALE_AFTER_S = 30
_NAMED = 4


@st.fragment(run_every=EVERY_S)
def draw(db: Database, seen: int, drawn_at: float) -> None:
    """The numbers. `seen` is the version of the queue that the rest of the page shows, drawn at `drawn_at`."""

    def changed() -> bool:
        version = choices.version(db)
        numbers, workers = reads.counts(db, version), statistics.workers(db)
        found = reads.causes(db, version) if numbers.by_status["failed"] else []
        _verdict(numbers, workers, found)
        _cards(numbers, reads.last_day(db), reads.waiting(db))
        _unserved(reads.unserved(db) if numbers.by_status["pending"] else {})
        return time.monotonic() - drawn_at > STALE_AFTER_S - EVERY_S / 2 or version != seen

    look(EVERY_S, changed, label=False)  # it stands with the workers


_FLOW: dict[verdict.Flow, tuple[str, Literal["green", "orange", "red", "gray"]]] = {
    "flowing": (":material/check_circle:", "green"),
    "slow": (":material/hourglass_top:", "orange"),
    "stuck": (":material/error:", "red"),
    "idle": (":material/bedtime:", "gray"),
}


def _verdict(
    numbers: statistics.Counts, workers: Sequence[statistics.WorkerState], found: Sequence[verdict.Cause]
) -> None:
    """Whether work flows, in a sentence; then how many failed, with the most frequent reason as text."""
    judged = verdict.verdict(numbers, alive=sum(worker.is_alive for worker in workers))
    icon, colour = _FLOW[judged.flow]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="queue_verdict"):
        st.badge(judged.sentence, icon=icon, color=colour)
        _causes(found, numbers.by_status["failed"])
        st.text(f"“{shortened(found[0].error, 60)}”" if found and found[0].error else "", width="stretch")
        _workers(workers)


def _causes(found: Sequence[verdict.Cause], failed: int) -> None:
    """Every cause with its count, and a button that shows its commands. Errors are text of others."""
    said = verdict.failures(failed, found)
    if not said:
        return
    key = "queue_causes"
    with st.popover(said, icon=":material/error:", key=key, on_change="rerun", help="Failures by cause"):
        for place, cause in enumerate(found):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(f"{cause.count:,}", width=40)
                st.text(shortened(cause.error, 160) or "no error was kept", width="stretch")
                # The callback closes the fold, which lies over the table; the table is drawn with the whole page.
                if st.button(
                    "Show" if cause.count == len(cause.ids) else f"Show the newest {len(cause.ids):,}",
                    key=f"queue_cause_{place}",
                    icon=":material/filter_alt:",
                    on_click=lambda: st.session_state.update({key: False}),
                ):
                    filter_bar.FILTER.choose(CommandFilter(ids=cause.ids))
                    st.rerun()


def _cards(
    numbers: statistics.Counts, hours: Sequence[statistics.Hour], times: Sequence[statistics.HourOfTimes]
) -> None:
    """Cards to press: each shows only its commands in the table, and all again when pressed once more."""
    by, oldest = numbers.by_status, numbers.oldest_pending_s
    created, starts = sum(hour.enqueued for hour in hours), sum(hour.attempts for hour in times)
    completed, failed = sum(hour.completed for hour in hours), sum(hour.failed for hour in hours)
    cards: tuple[tuple[Status | None, int, str, str], ...] = (
        (None, numbers.total, "", f"Every command that has not been removed; {created:,} new in 24 h."),
        (
            "pending",
            by["pending"],
            "" if oldest is None else f" · oldest {age(oldest)}",
            "Ready, scheduled, or waiting for others; the age is that of the oldest that is ready.",
        ),
        ("running", by["running"], "", f"In the hands of a worker now; {starts:,} starts in 24 h."),
        ("completed", by["completed"], "", f"Done; {completed:,} in 24 h."),
        ("failed", by["failed"], "", f"Failed after all retries; kept, and can be retried; {failed:,} in 24 h."),
    )
    with st.grid(5, min_column_width=150):
        for status, number, below, explained in cards:
            _card(status, number, below, explained)
    also = _also(numbers)
    if also:
        st.caption(also)


def _card(status: Status | None, number: int, below: str, explained: str) -> None:
    chosen: CommandFilter = st.session_state.get(filter_bar.FILTER.key) or CommandFilter()
    is_on = status is not None and chosen.statuses == (status,)
    wanted = () if is_on or status is None else (status,)
    if st.button(
        f"**{number:,}** {status or 'in total'}{below}",
        key=f"queue_show_{status or 'total'}",
        type="primary" if is_on else "secondary",
        width="stretch",
        wrap=True,
        help=f"{explained} Press to show {f'only {status}' if wanted else 'all'} in the table.",
    ):
        filter_bar.FILTER.change(statuses=wanted)
        st.rerun()


def _also(numbers: statistics.Counts) -> str:
    """What the cards do not show: states that nobody waits for, and why not all of the pending are ready."""
    parts = [f"{numbers.by_status[name]:,} {name}" for name in ("paused", "cancelled") if numbers.by_status[name]]
    if numbers.waiting:
        parts.append(f"{numbers.waiting:,} waiting for others")
    if numbers.later:
        parts.append(f"{numbers.later:,} scheduled")
    return f"Also: {', '.join(parts)}." if parts else ""


def _workers(found: Sequence[statistics.WorkerState]) -> None:
    """Who is alive, and when each was last heard of. Names come from other machines: plain text."""
    alive = [worker for worker in found if worker.is_alive]
    lost = [worker for worker in found if not worker.is_alive and worker.stopped_at is None]
    said = f"{count(len(alive), 'worker')} alive"
    with st.popover(f"{said}, {len(lost):,} lost" if lost else said, icon=":material/memory:", key="queue_workers"):
        st.markdown(f"**{said}**")
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
        up_to_date(EVERY_S)


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
