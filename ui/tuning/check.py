"""What stands against a job, what it will cost and take, and its start.

What is known without asking anybody is shown at once. "Check now" asks the provider too; that answer holds until
something of the choice changes.
"""

import datetime as dt
from dataclasses import dataclass

import orjson
import streamlit as st

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.tuning import budget, facts, preflight
from core.tuning.budget import Budget
from core.tuning.providers import catalogue
from core.tuning.providers.catalogue import BaseFacts
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import Capabilities, CheckReport, Estimate, Obstacle, Spec
from ui.parts.formatting import ago, count, plain, span
from ui.tuning import labels, start
from ui.tuning.reads import Way

_KEPT = "tuning_checked"
#: What a second confirmation gets over.
_ASKED_AGAIN = ("over_budget", "already_done")


@dataclass(frozen=True)
class Live:
    """The answer of a check that asked the provider."""

    of: str
    checked: CheckReport
    at: dt.datetime
    took_s: float


def draw(db: Database, dataset: DatasetVersion, spec: Spec, way: Way) -> None:
    live = _kept(dataset, spec)
    try:
        checked = live.checked if live else preflight.check(db, spec, dataset, live=False)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    left = budget.budget(db)
    _obstacles(checked)
    _fine(checked, checked.data or facts.of(db, dataset), catalogue.base(spec.provider, spec.base_model))
    _estimate(checked.estimate, left, way.capabilities)
    _acts(db, dataset, spec, way, checked, left)
    _said(live, way)
    if st.session_state.pop("tuning_check_now", False):
        _check(db, dataset, spec, way)


def _signature(dataset: DatasetVersion, spec: Spec) -> str:
    chosen = [dataset.id, spec.provider, spec.base_model, spec.method, sorted(spec.settings.items())]
    return orjson.dumps(chosen, default=str).decode()


def _kept(dataset: DatasetVersion, spec: Spec) -> Live | None:
    live: Live | None = st.session_state.get(_KEPT)
    return live if live is not None and live.of == _signature(dataset, spec) else None


def _check(db: Database, dataset: DatasetVersion, spec: Spec, way: Way) -> None:
    """Seconds, in which the page waits; leaving it loses nothing but the answer."""
    began = dt.datetime.now(dt.UTC)
    try:
        with st.spinner(_doing(way), show_time=True):
            checked = preflight.check(db, spec, dataset, live=True)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    now = dt.datetime.now(dt.UTC)
    st.session_state[_KEPT] = Live(_signature(dataset, spec), checked, now, (now - began).total_seconds())
    st.rerun()


def _doing(way: Way) -> str:
    if way.capabilities.is_on_a_machine:
        return "Looking at base, trainer, memory and Ollama, and timing three real training steps…"
    return f"Asking {plain(way.facts.title)}: key, access, place for the data, limits…"


def _obstacles(checked: CheckReport) -> None:
    if not checked.obstacles:
        st.markdown(":green[:material/check_circle:] **Nothing stands in the way.**")
    for each in checked.obstacles:
        _obstacle(each)


def _fine(checked: CheckReport, data: DataFacts, base: BaseFacts | None) -> None:
    """What was looked at and stands in no way, with the limit where one is known."""
    against = {each.code for each in checked.obstacles}
    about = "" if data.is_exact else "about "
    lines = []
    if "too_small" not in against:
        least = f", at least {base.min_examples:,} are needed" if base and base.min_examples else ""
        lines.append(f"{count(data.train, 'training record')}{least}")
    if "too_long" not in against:
        most = base.max_tokens_per_example if base else None
        limit = f", at most {most:,} are taken" if most else ""
        lines.append(f"the longest record has {about}{count(data.longest_tokens, 'token')}{limit}")
    if lines:
        st.caption(f":material/check: {plain('; '.join(lines))}.")


def _obstacle(each: Obstacle) -> None:
    asked = each.code in _ASKED_AGAIN
    icon = ":orange[:material/warning:]" if asked or not each.blocks else ":red[:material/block:]"
    word = "Ask again" if asked else "In the way" if each.blocks else "To know"
    st.markdown(f"{icon} {word}: **{plain(each.sentence)}** {plain(each.remedy)}")


def _estimate(estimate: Estimate, left: Budget, can: Capabilities) -> None:
    with st.grid(4, min_column_width=190):
        cost = labels.money_range(estimate.cost_low, estimate.cost_high) if can.costs_money else "$0"
        st.metric("Cost, estimated", cost, border=True, height="stretch")
        st.metric(
            "Tokens",
            "not known" if estimate.tokens is None else f"{estimate.tokens:,}",
            border=True,
            height="stretch",
            help="What the estimate reckons with; the line below says how.",
        )
        st.metric("Time, estimated", _time(estimate.seconds), border=True, height="stretch")
        st.metric(
            "Budget left",
            left_in_words(left),
            border=True,
            height="stretch",
            help="This month's budget less what was spent and what open jobs may cost.",
        )
    if estimate.basis:
        st.caption(plain(estimate.basis))


def _time(seconds: float | None) -> str:
    return "not known" if seconds is None else f"about {labels.roughly(seconds)}"


def left_in_words(found: Budget) -> str:
    return "no limit set" if found.left_usd is None else labels.money(found.left_usd)


def _acts(db: Database, dataset: DatasetVersion, spec: Spec, way: Way, checked: CheckReport, left: Budget) -> None:
    blocking = [each for each in checked.obstacles if each.blocks and each.code not in _ASKED_AGAIN]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Check now",
            key="tuning_check",
            icon=":material/fact_check:",
            help=_doing(way),
            on_click=_ask_to_check,
        )
        st.button(
            "Start training" if way.capabilities.trains else "Make the profile",
            key="tuning_start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(blocking),
            on_click=lambda: start.begin(db, dataset, spec, way, checked.estimate, left),
        )
        if blocking:
            number = len(blocking)
            said = "one thing stands" if number == 1 else f"{number} things stand"
            st.markdown(f":red[:material/block:] It cannot start: {said} in the way, listed above.", width="content")


def _ask_to_check() -> None:
    st.session_state["tuning_check_now"] = True


def _said(live: Live | None, way: Way) -> None:
    if live is None:
        asks = "times three training steps here" if way.capabilities.is_on_a_machine else "asks the provider too"
        st.caption(f"Checked with what is known here; “Check now” {asks}.")
    else:
        st.caption(f"Checked {ago(live.at)}, took {span(live.took_s)}. It holds until something above changes.")
