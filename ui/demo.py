"""Load the demo company, look at it, and drop it whole."""

import streamlit as st

from core import demo
from core.db import Database
from core.errors import WhetstoneError
from core.runtime.process import RUNNING
from ui.parts import addresses, messages, modals, session
from ui.parts.formatting import count, plain

_EXAMPLES = 2_000


def offer(company: Database, *, primary: bool) -> None:
    """The button of the page Start; with the demo there already, the way to it."""
    kind = "primary" if primary else "secondary"
    if demo.WORKSPACE in session.workspace_names():
        if st.button("Open the demo company", key="demo_open", type=kind, width="stretch"):
            session.choose(demo.WORKSPACE)
            st.switch_page(addresses.DATA, query_params={"workspace": demo.WORKSPACE})
        return
    if st.button("Load the demo company", key="demo_load", type=kind, width="stretch"):
        _load(company)


def offering() -> None:
    """The way to it for those who have data of their own already."""
    if st.button(
        "Load the demo company",
        key="demo_offer",
        type="tertiary",
        icon=":material/science:",
        help="A year of invented work in a workspace of its own. One click removes it again.",
    ):
        _load(RUNNING.database())


def _load(company: Database) -> None:
    bar = st.progress(0.0, "Inventing a company…")

    def show(done: int, whole: int) -> None:
        # What was done with the examples comes after them, and takes about as long.
        told = (
            f"{done:,} of {count(whole, 'example')}" if done < whole else "Versions, jobs, runs and a day of its queue…"
        )
        bar.progress(done / whole / 2, told)

    try:
        made = demo.load(company, actor=session.actor(), examples=_EXAMPLES, work=True, progress=show)
    except WhetstoneError as error:
        st.error(plain(str(error)))
        return
    session.choose(made.workspace)
    messages.done(
        f"The demo company is here: {count(made.examples, 'example')} from {made.first_day} to {made.last_day}. "
        "Switch between it and your company on the left."
    )
    st.switch_page(addresses.DATA, query_params={"workspace": made.workspace})


def dropping() -> None:
    """Remove it with everything in it: the one act here that cannot be undone, so it is asked first."""
    st.button(
        "Remove the demo company",
        key="demo_drop",
        type="tertiary",
        icon=":material/delete:",
        on_click=lambda: modals.ask(
            "Remove the demo company?",
            "Its workspace is dropped with everything in it, your own tags and datasets in it included. "
            "Your company's data is not touched.",
            yes="Remove it",
            act=_drop,
        ),
    )


def _drop() -> None:
    demo.drop(RUNNING.database(), actor=session.actor())
    session.choose("public")
    messages.done("The demo company was removed.")
