"""One model in a drawer, open at `?model=12`: where it comes from, what it is worth, what it is made of, when it was in
use, and what can be done with it.

Answers, prompts and what providers say go through st.text, st.code and grids and nothing else.
"""

from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import OperationalError

from core import models
from core.bounds import id_in
from core.db import Database
from core.errors import UnknownModel, WhetstoneError
from core.models import Model, availability
from core.tuning import serving
from ui.models import acts, conversations, evaluations, labels, views
from ui.parts import addresses, messages, session
from ui.parts.drawer import Drawer, unavailable
from ui.parts.formatting import ago, exactly, plain

EVERY_S = 3
_VIEW = "model_view"

_VIEWS: dict[str, Callable[[Database, Model], None]] = {
    "Lineage": views.lineage_of,
    "Evaluations": evaluations.draw,
    "Made of": views.made_of,
    "Deployments": views.deployed,
    "Notes": views.notes,
}


def show(model_id: int) -> None:
    DRAWER.show(model_id)


def _draw(asked: str) -> None:
    db = session.database()
    try:
        model = _read(db, asked)
        seen = models.version(db)
        _head(db, model)
        view = st.pills("View", list(_VIEWS), default="Lineage", required=True, key=_VIEW, label_visibility="collapsed")
        _VIEWS[view or "Lineage"](db, model)
        _watch(db, asked, seen)
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except OperationalError as error:
        unavailable(error)
        _watch(db, asked, None)


def _watch(db: Database, asked: str, seen: str | None) -> None:
    """Something that happened to any model may show here."""
    DRAWER.watch(EVERY_S, asked, seen, lambda: models.version(db))


DRAWER = Drawer("model", "Model", _draw, addresses.MODEL)


def _read(db: Database, asked: str) -> Model:
    """Whatever stands in an address may be anything."""
    number = id_in(asked)
    if number is None:
        raise UnknownModel("The link names no model; look for it in the list of the workspace.")
    return models.get(db, number)


def _head(db: Database, model: Model) -> None:
    word, icon, colour = labels.SERVING[model.serving]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(labels.kind_word(model.kind), icon=labels.KIND[model.kind][1], color="primary")
        if model.is_past():
            st.badge("past its last day", icon=":material/event_busy:", color="red")
        else:
            st.badge(word.partition(" ")[2], icon=icon, color=colour)
        if model.in_use:
            st.badge("in use", icon=":material/arrow_upward:", color="green")
        st.text(model.name, width="content")
    st.text(_facts(model))
    if model.kind == "profile":
        st.caption(
            "A profile is a prompt: its system prompt and examples go before each question. Nothing was trained."
        )
    if model.serving_error:
        st.warning("What its provider says:", icon=":material/info:")
        st.code(model.serving_error, language=None, wrap_lines=True)
    conversations.stopped(model)
    _acts(db, model)
    notice = messages.latest()
    if notice is not None:
        (st.error if notice.failed else st.success)(plain(notice.text))


def _facts(model: Model) -> str:
    called = f"called {model.call_name}" if model.call_name else "called by nothing yet"
    facts = [f"Model {model.id} · {called} · base {model.base_model}"]
    facts.append(f"Since {ago(model.created_at)} ({exactly(model.created_at)}) · by {model.created_by}")
    if model.shutdown_date:
        facts.append(f"Its provider lets it answer until {model.shutdown_date:%d %b %Y}.")
    if model.hourly_usd is not None:
        facts.append(f"Serving it costs {labels.money(model.hourly_usd)} an hour.")
    return "\n".join(facts)


def _acts(db: Database, model: Model) -> None:
    """What can be done now; of deploying, also why it cannot."""
    why_not = availability.why_not(model)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="model_acts"):
        if model.in_use:
            st.button(
                "Undeploy",
                key="model_drawer_undeploy",
                icon=":material/power_settings_new:",
                on_click=lambda: acts.ask_undeploy(db, model.name),
            )
        elif model.archived_at is None:
            st.button(
                "Deploy",
                key="model_deploy",
                type="primary",
                icon=":material/rocket_launch:",
                disabled=bool(why_not),
                on_click=lambda: acts.ask_deploy(db, model),
            )
        if model.kind == "tuned":
            _serving(db, model)
        if model.archived_at is not None:
            st.button(
                "Take out of the archive",
                key="model_unarchive",
                icon=":material/unarchive:",
                on_click=lambda: acts.unarchive(db, model),
            )
        elif not model.in_use:
            st.button(
                "Archive", key="model_archive", icon=":material/archive:", on_click=lambda: acts.archive(db, model)
            )
    if why_not and not model.in_use:
        st.caption(plain(f"It cannot be deployed: {why_not}"))


def _serving(db: Database, model: Model) -> None:
    if model.archived_at is None and model.serving in ("none", "failed", "deleted"):
        st.button("Serve", key="model_serve", icon=":material/cloud_upload:", on_click=lambda: acts.serve(db, model))
    if model.serving in ("ready", "failed", "deploying") and not model.in_use:
        st.button(
            "End its service",
            key="model_unserve",
            icon=":material/cloud_off:",
            on_click=lambda: acts.ask_unserve(db, model),
        )
    if model.serving in ("ready", "failed") or serving.is_stalled(db, model):
        st.button(
            "Look again",
            key="model_look",
            icon=":material/search:",
            help="Asks its provider what is so now. Costs nothing.",
            on_click=lambda: acts.look(db, model),
        )
