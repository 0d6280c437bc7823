"""Mining as a command of the queue: asked for here, followed while it runs, with what the last run looked at."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import patterns
from core.commands import choices, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import CommandRow
from core.db import Database
from core.patterns import Run
from ui.insights import reads
from ui.parts import messages, session
from ui.parts.formatting import ago, count, exactly, shortened, span
from ui.parts.tables import height
from ui.parts.watch import look

EVERY_S = 3
#: While nothing is mined, only somebody else's mining could show.
IDLE_S = 10
_OPEN = ("pending", "running", "paused")
_THRESHOLD = "mining_threshold"


def draw(db: Database, latest: CommandRow | None, seen: tuple[object, ...]) -> None:
    """`latest` is the mining that the rest of the page knows of, `seen` the version that it shows."""
    every = EVERY_S if latest is not None and latest.status in _OPEN else IDLE_S
    st.fragment(run_every=every)(_followed)(db, seen, every)


def _followed(db: Database, seen: tuple[object, ...], every: int) -> None:
    def changed() -> bool:
        latest = reads.mining(db)
        with st.container(border=True, key="insights_mining"):
            if latest is not None and latest.status in _OPEN:
                _going_on(db, latest)
            else:
                _ask(db, latest)
        return reads.version(db, latest) != seen

    look(every, changed, label=False)


def _ask(db: Database, latest: CommandRow | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        threshold = st.number_input(
            "An example did well from a quality of",
            min_value=0.0,
            max_value=1.0,
            value=patterns.GOOD_FROM,
            step=0.05,
            key=_THRESHOLD,
            width=260,
        )
        st.button(
            "Mine now",
            key="mine_now",
            type="primary",
            icon=":material/search_insights:",
            on_click=lambda: _mine(db, threshold),
        )
    st.caption(
        f"Reads all examples but tests, development work and excluded ones. After the first time it runs by itself, "
        f"after every {patterns.EVERY} executions."
    )
    if latest is not None and latest.status == "failed":
        st.error("The latest mining failed:", icon=":material/error:")
        st.code(latest.preview, language=None, wrap_lines=True)


def _mine(db: Database, threshold: float) -> None:
    def ask() -> None:
        command_id = patterns.request(db, threshold=threshold, actor=session.actor())
        messages.done(f"Mining is in the queue, as command #{command_id}.")

    messages.attempt(ask)


def _going_on(db: Database, latest: CommandRow) -> None:
    """How far it is, and the way to stop it."""
    what, share = _progress(db, latest)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(share, what, width="stretch")
        st.button("Cancel", key="mine_cancel", icon=":material/block:", on_click=lambda: _cancel(db, latest.id))
    if patterns.AGENT in choices.unserved(db):
        st.warning(
            "No worker that is alive mines, so it waits. Start one with `python -m core worker`.",
            icon=":material/person_off:",
        )


def _progress(db: Database, latest: CommandRow) -> tuple[str, float]:
    number = f"Command #{latest.id}"
    if latest.stop_requested:
        return f"{number} is asked to stop", 0.0
    if latest.status != "running" or latest.started_at is None:
        return f"{number} waits in the queue" if latest.status == "pending" else f"{number} is paused", 0.0
    # What an earlier attempt did is done again, so it is no progress of this one.
    steps = [each for each in store.steps(db, latest.id) if each.at >= latest.started_at]
    took = span(latest.duration_s)
    if not steps:
        return f"{number} has begun", 0.0
    newest = max(steps, key=lambda each: (each.at, float(each.output or 0.0)))
    return f"{number}: {newest.step} · {took}", min(max(float(newest.output or 0.0), 0.0), 1.0)


def _cancel(db: Database, command_id: int) -> None:
    def stop() -> None:
        chosen = CommandFilter(ids=(command_id,))
        change = verbs.cancel(db, chosen, actor=session.actor(), reason="on the insights page")
        messages.done("Mining is cancelled; nothing was changed." if change.changed else "It had ended already.")

    messages.attempt(stop)


def last(runs: Sequence[Run]) -> None:
    """What the latest run looked at, and what it could say nothing about."""
    if not runs:
        st.text("Nothing was mined yet, so nothing is known of what goes with good work.")
        return
    run = runs[0]
    looked = ", ".join(f"{number:,} for {outcome}" for outcome, number in sorted(run.examples.items()))
    tried = sum(run.tried.values())
    st.text(
        f"Last mined {ago(run.at)} ({exactly(run.at)}) by {run.actor}. Examples: {looked or 'none'}. "
        f"{count(tried, 'combination')} tried: {run.discovered:,} new, {run.validated:,} found again, "
        f"{run.decayed:,} decayed."
    )
    for outcome, why in sorted(run.refused.items()):
        st.info(f"{outcome.capitalize()}: {why}", icon=":material/data_alert:")
    if tried and not run.discovered and not run.validated:
        st.text("Nothing that was tried goes with the outcome on both halves of the examples.")


def history(runs: Sequence[Run]) -> None:
    if not runs:
        return
    with st.expander(f"The latest runs ({len(runs):,})", icon=":material/history:", key="insights_runs"):
        st.dataframe(
            pd.DataFrame(
                {
                    "at": pd.Series([run.at for run in runs], dtype="datetime64[us, UTC]"),
                    "examples": [max(run.examples.values(), default=0) for run in runs],
                    "tried": [sum(run.tried.values()) for run in runs],
                    "discovered": [run.discovered for run in runs],
                    "validated": [run.validated for run in runs],
                    "decayed": [run.decayed for run in runs],
                    "actor": [run.actor for run in runs],
                    "refused": [shortened(" ".join(run.refused.values()), 200) or None for run in runs],
                }
            ),
            key="insights_runs_rows",
            hide_index=True,
            height=height(len(runs), 420),
            placeholder="–",
            column_config={
                "at": st.column_config.DatetimeColumn("When (UTC)", format="YYYY-MM-DD HH:mm", width=130),
                "examples": st.column_config.NumberColumn("Examples", format="localized", width=84),
                "tried": st.column_config.NumberColumn("Tried", format="localized", width=84),
                "discovered": st.column_config.NumberColumn("New", width=60),
                "validated": st.column_config.NumberColumn("Again", width=60),
                "decayed": st.column_config.NumberColumn("Decayed", width=76),
                "actor": st.column_config.TextColumn("Who", width=90),
                "refused": st.column_config.TextColumn("What could show nothing", width=330),
            },
            alt="Runs of the mining: when, examples, combinations tried, new, found again, decayed, who, what could "
            "show nothing.",
        )
