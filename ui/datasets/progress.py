"""Versions that are being built: how far they are, and a way to stop them. Building itself happens elsewhere.

The parts that poll read one row or a short list; they stop with the browser, and the build goes on without them.
"""

from collections.abc import Sequence

import streamlit as st

from core.datasets import snapshots
from core.datasets import versions as datasets_versions
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.runtime.process import RUNNING
from ui.data import reads as cached
from ui.parts import messages, session
from ui.parts import watch as watcher
from ui.parts.formatting import count, plain
from ui.parts.messages import attempt

EVERY_S = 1
LOOK_AGAIN_S = 10

#: In the order in which they happen; the share of the work that is done when each begins.
_PHASES = {
    "waiting": (0.0, "Waiting for a free worker"),
    "choosing": (0.02, "Choosing the examples"),
    "rendering": (0.1, "Rendering"),
    "checking": (0.75, "Checking"),
    "freezing": (0.85, "Freezing"),
}


def gone(db: Database, versions: Sequence[DatasetVersion]) -> frozenset[int]:
    """Which of them are said to be built, and have no builder any more."""
    if not any(version.status == "building" for version in versions):
        return frozenset()
    return frozenset(snapshots.interrupted(db))


def signature(versions: list[DatasetVersion], interrupted: frozenset[int]) -> tuple[tuple[object, ...], ...]:
    """Changes when the list has to be drawn anew."""
    return tuple(
        (
            version.id,
            version.status,
            version.id in interrupted,
            version.used_by_key,
            version.verified_at is not None,
            version.archived_at is not None,
        )
        for version in versions
    )


def watch(db: Database, seen: list[DatasetVersion]) -> None:
    """Draw the page anew when a version came, was finished, or went."""
    every = EVERY_S if any(version.is_open for version in seen) else LOOK_AGAIN_S
    before = signature(seen, gone(db, seen))
    watcher.watch(every, lambda: _now(db) != before, label=False)


def _now(db: Database) -> tuple[tuple[object, ...], ...]:
    found = datasets_versions.versions(db, archived=True)
    return signature(found, gone(db, found))


def draw(db: Database, version: DatasetVersion) -> None:
    """The bar of one version, and Stop. Drawn live while it is open; one whose builder is gone says so."""
    if version.id in gone(db, [version]):
        _gone(db, version)
        return
    with st.container(border=True, key=f"build_{version.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**Building {plain(version.label)}**", width="content")
            st.button(
                "Stop",
                key=f"build_stop_{version.id}",
                icon=":material/stop_circle:",
                on_click=lambda: _stop(db, version),
            )
        _live(db, version.id)
        st.caption("You can close the browser; the build continues.")


def _gone(db: Database, version: DatasetVersion) -> None:
    """Its process was killed. A running app takes it up by itself; where none can, a person does."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"build_{version.id}"):
        st.markdown(f"**{plain(version.label)} was interrupted: its process is gone.**", width="stretch")
        st.button(
            "Finish",
            key=f"build_finish_{version.id}",
            icon=":material/play_arrow:",
            on_click=lambda: _finish(db, version),
        )
        st.button(
            "Remove",
            key=f"build_remove_{version.id}",
            icon=":material/delete:",
            on_click=lambda: _stop(db, version),
        )


@st.fragment(run_every=EVERY_S)
def _live(db: Database, dataset_id: int) -> None:
    version = datasets_versions.get(db, dataset_id)
    if not version.is_open:
        st.rerun()
    st.progress(*_share(db, version))


def _share(db: Database, version: DatasetVersion) -> tuple[float, str]:
    begins, words = _PHASES.get(version.phase, (0.0, version.phase.capitalize()))
    if version.phase != "rendering" or version.choice is None:
        return begins, f"{words}…"
    whole = max(cached.count(db, version.choice.filter), version.done_count, 1)
    ends = _PHASES["checking"][0]
    return begins + (
        ends - begins
    ) * version.done_count / whole, f"{words}: {count(version.done_count, 'record')} done…"


def _finish(db: Database, version: DatasetVersion) -> None:
    """Here and now, if this process does not build in the background."""

    def act() -> None:
        if RUNNING.background is not None:
            RUNNING.background.wake()
            messages.done(f"{version.label} is being finished.")
            return
        now = snapshots.build(db, version.id, wait=False)
        messages.done(f"{now.label} is {now.status}.")

    attempt(act)


def _stop(db: Database, version: DatasetVersion) -> None:
    """Nothing is lost by stopping: the choice is kept and can be asked for again."""

    def act() -> None:
        snapshots.cancel(db, version.id, actor=session.actor(), reason="stopped on the page")
        messages.done(f"Stopped {version.label}. Nothing of it was frozen.")

    attempt(act)
