"""What is true now: who works, what moves, what came of it, numbers. Read anew every few seconds, more often just after
an act of one's own, without the rest of the page.

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
from ui.orchestrator import acts, drawer, labels, reads, waiting
from ui.parts import addresses
from ui.parts.formatting import count, percent, score, shortened, span
from ui.parts.watch import look

EVERY_S = 5
OWN_S = 0.5
_MOVING: tuple[Status, ...] = ("planning", "approved", "executing")
_SHOWN = 4
#: So many open ones, the newest, are watched for their end.
_WATCHED = 50
_WEEK = 7


def now(db: Database, seen: int) -> None:
    """What waits for a person, what moves and what ended. `seen` is the version that the rest of the page shows."""
    every = OWN_S if acts.just_acted() else EVERY_S
    st.fragment(run_every=every)(_now)(db, seen, every)


def _now(db: Database, seen: int, every: float) -> None:
    def changed() -> bool:
        by_status = queries.counts(db).by_status
        _workers(statistics.workers(db))
        waiting.draw(db, by_status["pending_approval"])
        _note_ended(db)
        _ended(db)
        moving = queries.page(db, statuses=_MOVING, limit=_SHOWN).rows
        _running(db, moving, sum(by_status[status] for status in _MOVING))
        return trends.version(db) != seen or (every == OWN_S and not acts.just_acted())

    # The badge of the sidebar is counted anew with the page, so that both say the same.
    look(every, changed, label=False, then=reads.waiting.clear)


@st.fragment(run_every=EVERY_S)
def numbers(db: Database) -> None:
    """The numbers in one line."""

    def draws() -> bool:
        found = queries.counts(db)
        with st.container():
            _cards(found, reads.by_day(db, found.total, found.judged))
        return False

    look(EVERY_S, draws)


def _cards(found: Counts, days: Sequence[trends.Day]) -> None:
    week, before = days[-_WEEK:], days[:-_WEEK]
    rate, earlier = _rate(week), _rate(before)
    change = "" if rate is None or earlier is None else f" This week {(rate - earlier) * 100:+.0f} points on the last."
    with st.container(horizontal=True, gap="medium", key="orch_numbers"):
        st.metric(
            "Executions",
            f"{found.total:,}",
            width="content",
            help=f"Every request there ever was; {sum(day.asked for day in week):,} in the last 7 days (UTC).",
        )
        st.metric(
            "Success rate",
            percent(found.success_rate),
            width="content",
            help=f"Of the {found.judged:,} whose outcome is known; a rejected plan is no success.{change}",
        )
        st.metric(
            "Median duration",
            span(found.median_duration_s),
            width="content",
            help="Planning and executing of the latest 1,000 that ended, without the time for which a plan "
            "waited for a person.",
        )
        if found.patterns:
            st.metric(
                "Patterns in use",
                f"{found.patterns:,}",
                width="content",
                help="Learned patterns that plans take into account now.",
            )
    if found.patterns:
        st.page_link(
            addresses.INSIGHTS,
            label="View patterns",
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


class _Ended(NamedTuple):
    """What is said of an execution that ended, and which question it asks."""

    said: str
    needs_kind: bool
    needs_answer: bool


def _note(ended: Execution) -> None:
    """Only what came to an end by itself: who rejects or cancels knows."""
    if ended.status in ("completed", "failed"):
        scored = "not scored" if ended.score is None else f"score {score(ended.score)}"
        word = labels.STATUS[ended.status][0]
        said = "not understood" if ended.is_not_understood else f"{word}, {scored}"
        st.session_state.setdefault("orch_ended", {})[ended.execution_id] = _Ended(
            f"Run {said}: {shortened(ended.request, 90)}",
            ended.is_not_understood,
            ended.status == "completed" and ended.success is None,
        )


def _ended(db: Database) -> None:
    """What ended while this page was open; it stays until it was seen."""
    ended: dict[str, _Ended] = st.session_state.get("orch_ended", {})
    for execution_id, noted in list(ended.items())[-_SHOWN:]:
        with st.container(border=True, gap="xsmall", key=f"orch_ended_{execution_id}"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(noted.said, width="stretch")
                if st.button("Open", key=f"orch_ended_open_{execution_id}", icon=":material/open_in_full:"):
                    _forget(execution_id)
                    drawer.show(execution_id, "Result")
                    st.rerun()
                st.button(
                    "Dismiss",
                    key=f"orch_ended_no_{execution_id}",
                    type="tertiary",
                    icon=":material/close:",
                    on_click=_forget,
                    args=(execution_id,),
                )
            if noted.needs_answer:
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    _ask_answered(db, execution_id)
        if noted.needs_kind:
            _kinds(db, execution_id)


def _ask_answered(db: Database, execution_id: str) -> None:
    def judge(answered: bool) -> None:
        acts.on_page(lambda: acts.judge_answer(db, execution_id, answered=answered), lambda _: _judged(answered))
        _forget(execution_id)

    acts.ask_answered(f"orch_ended_answer_{execution_id}", judge)


def _judged(answered: bool) -> str:
    return "Saved: it answered the request." if answered else "Saved: it did not answer the request."


def _kinds(db: Database, execution_id: str) -> None:
    """A request that was not understood goes on once somebody says what kind of work it is."""

    def go_on(kind: str) -> None:
        said = f"Taken as {kind.replace('_', ' ')}. Planning…"
        acts.on_page(lambda: acts.go_on_as(db, execution_id, kind), lambda _: said)
        _forget(execution_id)

    acts.offer_kinds(execution_id, "orch_ended_kind", go_on)


def _forget(execution_id: str) -> None:
    st.session_state.get("orch_ended", {}).pop(execution_id, None)


def _running(db: Database, moving: Sequence[ExecutionRow], number: int) -> None:
    """How far each execution is that moves by itself, in a line."""
    still = queries.paused(db, [row.execution_id for row in moving])
    for row in moving:
        with st.container(
            border=True, horizontal=True, vertical_alignment="center", key=f"orch_now_{row.execution_id}"
        ):
            word, _, icon, colour = labels.STATUS[row.status]
            if row.execution_id in still:
                st.badge("paused", icon=":material/pause:", color="gray", help="Resume its commands on the page Queue.")
            else:
                st.badge("Planning…" if row.status == "planning" else word, icon=icon, color=colour)
            st.text(shortened(row.request, 120), width="stretch")
            if row.steps and row.status != "planning":
                share, said = labels.progress(queries.progress(db, row.execution_id))
                st.progress(share, said, width=260)
            if st.button("Open", key=f"orch_running_open_{row.execution_id}"):
                drawer.show(row.execution_id)
                st.rerun()
    if number > len(moving):
        st.text(f"and {count(number - len(moving), 'more that moves', 'more that move')}; the history lists them.")
