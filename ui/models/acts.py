"""What is done to models from the page. What changes who plans, or costs something, is asked first, in words that name
the model and the cost; what can be taken back happens at once, with Undo."""

from collections.abc import Callable

import streamlit as st

from core import deployments, llm, models
from core.db import Database
from core.deployments import LEAST_WORDS, Before
from core.errors import Conflict, ReasonNeeded
from core.models import Model
from core.tuning import serving
from ui.orchestrator import settings as orchestrator_settings
from ui.parts import messages, modals, session
from ui.parts.formatting import plain

REASON = "on the fine-tuning page"


def ask_deploy(db: Database, model: Model) -> None:
    """With a place for the reason, which a model that did worse, or does not answer, needs."""

    @st.dialog(f"Deploy {plain(model.name)}?", on_dismiss=modals.close)
    def ask() -> None:
        now = deployments.current(db)
        instead = f" instead of {now.model_name}" if now else ""
        _with_reason(
            f"From now on the orchestrator plans, writes and judges with {model.name}{instead}. "
            f"{orchestrator_settings.sent(llm.Model.parse(model.call_name))}",
            key="model_deploy",
            yes=f"Deploy {plain(model.name)}",
            concern=deployments.concern(db, model.id),
            act=lambda reason: _deploy(db, model, reason),
        )

    modals.show(ask)


def _with_reason(said: str, *, key: str, yes: str, concern: str, act: Callable[[str], None]) -> None:
    """The inside of a dialog that changes who plans: the model is asked a short question when a person agrees."""
    st.markdown(plain(said))
    if concern:
        st.warning(plain(concern), icon=":material/trending_down:")
    asked = f"Why (at least {LEAST_WORDS} words)" if concern else "Why (kept in the history, may stay empty)"
    reason = st.text_input(asked, key=f"{key}_reason", max_chars=500)
    with st.container(horizontal=True, horizontal_alignment="right"):
        refused = st.button("Leave it as it is", key=f"{key}_no")
        agreed = st.button(yes, key=f"{key}_yes", type="primary")
    if agreed and concern and len(reason.split()) < LEAST_WORDS:
        st.error(f"Say in at least {LEAST_WORDS} words why it shall be used all the same.", icon=":material/edit:")
    elif agreed or refused:
        if agreed:
            with st.spinner("Asking it a short question…"):
                needed = _refused_for_now(lambda: act(reason))
            if needed:
                st.error(plain(needed), icon=":material/edit:")
                return
        modals.close()
        st.rerun()


def _refused_for_now(act: Callable[[], None]) -> str:
    """Why a reason has to be written first; "" where it is done, or said that it cannot be."""
    needed: list[str] = []

    def attempt() -> None:
        try:
            act()
        except ReasonNeeded as refusal:
            needed.append(str(refusal))

    _say(attempt)
    return "".join(needed)


def _deploy(db: Database, model: Model, reason: str) -> None:
    made = deployments.deploy(db, model.id, actor=session.actor(), reason=reason)
    messages.done(f"{model.name} is in use from now on.", undo=lambda: _taken_back(db, made.id))


def _taken_back(db: Database, deployment_id: int) -> str:
    """Undo of this deployment, and of no other that came after it."""
    now = deployments.current(db)
    if now is None or now.id != deployment_id:
        raise Conflict("Somebody else has set or deployed another model since; nothing was changed.")
    before = deployments.before(db)
    deployments.rollback(db, actor=session.actor(), reason=REASON, is_known=True)  # it was in use a moment ago
    return _back(before)


def ask_undeploy(db: Database, name: str) -> None:
    modals.ask(
        f"Undeploy {plain(name)}?",
        f"From now on the built-in planner plans, by rules and without a model. {name} stays in the list.",
        yes=f"Undeploy {plain(name)}",
        no="Keep it in use",
        act=lambda: _undeploy(db),
    )


