"""The acts on what is ticked in a table, in a bar that sticks to the lower edge of the window as long as something is.

Streamlit keeps its bottom container in view however far the page is scrolled; the notice of what was just done stands
in it, too, below the bar.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

_STYLE = Path(__file__).parents[1] / "assets" / "action_bar.css"


@contextmanager
def action_bar(name: str, selected: int, *, clear: Callable[[], None], total: int | None = None) -> Iterator[bool]:
    """Draw the bar around the buttons that are drawn in it; use it only while `selected` things are ticked.

    With `total`, the number of things in the filter, the acts may be about all of them: then it yields True.
    """
    st.html(_STYLE)
    with (
        st.bottom,
        st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"action_bar_{name}"),
    ):
        whole = False
        if total is None or total == selected:
            st.markdown(f"**{selected:,} selected**", width="content")
        else:
            scope = st.segmented_control(
                "Act on",
                ["selected", "filter"],
                default="selected",
                required=True,
                key=f"{name}_scope",
                label_visibility="collapsed",
                format_func=lambda which: (
                    f"{selected:,} selected" if which == "selected" else f"all {total:,} in filter"
                ),
            )
            whole = scope == "filter"
        yield whole
        st.button("Clear selection", key=f"{name}_clear", type="tertiary", icon=":material/close:", on_click=clear)
