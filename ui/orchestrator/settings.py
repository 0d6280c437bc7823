"""What the workspace is set to: whether plans wait for a person, who plans, and how results are judged."""

from typing import Literal

import streamlit as st

from core import audit, deployments
from core.db import Database
from core.deployments import preferences
from core.deployments.preferences import Preferences
from core.llm import Model, prices
from core.orchestrator.scoring.judge import RUBRIC
from core.settings import get_settings, without_login
from ui.orchestrator import reads
from ui.orchestrator.acts import REASON
from ui.parts import messages, modals, session
from ui.parts.formatting import ago, exactly, plain

_BUILT_IN = ""
_AT = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Google",
    "vertex": "Google Cloud",
    "ollama": "Ollama",
}


def draw(db: Database, chosen: Preferences) -> None:
    """What holds now, in a line: the switch, and who plans."""
    with st.container(key="orch_set", gap="xsmall"):
        approval(db, chosen.approval_required)
        planner(chosen)


def approval(db: Database, on: bool) -> None:
    """The switch, with who last turned it. Turning it off is asked first: plans then run unseen."""
    st.session_state["orch_approval"] = on
    st.toggle(
        "Plans wait for approval",
        key="orch_approval",
        on_change=lambda: _turn(db, st.session_state["orch_approval"]),
    )
    st.caption(_turned(db, on))


def _turned(db: Database, on: bool) -> str:
    lines = audit.entries(db, subject="setting", subject_id="approval_required", limit=1)
    means = "Plans run only after approval" if on else "Plans run without approval"
    if not lines:
        return f"{means} (default)."
    line = lines[0]
    return f"{means}. Turned {'on' if on else 'off'} by {plain(line.actor)} {ago(line.at)} ({exactly(line.at)})."


def _turn(db: Database, on: bool) -> None:
    if on:
        messages.attempt(lambda: _set_approval(db, True))
        return
    modals.ask(
        "Carry out plans without approval?",
        "From now on every new plan is carried out as soon as it is made, and nobody sees it before. "
        "Plans that wait now still wait.",
        yes="Turn approval off",
        no="Keep it on",
        act=lambda: _set_approval(db, False),
    )


def _set_approval(db: Database, on: bool) -> None:
    preferences.set_approval(db, on, actor=session.actor(), reason=REASON)
    messages.done(
        "Plans wait for approval from now on." if on else "Approval is off: new plans are carried out at once.",
        undo=lambda: _undone(db, not on),
    )


def _undone(db: Database, on: bool) -> str:
    preferences.set_approval(db, on, actor=session.actor(), reason="undone")
    return f"Undone: approval is {'on' if on else 'off'} again."


def planner(chosen: Preferences) -> None:
    """Who plans, in a line, and what that costs."""
    name = "the built-in planner" if chosen.planner_model is None else str(chosen.planner_model)
    st.caption(plain(f"Planned by {name}. {sent(chosen.planner_model)}"))
    if chosen.deployed is not None:
        st.caption(plain(f"It is deployed as {chosen.deployed.name}; setting another one here ends that."))


def details(db: Database, chosen: Preferences) -> None:
    """The choices behind it. Only while it is open the providers are looked at."""
    box = st.expander("Planner, judge and rules", icon=":material/settings:", key="orch_settings", on_change="rerun")
    with box:
        if box.open:
            left, right = st.columns(2, gap="large")
            with left:
                _choose_planner(db, chosen)
            with right:
                _judging(db, chosen)


def sent(model: Model | None) -> str:
    """In one sentence: what planning with it costs, and who sees what."""
    if model is None:
        return "By rules, without a model: free, and nothing leaves this computer."
    if _stays_here(model):
        return f"Free. Requests and their context go to {without_login(get_settings().ollama_host)} and nowhere else."
    if model.provider == "ollama":
        return "Runs at Ollama's servers: requests and their context are sent there, at a price not known here."
    address = getattr(get_settings(), f"{model.provider}_base_url")
    place = without_login(address) if address else _AT[model.provider]
    price = next((each for each in prices.table() if (each.provider, each.model) == (model.provider, model.name)), None)
    price = None if address else price
    costs = (
        "at a price not known here"
        if price is None
        else (f"for ${price.input:f} a million tokens in and ${price.output:f} out (list price of {price.read})")
    )
    return f"Each request, its context (past work, figures) and results to judge are sent to {place}, {costs}."