def _undeploy(db: Database) -> None:
    ended = deployments.undeploy(db, actor=session.actor(), reason=REASON)
    messages.done(
        f"{ended.model_name} is not in use any more; the built-in planner plans.",
        undo=lambda: redeployed(db, ended.model_id),
    )


def ask_rollback(db: Database, name: str, before: Before) -> None:
    @st.dialog(f"Roll back to {plain(str(before))}?", on_dismiss=modals.close)
    def ask() -> None:
        _with_reason(
            f"{before} is in use again from now on, and {name} is not; both stay in the list.",
            key="model_rollback",
            yes="Roll back",
            concern="",
            act=lambda reason: messages.done(_rolled_back(db, reason)),
        )

    modals.show(ask)


def _rolled_back(db: Database, reason: str) -> str:
    before = deployments.before(db)
    deployments.rollback(db, actor=session.actor(), reason=reason)
    return _back(before)


def _back(before: Before | None) -> str:
    return f"Rolled back: {before} is in use from now on."


def redeployed(db: Database, model_id: int) -> str:
    """Undo of an end: the same model again, which needs no new reason."""
    made = deployments.deploy(db, model_id, actor=session.actor(), reason="the end of it was undone", is_known=True)
    return f"Undone: {made.model_name} is in use again."


def serve(db: Database, model: Model) -> None:
    """What is paid by the hour is asked first; pushing to a machine of one's own is not."""

    def begin() -> None:
        if not serving.costs_hourly(model):
            _serve(db, model, confirmed=False)
            return
        modals.ask(
            f"Serve {plain(model.name)}, paid by the hour?",
            f"{serving.hourly_words(model)} It is paid until you end it here.",
            yes="Serve it, and pay by the hour",
            no="Do not serve it",
            act=lambda: _serve(db, model, confirmed=True),
        )

    _say(begin)


def _serve(db: Database, model: Model, *, confirmed: bool) -> None:
    serving.serve(db, model.id, actor=session.actor(), reason=REASON, confirmed_hourly=confirmed)
    messages.done(f"{model.name} is being made ready. It shows here when it answers.")


def ask_unserve(db: Database, model: Model) -> None:
    def end() -> None:
        serving.unserve(db, model.id, actor=session.actor(), reason=REASON)
        messages.done(f"{model.name} is being taken out of service.")

    modals.ask(
        f"End what serves {plain(model.name)}?",
        serving.ending_words(model),
        yes="End its service",
        no="Keep it",
        act=end,
    )


def look(db: Database, model: Model) -> None:
    def ask() -> None:
        serving.look(db, model.id, actor=session.actor())
        messages.done(f"Its provider is asked how {model.name} is.")

    _say(ask)


def archive(db: Database, model: Model) -> None:
    def act() -> None:
        models.archive(db, model.id, actor=session.actor(), reason=REASON)
        messages.done(f"{model.name} is archived.", undo=lambda: _unarchived(db, model))

    _say(act)


def unarchive(db: Database, model: Model) -> None:
    _say(lambda: messages.done(_unarchived(db, model)))


def _unarchived(db: Database, model: Model) -> str:
    models.unarchive(db, model.id, actor=session.actor(), reason=REASON)
    return f"{model.name} is in the list again."


def save_notes(db: Database, model: Model, name: str, notes: str) -> None:
    """Name and notes together; either may be as it was."""

    def act() -> None:
        renamed = models.rename(db, model.id, name, actor=session.actor(), reason=REASON)
        noted = models.set_notes(db, model.id, notes, actor=session.actor(), reason=REASON)
        messages.done("Saved." if renamed or noted else "Nothing was changed.")

    _say(act)


def add_base(db: Database, call_name: str) -> None:
    def act() -> None:
        made = models.add_base(db, call_name, actor=session.actor(), reason=REASON)
        messages.done(f"{made.name} is in the list. Evaluate it to compare it with others.")

    _say(act)


def _say(act: Callable[[], None]) -> None:
    messages.attempt(act)
