"""Results for examples out of history: looked at first, confirmed with the exact count, and undone in one act."""

import pandas as pd
import streamlit as st

from core import history
from core.db import Database
from core.history.backfill import PastBackfill, Plan
from ui.parts import messages, modals, session
from ui.parts.formatting import ago, count, exactly, shortened
from ui.parts.tables import height

_PLAN = "backfill_plan"


def draw(db: Database) -> None:
    st.subheader("Results for examples", anchor=False)
    st.text(
        "Examples whose result is empty, or says only that something was done, get it from the task or post that has "
        "their execution id, as a new revision."
    )
    st.button(
        "Look what could be filled",
        key="backfill_look",
        icon=":material/search:",
        on_click=lambda: _look(db),
        help="Reads examples and history, and writes nothing.",
    )
    plan: Plan | None = st.session_state.get(_PLAN)
    if plan is not None:
        _planned(db, plan)
    _former(db)


def _look(db: Database) -> None:
    def look() -> None:
        st.session_state[_PLAN] = history.preview_backfill(db)

    messages.attempt(look)


def _planned(db: Database, plan: Plan) -> None:
    with st.container(border=True, key="backfill_plan_box"):
        st.text(
            f"{count(plan.without_result, 'example')} without a result; {plan.filled:,} of them would get one: "
            f"{plan.by_execution_id:,} by the execution id, {plan.by_slug:,} by the end of a slug. "
            f"{plan.trainable:,} would become trainable."
        )
        if plan.contradicted:
            st.text(f"Left alone: {plan.contradicted:,} about which rows of history contradict each other.")
        if plan.ambiguous:
            st.text(f"Left alone: {plan.ambiguous:,} whose beginning is not theirs alone.")
        if not plan.filled:
            st.text("There is nothing to fill.")
            return
        if plan.statuses:
            said = ", ".join(f"{shortened(name, 40) or 'none'} ({n:,})" for name, n in plan.statuses.items())
            st.text(f"States of what they come from: {said}.")
        _matches(plan)
        st.button(
            f"Fill {count(plan.filled, 'example')}",
            key="backfill_go",
            type="primary",
            icon=":material/format_color_fill:",
            on_click=lambda: _ask(db, plan),
        )


def _matches(plan: Plan) -> None:
    st.dataframe(
        pd.DataFrame(
            {
                "id": [each.example_id for each in plan.matches],
                "request": [each.request for each in plan.matches],
                "from": [f"{each.source} {each.key}" for each in plan.matches],
                "title": [each.title for each in plan.matches],
                "how": [each.how for each in plan.matches],
                "characters": [each.characters for each in plan.matches],
                "trainable": ["✓" if each.becomes_trainable else "" for each in plan.matches],
            }
        ),
        key="backfill_matches",
        hide_index=True,
        height=height(len(plan.matches), 360),
        placeholder="–",
        column_config={
            "id": st.column_config.NumberColumn("Example", format="%d", width=80),
            "request": st.column_config.TextColumn("Request", width=280),
            "from": st.column_config.TextColumn("From", width=170),
            "title": st.column_config.TextColumn("Title", width=220),
            "how": st.column_config.TextColumn("By", width=110),
            "characters": st.column_config.NumberColumn("Characters", format="localized", width=90),
            "trainable": st.column_config.TextColumn("Becomes trainable", width=120),
        },
        alt="Examples, each with the row of history that its result comes from.",
    )
    if plan.filled > len(plan.matches):
        st.caption(f"The first {len(plan.matches):,} of {plan.filled:,}.")


def _ask(db: Database, plan: Plan) -> None:
    modals.ask(
        f"Fill {count(plan.filled, 'example')}?",
        f"{count(plan.filled, 'example')} get their result out of history, each as a new revision; {plan.trainable:,} "
        "of them become trainable. It can be undone in one step.",
        yes=f"Fill {count(plan.filled, 'example')}",
        no="Keep them",
        act=lambda: _fill(db, plan),
    )


def _fill(db: Database, plan: Plan) -> None:
    st.session_state.pop(_PLAN, None)  # done, or no longer true
    done = history.run_backfill(db, expected=plan.digest, actor=session.actor(), reason="on the insights page")
    backfill_id = done.backfill_id
    if backfill_id is None:
        messages.done("There was nothing to fill.")
        return
    messages.done(
        f"{count(done.filled, 'example')} got a result; {done.trainable:,} became trainable.",
        undo=lambda: _undone(db, backfill_id),
    )


def _former(db: Database) -> None:
    former = history.backfills(db)
    if not former:
        return
    with st.expander(f"Filled so far ({len(former):,})", icon=":material/history:", key="backfills"):
        for record in former:
            _record(db, record)


def _record(db: Database, record: PastBackfill) -> None:
    with (
        st.container(border=True, key=f"backfill_{record.id}"),
        st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"),
    ):
        state = "" if record.undone_at is None else f" · undone {ago(record.undone_at)} by {record.undone_by}"
        st.text(
            f"{count(record.filled, 'example')}, {record.trainable:,} became trainable · {ago(record.at)} "
            f"({exactly(record.at)}) by {record.actor}{state}",
            width="stretch",
        )
        if record.undone_at is None:
            st.button(
                "Undo", key=f"backfill_undo_{record.id}", icon=":material/undo:", on_click=lambda: _undo(db, record.id)
            )


def _undo(db: Database, backfill_id: int) -> None:
    messages.attempt(lambda: messages.done(_undone(db, backfill_id)))


def _undone(db: Database, backfill_id: int) -> str:
    did = history.undo_backfill(db, backfill_id, actor=session.actor(), reason="on the insights page")
    left = f" {count(did.left, 'example')} edited since stay as they are." if did.left else ""
    return f"Undone: {count(did.restored, 'example')} as before.{left}"
