"""The lines of the audit log: a filter, a table of sentences, and one line in a drawer with before beside after."""

import datetime as dt

import pandas as pd
import streamlit as st

from core import audit
from core.audit import Chosen, Entry
from core.db import Database
from ui.activity import sentences
from ui.parts import addresses, session
from ui.parts.cached_read import cached_read
from ui.parts.drawer import Drawer
from ui.parts.formatting import ago, exactly
from ui.parts.grid import Grid

PAGE = 50
GRID: Grid[int] = Grid("activity", "activity_grid_frame")
_DAYS = {"Any time": None, "Last hour": dt.timedelta(hours=1), "Last day": dt.timedelta(days=1),
         "Last 7 days": dt.timedelta(days=7), "Last 30 days": dt.timedelta(days=30)}  # fmt: skip


@cached_read(ttl=30)
def _choices(db: Database) -> audit.Choices:
    return audit.choices(db)


def chosen(db: Database) -> Chosen:
    """The filter, in one row; it stands in the address."""
    known = _choices(db)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="activity_filter"):
        words = st.text_input(
            "Search",
            key="act_words",
            placeholder="id, name, tag, reason",
            max_chars=200,
            width=220,
            bind="query-params",
        )
        who = st.multiselect("Who", known.actors, key="act_who", placeholder="anyone", width=180, bind="query-params")
        what = st.multiselect(
            "What",
            known.verbs,
            key="act_what",
            placeholder="anything",
            width=260,
            format_func=lambda verb: verb.replace("_", " "),
            bind="query-params",
        )
        when = st.selectbox("When", list(_DAYS), key="act_when", width=140, bind="query-params")
        since = _DAYS[when]
        moment = None if since is None else dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - since
        found = Chosen(tuple(who), tuple(what), since=moment, words=words)
        st.download_button(
            "CSV",
            data=lambda: b"".join(audit.export(db, found)),
            file_name="activity.csv",
            mime="text/csv",
            key="activity_csv",
            icon=":material/download:",
            on_click="ignore",
            help="All lines of this filter, with before and after.",
        )
    return found


def draw(db: Database, found: Chosen) -> None:
    cursors = GRID.cursors((found.actors, found.verbs, st.session_state["act_when"], found.words))
    lines = audit.entries(db, chosen=found, before=cursors.here, limit=PAGE + 1)
    following = lines[PAGE - 1].id if len(lines) > PAGE else None
    lines = lines[:PAGE]
    cursors.leave_if_empty(lines)
    if not lines:
        GRID.draw_none()
        st.info("No activity matches this filter. Widen it above.", icon=":material/search_off:")
        return
    GRID.draw(
        [line.id for line in lines],
        pd.DataFrame(
            {
                "when": [ago(line.at) for line in lines],
                "who": [line.actor for line in lines],
                "what": [sentences.sentence(line) for line in lines],
                "why": [line.reason for line in lines],
                "at": [line.at for line in lines],
            }
        ),
        {
            "when": st.column_config.TextColumn("When", width=96),
            "who": st.column_config.TextColumn("Who", width=120),
            "what": st.column_config.TextColumn("What", width=430),
            "why": st.column_config.TextColumn("Why", width=260),
            "at": st.column_config.DatetimeColumn("Exactly (UTC)", format="YYYY-MM-DD HH:mm:ss", width=150),
        },
        open_one=DRAWER.show,
        alt="Activity: when, who, what, why and the exact time.",
        highest=1_700,
        choosable=False,
    )
    GRID.pager(cursors, following, len(lines), PAGE, "line")


def _one(line_id: int) -> None:
    DRAWER.neighbours(line_id, f"#{line_id}")
    found = audit.entries(session.database(), before=line_id + 1, limit=1)
    if not found or found[0].id != line_id:
        st.error("This line is not in the log of this workspace.")
        return
    (line,) = found
    st.text(f"{line.actor} {sentences.sentence(line)}")
    st.text(f"{exactly(line.at)}" + (f" · {line.reason}" if line.reason else ""))
    _leads_to(line)
    before, after = st.columns(2, gap="small")
    for column, title, value in ((before, "Before", line.before), (after, "After", line.after)):
        with column:
            st.markdown(f"**{title}**")
            if value is None:
                st.text("–")
            else:
                st.json(value, expanded=2)
    st.caption("As recorded")
    st.text(f"{line.action} · {line.subject} {line.subject_id}".rstrip())


def _leads_to(line: Entry) -> None:
    target = sentences.target(line)
    if target is not None:
        page, query = target
        thing = {addresses.DATA: "example", addresses.ORCHESTRATOR: "run"}.get(page, line.subject)
        st.page_link(page, label=f"Open the {thing}", icon=":material/arrow_forward:", query_params=query)


DRAWER = Drawer("activity", "Activity", _one)
