"""What stands against a version, or is worth knowing before it is frozen; each with what can be done about it."""

import streamlit as st

from core.datasets import concerned
from core.datasets.candidates import Choice
from core.datasets.checks import CheckReport, Obstacle
from core.db import Database
from core.examples.tags import BUILT_IN
from ui.data import bulk
from ui.datasets import draft
from ui.parts import addresses, modals
from ui.parts.formatting import count, plain
from ui.parts.messages import attempt

#: A link holds so many ids at most: longer addresses are cut by proxies.
_LINKED = 200


def draw(db: Database, choice: Choice, review: CheckReport) -> None:
    """Errors first, then warnings, then what was kept out by hand."""
    for finding in review.findings:
        if finding.code != "excluded":
            _finding(db, choice, finding)
    if choice.excluded_ids:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="finding_excluded"):
            st.markdown(f":material/visibility_off: {count(len(choice.excluded_ids), 'example')} kept out by hand.")
            st.button("Put them back", key="find_put_back", icon=":material/undo:", on_click=draft.put_back)


def _finding(db: Database, choice: Choice, finding: Obstacle) -> None:
    blocks = finding.severity == "error"
    with st.container(border=True, key=f"finding_{finding.code}", gap="xsmall"):
        icon = ":red[:material/error:] **Error.**" if blocks else ":orange[:material/info:] **Note.**"
        st.markdown(f"{icon} {plain(finding.sentence)} {plain(finding.fix)}")
        if finding.ids:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _acts(db, choice, finding)


def _acts(db: Database, choice: Choice, finding: Obstacle) -> None:
    """Every act names how many it is about, and asks for those only when it is pressed."""
    all_known = finding.code in concerned.CODES
    number = finding.count if all_known else len(finding.ids)
    some = min(number, _LINKED)
    which = "them" if some == finding.count else f"the first {some:,}"
    if st.button(f"Open {which}", key=f"find_open_{finding.code}", icon=":material/table_chart:"):
        ids = _ids(db, choice, finding)[:_LINKED]
        st.switch_page(addresses.DATA, query_params=addresses.example_ids(ids))
    with modals.popover(f"Tag {number:,}", icon=":material/new_label:", key=f"find_tag_{finding.code}"):
        tag = st.selectbox("Tag", list(BUILT_IN), key=f"find_tag_name_{finding.code}", index=_index("LOW_QUALITY"))
        st.caption(BUILT_IN[tag])
        st.button(
            f"Tag {count(number, 'example')}",
            key=f"find_tag_go_{finding.code}",
            type="primary",
            on_click=lambda: _tag(db, choice, finding, tag),
        )
    st.button(
        f"Tag {number:,} as EXCLUDE",
        key=f"find_exclude_{finding.code}",
        icon=":material/visibility_off:",
        help="Adds the tag EXCLUDE, which every filter hides unless asked for. It can be undone.",
        on_click=lambda: _tag(db, choice, finding, "EXCLUDE"),
    )
    if not all_known:
        st.button(
            f"Leave {number:,} out of this version",
            key=f"find_leave_{finding.code}",
            on_click=lambda: draft.leave_out(_ids(db, choice, finding)),
        )


def _index(tag: str) -> int:
    return list(BUILT_IN).index(tag)


def _ids(db: Database, choice: Choice, finding: Obstacle) -> tuple[int, ...]:
    return concerned.ids(db, choice, finding.code) if finding.code in concerned.CODES else finding.ids


def _tag(db: Database, choice: Choice, finding: Obstacle, tag: str) -> None:
    modals.close_popovers()
    reason = f"found while preparing a dataset: {finding.code}"
    attempt(lambda: bulk.change_tags(db, "add", _ids(db, choice, finding), [tag], reason=reason))
