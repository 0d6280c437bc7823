"""What an act on commands left as it was, one by one, beside the bar where the act was started."""

from collections import Counter
from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.commands.models import Change
from ui.parts import messages
from ui.parts.formatting import count

_KEY = "queue_refused"
#: So many are listed one by one; all are counted by their reason.
_LISTED = 1_000


def say(sentence: str, change: Change, *, undo: Callable[[], str] | None = None) -> None:
    """The sentence as a notice, and the commands that were left as they were for `draw`."""
    if change.changed:
        messages.done(sentence, undo=undo)
    else:
        messages.failed(sentence)
    st.session_state[_KEY] = change.refused


def draw() -> None:
    refused: tuple[tuple[int, str], ...] = st.session_state.get(_KEY, ())
    if not refused:
        return
    title = f"{count(len(refused), 'command')} {'was' if len(refused) == 1 else 'were'} not changed: why"
    with st.expander(title, icon=":material/rule:", expanded=True, key="queue_report"):
        st.dataframe(
            pd.DataFrame(refused[:_LISTED], columns=["command", "why"]),
            key="queue_refused_rows",
            hide_index=True,
            height=min(38 + 35 * len(refused), 213),
            column_config={
                "command": st.column_config.NumberColumn("Command", format="#%d", width=100),
                "why": st.column_config.TextColumn("Why", width=600),
            },
            alt="Commands that were left as they were, each with the reason.",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Close the list", key="queue_report_close", icon=":material/close:", on_click=_forget)
            if len(refused) > _LISTED:
                st.caption(f"The first {_LISTED:,} of {len(refused):,}.", width="content")


def reasons(change: Change) -> str:
    """`1,180: it has completed; 7: it has failed`."""
    counted = Counter(sentence.partition(": ")[2].rstrip(".") for _, sentence in change.refused)
    return "; ".join(f"{number:,}: {reason}" for reason, number in counted.most_common())


def _forget() -> None:
    st.session_state.pop(_KEY, None)
