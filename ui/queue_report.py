"""What an act on commands did, said beside the bar where it was started, and what it could not do, one by one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.commands.models import Change
from ui import messages
from ui.formatting import count, plain

_KEY = "queue_report"
#: So many are listed one by one; all are counted by their reason.
_LISTED = 1_000


@dataclass(frozen=True)
class Report:
    """One sentence, and the commands that were left as they were, each with the reason."""

    text: str
    refused: tuple[tuple[int, str], ...] = ()
    undo: Callable[[], str] | None = None


def say(text: str, *, refused: Sequence[tuple[int, str]] = (), undo: Callable[[], str] | None = None) -> None:
    st.session_state[_KEY] = Report(text, tuple(refused), undo)


def forget() -> None:
    st.session_state.pop(_KEY, None)


def refusal() -> str:
    """The sentence of the last act if it left something as it was, else nothing."""
    report: Report | None = st.session_state.get(_KEY)
    return report.text if report is not None and report.refused else ""


def draw() -> None:
    report: Report | None = st.session_state.get(_KEY)
    if report is None:
        return
    with st.container(key="queue_report"):
        with st.container(horizontal=True, vertical_alignment="center"):
            box = st.warning if report.refused else st.success
            box(
                plain(report.text),
                icon=":material/rule:" if report.refused else ":material/check_circle:",
                width="stretch",
            )
            if report.undo is not None:
                st.button("Undo", key="queue_undo", icon=":material/undo:", on_click=lambda: _undo(report))
            st.button("Dismiss", key="queue_dismiss", icon=":material/close:", type="tertiary", on_click=forget)
        if report.refused:
            _refused(report.refused)


def _refused(refused: Sequence[tuple[int, str]]) -> None:
    with st.expander(f"{count(len(refused), 'command')} left as they were: why" if len(refused) > 1 else
                     "1 command left as it was: why", expanded=len(refused) <= 10):  # fmt: skip
        st.dataframe(
            pd.DataFrame(refused[:_LISTED], columns=["command", "why"]),
            key="queue_refused",
            hide_index=True,
            height=min(38 + 35 * len(refused), 320),
            column_config={
                "command": st.column_config.NumberColumn("Command", format="#%d", width=100),
                "why": st.column_config.TextColumn("Why"),
            },
            alt="Commands that were left as they were, each with the reason.",
        )
        if len(refused) > _LISTED:
            st.caption(f"The first {_LISTED:,} of {len(refused):,}.")


def reasons(change: Change) -> str:
    """`1,180: it has completed; 7: it has failed`."""
    counted = Counter(sentence.partition(": ")[2].rstrip(".") for _, sentence in change.refused)
    return "; ".join(f"{number:,}: {reason}" for reason, number in counted.most_common())


def _undo(report: Report) -> None:
    forget()
    undo = report.undo
    if undo is not None:
        messages.attempt(lambda: say(undo()))
