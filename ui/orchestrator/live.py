"""What is true now: numbers, who works, what runs. Read anew every few seconds without the rest of the page.

The rest is drawn anew when something happened to an execution; never while a window is open over it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from core.commands import statistics
from core.db import Database
from core.orchestrator import queries, trends
from core.orchestrator.agents import SHAPE
from core.orchestrator.executions import ORCHESTRATOR
from core.orchestrator.records import OPEN, Counts, Execution, ExecutionRow, Status
from ui.orchestrator import acts, drawer, labels, reads
from ui.parts import addresses
from ui.parts.formatting import count, percent, score, shortened, span
from ui.parts.watch import look

EVERY_S = 5
_MOVING: tuple[Status, ...] = ("planning", "approved", "executing")
_SHOWN = 4
#: So many open ones, the newest, are watched for their end.
_WATCHED = 50
_WEEK = 7


@st.fragment(run_every=EVERY_S)
def draw(db: Database, seen: int) -> None:
    """`seen` is the version that the rest of the page shows."""

    def changed() -> bool:
        numbers = queries.counts(db)
        _cards(numbers, reads.by_day(db, numbers.total, numbers.judged))
        _workers(statistics.workers(db))
        moving = queries.page(db, statuses=_MOVING, limit=_SHOWN + 1).rows
        _note_ended(db)
        _ended(db)
        _running(db, moving, sum(numbers.by_status[status] for status in _MOVING))
        return trends.version(db) != seen

    look(EVERY_S, changed)


def _cards(numbers: Counts, days: Sequence[trends.Day]) -> None:
    week, before = days[-_WEEK:], days[:-_WEEK]
    asked = [day.asked for day in days]
    rate, earlier = _rate(week), _rate(before)
    change = None if rate is None or earlier is None else f"{(rate - earlier) * 100:+.0f} points on the week before"
    courses = [[day.success_rate for day in days], [day.median_s for day in days]]
    rates, medians = ([value for value in course if value is not None] for course in courses)
    with st.grid(4, min_column_width=150):
        st.metric(
            "Executions",
            f"{numbers.total:,}",
            f"{sum(day.asked for day in week):,} in 7 days",
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            chart_data=asked if sum(number > 0 for number in asked) > 1 else None,
            chart_type="bar",
            help="Every request there ever was. Bars: requests a day, the last 14 days (UTC).",
        )
        st.metric(
            "Success rate",
            percent(numbers.success_rate),
            change,
            border=True,
            height="stretch",
            chart_data=rates if len(rates) > 1 else None,
            help=f"Of the {numbers.judged:,} whose outcome is known; a rejected plan is no success. "
            "Line: by day, the last 14 days, where any has an outcome.",
        )
        st.metric(
            "Median duration",
            span(numbers.median_duration_s),
            border=True,
            height="stretch",
            chart_data=medians if len(medians) > 1 else None,
            help="Planning and executing of the latest 1,000 that ended, without the time for which a plan "
            "waited for a person. Line: by day, the last 14 days.",
        )
        st.metric(
            "Patterns learned",
            f"{numbers.patterns:,}",
            "in use",
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help="Learned patterns that plans take into account now.",
        )
    st.page_link(
        addresses.INSIGHTS,
        label="See the patterns",
        icon=":material/insights:",
        query_params={addresses.TAB: "patterns"},
    )


def _rate(days: Sequence[trends.Day]) -> float | None:
    judged = sum(day.judged for day in days)
    return sum(day.succeeded for day in days) / judged if judged else None


def _workers(found: Sequence[statistics.WorkerState]) -> None:
    """Only what stands in the way: nobody works, or nobody for some agents."""
    alive = [worker for worker in found if worker.is_alive]
    if not alive:
        st.warning(
            "No worker is running, so requests are neither planned nor carried out; they wait. Start one with "
            "`python -m core worker`, or set `WHETSTONE_WORKERS` to 1 or more and start the app again.",
            icon=":material/person_off:",
        )
        return
    served = {agent for worker in alive for agent in worker.agents or (ORCHESTRATOR, *SHAPE)}
    missing = [agent for agent in (ORCHESTRATOR, *SHAPE) if agent not in served]
    if missing:
        st.warning(
            f"No running worker works for {', '.join(missing).replace('_', ' ')}, so that part waits. "
            "Start one that does with `python -m core worker`.",
            icon=":material/person_off:",
        )


def _note_ended(db: Database) -> None:
    """What was open when this page last looked and is not any more has ended; and which plans are new."""
    before: dict[str, Status] | None = st.session_state.get("orch_moving")
    now = {row.execution_id: row.status for row in queries.page(db, statuses=OPEN, limit=_WATCHED).rows}
    st.session_state["orch_moving"] = now
    if before is None:
        return
    for execution_id in before.keys() - now.keys():
        _note(queries.get(db, execution_id))
    if any(status == "pending_approval" != before.get(id_) for id_, status in now.items()):
        st.toast("A plan is ready and waits for approval.", icon=":material/hourglass_top:")


class _Ended(NamedTuple):
    """What is said of an execution that ended, and whether it asks for its kind of work."""

    said: str
    needs_kind: bool


def _note(ended: Execution) -> None:
    """Only what came to an end by itself: who rejects or cancels knows."""
    if ended.status in ("completed", "failed"):
        word, _, icon, _ = labels.STATUS[ended.status]
        scored = "not scored" if ended.score is None else f"score {score(ended.score)}"
        told, how = f"{word}, {scored}", f"{labels.status(ended.status)}, {scored}"
        if ended.is_not_understood:
            told = how = "not understood"
        noted = _Ended(f"{how}: {shortened(ended.request, 90)}", ended.is_not_understood)
        st.session_state.setdefault("orch_ended", {})[ended.execution_id] = noted
        st.toast(f"An execution has ended: {told}.", icon=icon)


def _ended(db: Database) -> None:
    """What ended while this page was open; it stays until it was seen."""
    ended: dict[str, _Ended] = st.session_state.get("orch_ended", {})
    for execution_id, (said, needs_kind) in list(ended.items())[-_SHOWN:]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"orch_ended_{execution_id}"):
            st.text(f"Ended: {said}", width="stretch")
            if st.button("Open", key=f"orch_ended_open_{execution_id}"):
                _forget(execution_id)
                drawer.show(execution_id)
                st.rerun()
            st.button(
                "Dismiss",
                key=f"orch_ended_no_{execution_id}",
                type="tertiary",
                icon=":material/close:",
                on_click=_forget,
                args=(execution_id,),
            )
        if needs_kind:
            _kinds(db, execution_id)


def _kinds(db: Database, execution_id: str) -> None:
    """A request that was not understood goes on once somebody says what kind of work it is."""

    def go_on(kind: str) -> None:
        said = f"Taken as {kind.replace('_', ' ')}: it is planned now."
        acts.on_page(lambda: acts.go_on_as(db, execution_id, kind), said)
        _forget(execution_id)

    acts.offer_kinds(execution_id, "orch_ended_kind", go_on)


def _forget(execution_id: str) -> None:
    st.session_state.get("orch_ended", {}).pop(execution_id, None)


def _running(db: Database, moving: Sequence[ExecutionRow], number: int) -> None:
    """How far each execution is that moves by itself."""
    for row in moving[:_SHOWN]:
        with st.container(border=True, key=f"orch_running_{row.execution_id}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                word, _, icon, colour = labels.STATUS[row.status]
                st.badge(word, icon=icon, color=colour)
                st.text(shortened(row.request, 140), width="stretch")
                if st.button("Open", key=f"orch_running_open_{row.execution_id}"):
                    drawer.show(row.execution_id)
                    st.rerun()
            if row.steps and row.status != "planning":
                st.progress(*labels.progress(queries.progress(db, row.execution_id)))
    if len(moving) > _SHOWN:
        st.text(f"and {count(number - _SHOWN, 'more that moves', 'more that move')}; the table below lists them.")
