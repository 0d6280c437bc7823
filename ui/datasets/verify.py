"""Verifying a version on the page, with its progress and what was found."""

import streamlit as st

from core.datasets import verification
from core.datasets.verification import Verification
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from ui.parts.formatting import count, plain

_FOUND = "version_verified"


def button(db: Database, version: DatasetVersion) -> None:
    """Checked while the page waits; leaving the page stops it, and nothing is lost by that."""
    if st.button(
        "Verify",
        key="version_verify",
        icon=":material/verified:",
        help="Renders every record again and compares it with the hash it was frozen with.",
    ):
        st.session_state["version_verify_now"] = version.id
    del db


def draw(db: Database, version: DatasetVersion) -> None:
    """The bar while it runs, the result after."""
    if st.session_state.pop("version_verify_now", None) == version.id:
        _verify(db, version)
    found: tuple[int, Verification | str] | None = st.session_state.get(_FOUND)
    if found is not None and found[0] == version.id:
        _result(found[1])


def _verify(db: Database, version: DatasetVersion) -> None:
    bar = st.progress(0.0, "Rendering every record again…")
    whole = max(version.example_count, 1)

    def show(done: int) -> None:
        bar.progress(min(done / whole, 1.0), f"{done:,} of {count(whole, 'record')} compared")

    try:
        found: Verification | str = verification.verify(db, version, show)
    except WhetstoneError as error:
        found = str(error)
    st.session_state[_FOUND] = (version.id, found)
    st.rerun()


def _result(found: Verification | str) -> None:
    if isinstance(found, str):
        st.error(plain(found), icon=":material/error:")
    elif found.ok:
        st.success(
            f"Verified: all {count(found.rows, 'record')} match the frozen version.",
            icon=":material/verified:",
        )
    else:
        st.error(
            plain(
                f"{count(found.wrong, 'record')} of {found.rows:,} are not what was frozen. " + " ".join(found.faults)
            ),
            icon=":material/gpp_bad:",
        )
        rows = [{"position": each.position, "example": each.example_id, "what": each.what} for each in found.problems]
        if rows:
            st.dataframe(rows, hide_index=True, key="version_problems")
