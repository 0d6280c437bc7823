"""What is true now, in four numbers: what runs, how the month went, what it cost, and which model is in use."""

import streamlit as st

from core.db import Database
from core.tuning import budget, jobs
from core.tuning.budget import Budget
from core.tuning.jobs import MonthlyJobs
from core.tuning.providers.protocol import OPEN
from ui.parts.formatting import count, percent, plain, shortened
from ui.tuning import labels
from ui.tuning.reads import in_use


def draw(db: Database) -> None:
    by_state = jobs.counts(db)
    found = budget.budget(db)
    with st.container(horizontal=True, gap="large", key="tuning_state"):
        _open(by_state)
        _finished(jobs.month(db))
        _spent(found)
        _model(db)
    said = _also(found)
    if said:
        st.caption(said)


def _open(by_state: dict) -> None:
    number = sum(by_state.get(state, 0) for state in OPEN)
    parts = [f"{by_state[state]:,} {labels.STATE[state][0]}" for state in OPEN if by_state.get(state)]
    st.metric(
        "Running jobs",
        f"{number:,}",
        ", ".join(parts) or "no open jobs",
        delta_color="off",
        delta_arrow="off",
        width="content",
        help="Jobs that are not at their end yet, wherever they run.",
    )


def _finished(found: MonthlyJobs) -> None:
    if found.success_rate is None:
        below = "all were cancelled" if found.total else "none yet"
    else:
        below = f"{percent(found.success_rate)} succeeded"
    st.metric(
        "Finished this month",
        f"{found.total:,}",
        below,
        delta_color="off",
        delta_arrow="off",
        width="content",
        help="Jobs that ended this month (UTC). Share: of those not cancelled.",
    )


def _spent(found: Budget) -> None:
    limit = "no budget set" if found.monthly_usd is None else f"of {labels.money(found.monthly_usd)} budget"
    over = found.monthly_usd is not None and found.spent_usd > found.monthly_usd
    st.metric(
        "Spent this month",
        labels.money(found.spent_usd),
        limit,
        delta_color="red" if over else "off",
        delta_arrow="off",
        width="content",
        help=f"Cost of this month's jobs and judgements, in US dollars; judging: {labels.money(found.judged_usd)}.",
    )


def _model(db: Database) -> None:
    name, below = in_use(db)
    st.metric(
        "Model in use",
        plain(shortened(name, 40)),
        plain(below),
        delta_color="off",
        delta_arrow="off",
        width="content",
        help=f"What plans and writes now: {plain(name)}.",
    )


def _also(found: Budget) -> str:
    parts = []
    if found.reserved_usd:
        parts.append(f"{labels.money(found.reserved_usd)} set aside for jobs that are not settled")
    if found.unknown_jobs:
        parts.append(f"{count(found.unknown_jobs, 'job')} at a cost that nobody knows")
    return f"Also: {' and '.join(parts)}." if parts else ""
