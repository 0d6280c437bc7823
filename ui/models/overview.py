"""The tab Models: which one is in use, all there are, two of them compared, and the way to each one's drawer."""

import streamlit as st

from core import evaluation, models
from core.datasets import versions
from core.db import Database
from ui.models import acts, compare, drawer, in_use, table
from ui.orchestrator import reads as orchestrator_reads
from ui.parts.formatting import plain
from ui.parts.watch import watch

EVERY_S = 10


def draw(db: Database) -> None:
    seen = models.version(db)
    found = models.all_models(db, archived=True)
    in_use.draw(db)
    _add(db)
    archived = st.session_state.get("model_archived", False)
    shown = [each for each in found if archived or each.archived_at is None]
    if shown:
        table.draw(shown, evaluation.latest(db, [each.id for each in shown]), _labels(db))
        compare.draw(db, [each for each in shown if each.id in table.GRID.selected()])
    else:
        st.info(
            "No model yet. Trained models and profiles appear here with lineage and evaluation results; train one "
            "first. Or add a base model above and evaluate it, to know what training has to beat.",
            icon=":material/deployed_code:",
        )
    if any(each.archived_at for each in found):
        st.toggle("Show archived models", key="model_archived", persist_state="session")
    in_use.history(db)
    drawer.DRAWER.follow_url()
    watch(EVERY_S, lambda: models.version(db) != seen)


def _labels(db: Database) -> dict[int, str]:
    return {each.id: each.label for each in versions.versions(db, archived=True)}


def _add(db: Database) -> None:
    """A base as its provider has it: what training has to beat. Only while it is open the providers are looked at."""
    box = st.expander("Add a base model", icon=":material/add:", key="model_add", on_change="rerun")
    with box:
        if not box.open:
            return
        found = orchestrator_reads.providers()
        options = [f"{each.name}:{name}" for each in found if each.is_ready for name in each.models]
        chosen = st.selectbox(
            "A model that answers already, to compare others with it, or to deploy it",
            options,
            index=None,
            key="model_add_name",
            accept_new_options=True,
            placeholder="Choose one, or type provider:name, as in ollama:qwen3:4b",
        )
        if not options:
            st.caption(plain(f"No provider is ready. {' '.join(each.missing for each in found)}"))
        st.button(
            "Add it",
            key="model_add_yes",
            type="primary",
            icon=":material/add:",
            disabled=not chosen,
            help=None if chosen else "Choose or type a model first.",
            on_click=lambda: acts.add_base(db, str(chosen)),
        )