def _choose_planner(db: Database, chosen: Preferences) -> None:
    found = reads.providers()
    current = str(chosen.planner_model or _BUILT_IN)
    options = [_BUILT_IN, *(f"{each.name}:{name}" for each in found if each.is_ready for name in each.models)]
    st.session_state["orch_planner"] = current
    st.selectbox(
        "Planner model",
        list(dict.fromkeys([*options, current])),
        key="orch_planner",
        format_func=lambda name: name or "Built-in planner (no model)",
        accept_new_options=True,
        help="Models of providers that are set up. Another one is typed as provider:name, as in ollama:qwen3:4b.",
        on_change=lambda: _pick(db, st.session_state["orch_planner"] or _BUILT_IN),
    )
    ready = {each.name for each in found if each.is_ready}
    if chosen.planner_model is not None and chosen.planner_model.provider not in ready:
        st.warning(
            "The provider of this model is not ready (see below), so plans come from the built-in planner, "
            "each with a note that says why.",
            icon=":material/warning:",
        )
    st.text("\n".join(f"✓ {_AT[each.name]} is ready." if each.is_ready else f"✗ {each.missing}" for each in found))


def _pick(db: Database, name: str) -> None:
    """What sends data out or costs money is asked first."""

    def begin() -> None:
        model = Model.parse(name) if name else None
        if model is None or _stays_here(model):
            _set_planner(db, model)
            return
        modals.ask(
            f"Plan with {model}?",
            f"{sent(model)} This holds for every request of this workspace from now on.",
            yes="Plan with it",
            no="Keep the current model",
            act=lambda: _set_planner(db, model),
        )

    messages.attempt(begin)


def _stays_here(model: Model) -> bool:
    """Whether it runs on a machine of one's own: it costs nothing, and nobody else is sent anything."""
    return model.provider == "ollama" and prices.cost_usd(model, 1, 1, host=get_settings().ollama_host) is not None


def _set_planner(db: Database, model: Model | None) -> None:
    before = preferences.preferences(db)
    preferences.set_planner_model(db, model, actor=session.actor(), reason=REASON)
    messages.done(f"Planned by {model or 'the built-in planner'} from now on.", undo=lambda: _planner_back(db, before))


def _planner_back(db: Database, before: Preferences) -> str:
    """What was deployed is deployed again: set by hand, a profile would be left out."""
    if before.deployed is not None:
        reason = "setting another was undone"
        deployments.deploy(db, before.deployed.model_id, actor=session.actor(), reason=reason, is_known=True)
        return f"Undone: {before.deployed.name} is deployed again."
    preferences.set_planner_model(db, before.planner_model, actor=session.actor(), reason="undone")
    return f"Undone: planned by {before.planner_model or 'the built-in planner'} again."


def _judging(db: Database, chosen: Preferences) -> None:
    """Settings that are saved together, so that nothing changes while one is still moving a slider."""
    with st.form("orch_judging", border=False):
        threshold = st.slider(
            "Success threshold",
            0.0,
            1.0,
            chosen.success_threshold,
            0.05,
            key=f"orch_threshold_{chosen.success_threshold}",
        )
        judging = st.toggle(
            "Let the model judge results",
            chosen.judges,
            key=f"orch_judges_{chosen.judges}",
            help="The model that plans is asked once an execution; its cost is shown with the score.",
        )
        st.caption("Without a model nothing is scored by itself: score and outcome wait for a person.")
        st.text(f"It judges by this rubric:\n{RUBRIC}")
        words = st.text_area(
            "Banned words, one per line",
            "\n".join(chosen.banned_words),
            key=f"orch_banned_{hash(chosen.banned_words)}",
            height=120,
        )
        if st.form_submit_button("Save", key="orch_judging_save", icon=":material/save:"):
            messages.attempt(lambda: _save(db, threshold, judging, words.splitlines()))
            st.rerun()


def _save(db: Database, threshold: float, judging: bool, words: list[str]) -> None:
    who: dict[Literal["actor", "reason"], str] = {"actor": session.actor(), "reason": REASON}
    changed = [
        preferences.set_success_threshold(db, threshold, **who),
        preferences.set_judging(db, judging, **who),
        preferences.set_banned_words(db, words, **who),
    ]
    messages.done("Saved. It holds for what is scored from now on." if any(changed) else "Nothing was changed.")
