"""Starting a job, with every question that belongs before it: money, the budget, and the same once more."""

from collections.abc import Callable

import streamlit as st

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import AlreadyTrained, OverBudget
from core.tuning import budget, jobs
from core.tuning.budget import Budget
from core.tuning.jobs import Job
from core.tuning.providers.protocol import Estimate, Spec
from ui.parts import addresses, messages, modals, session
from ui.parts.formatting import plain
from ui.tuning import labels, place, reads, watch
from ui.tuning.reads import Way

REASON = "on the fine-tuning page"


def begin(db: Database, dataset: DatasetVersion, spec: Spec, way: Way, estimate: Estimate, left: Budget) -> None:
    """What costs money is asked first, in words that name the thing and the sum."""
    del left

    def act(*, again: bool = False, over_budget: bool = False) -> None:
        _create(db, dataset, spec, estimate, act, again=again, over_budget=over_budget)

    if not way.capabilities.costs_money:
        messages.attempt(act)
        return
    what = "train" if way.capabilities.trains else "make the profile"
    modals.ask(
        f"Spend money at {way.facts.title}?",
        f"To {what} {spec.name or 'it'} on {dataset.label} with {spec.base_model}: "
        f"{_cost(estimate)}. {way.facts.privacy}",
        yes="Start and pay" if estimate.cost_high is not None else "Start at a cost that is not known",
        no="Not now",
        act=act,
    )


def _cost(estimate: Estimate) -> str:
    if estimate.cost_low is None and estimate.cost_high is None:
        return "what it costs is not known before"
    return f"about {labels.money_range(estimate.cost_low, estimate.cost_high)}, as estimated"


def _create(
    db: Database,
    dataset: DatasetVersion,
    spec: Spec,
    estimate: Estimate,
    act: Callable[..., None],
    *,
    again: bool,
    over_budget: bool,
) -> None:
    try:
        job = jobs.create(db, spec, dataset, actor=session.actor(), reason=REASON, again=again, over_budget=over_budget)
    except AlreadyTrained as known:
        _ask_again(known, lambda: act(again=True, over_budget=over_budget))
    except OverBudget:
        modals.ask(
            "Go over the month's budget?",
            over_in_words(estimate, budget.budget(db)),
            yes="Start and go over the budget",
            no="Stay within it",
            act=lambda: act(again=again, over_budget=True),
        )
    else:
        _started(job)


def over_in_words(estimate: Estimate, found: Budget) -> str:
    """The sums that a second confirmation is about."""
    most = estimate.cost_high if estimate.cost_high is not None else estimate.cost_low
    parts = [f"This job: {labels.money_range(estimate.cost_low, estimate.cost_high)}."]
    parts.append(
        f"This month's budget: {labels.money(found.monthly_usd)}; spent so far: "
        f"{labels.money(found.spent_usd)}; set aside for open jobs: {labels.money(found.reserved_usd)}."
    )
    if most is not None and found.monthly_usd is not None:
        total = found.spent_usd + found.reserved_usd + most
        parts.append(
            f"With it the month may come to {labels.money(total)}, "
            f"{labels.money(total - found.monthly_usd)} over the budget."
        )
    return " ".join(parts)


def _started(job: Job) -> None:
    st.session_state.pop("tuning_name", None)
    st.session_state.pop("tuning_checked", None)
    watch.follow(job.id)
    reads.recount()
    place.go("jobs")
    messages.done(f"Started job {job.id}: {labels.name(job)}. You may close the browser; it goes on without it.")


def _ask_again(known: AlreadyTrained, act: Callable[[], None]) -> None:
    modals.show(lambda: st.dialog("The same again?", on_dismiss=modals.close)(_question)(known, act))


def _question(known: AlreadyTrained, act: Callable[[], None]) -> None:
    st.markdown(plain(str(known)))
    st.text("Training the same again gives nothing new with the same seed, and is paid again where it costs money.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        leave = st.button("Leave it", key="tuning_again_no")
        opened = st.button(f"Open job {known.job_id}", key="tuning_again_open")
        again = st.button("Train again all the same", key="tuning_again_yes", type="primary")
    if leave or opened or again:
        modals.close()
        if opened:
            st.query_params.from_dict({**st.query_params.to_dict(), **addresses.job(known.job_id)})
        if again:
            messages.attempt(act)
        st.rerun()
