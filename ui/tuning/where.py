"""Where to train: a card for each provider, with what it costs, who sees the data, how long it takes, what it needs,
and what is missing now. Once one is chosen, only that one is shown, and the base model is asked for."""

from collections.abc import Sequence

import streamlit as st

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.tuning.providers import catalogue, registry
from core.tuning.providers.catalogue import ProviderFacts
from core.tuning.providers.protocol import Method, Obstacle, ProviderId
from ui.parts.formatting import plain
from ui.tuning import labels, reads, trainer
from ui.tuning.reads import Way

_CHOSEN = "tuning_provider"
_ASKED = "tuning_asked"


def choose(provider_id: ProviderId) -> None:
    st.session_state[_CHOSEN] = provider_id


def change() -> None:
    st.session_state.pop(_CHOSEN, None)


def offer() -> None:
    """The cards as facts, for a workspace that has nothing to train on yet."""
    with st.grid(3, min_column_width=260):
        for facts in catalogue.catalogue().providers:
            with st.container(border=True, height="stretch", key=f"tuning_card_{facts.id}"):
                _facts(facts)


def draw(db: Database, dataset: DatasetVersion) -> Way | None:
    """The choice; None while there is none."""
    chosen = st.session_state.get(_CHOSEN)
    if chosen is None:
        with st.grid(3, min_column_width=260):
            for facts in catalogue.catalogue().providers:
                _card(db, dataset, reads.way(db, dataset, facts.id))
        return None
    way = reads.way(db, dataset, chosen)
    with st.container(horizontal=True, vertical_alignment="center", key="tuning_chosen"):
        st.markdown(f"**{plain(way.facts.title)}** · {plain(way.facts.tagline)}", width="stretch")
        _closes(way.facts)
        st.button("Choose another", key="tuning_change", icon=":material/arrow_back:", on_click=change)
    st.caption("  \n".join(_means(way.facts)))
    if chosen == "local":
        trainer.offer(width="content")
    return way


def base(way: Way) -> tuple[str, Method]:
    """The model to begin with, and what is done with it."""
    options = _options(way)
    key = f"tuning_base_{way.facts.id}"
    with st.grid(2, min_column_width=240):
        name = st.selectbox(
            "Base model",
            options,
            index=options.index(way.base) if way.base in options else None,
            key=key,
            format_func=lambda each: labels.base(way.facts.id, each),
            accept_new_options=True,
            persist_state="session",
            placeholder="type a name",
            help="Another one that the provider knows can be typed.",
        )
        methods = _methods(way, name)
        method = _method(way, methods) if len(methods) > 1 else methods[0]
    if name:
        _known_of(way, name)
    elif way.missing:
        st.caption(plain(way.missing[0].remedy))
    return name or "", method


def _method(way: Way, methods: Sequence[Method]) -> Method:
    chosen = st.segmented_control(
        "Method",
        methods,
        default=methods[0],
        required=True,
        key=f"tuning_method_{way.facts.id}_{'-'.join(methods)}",
        format_func=labels.METHOD.__getitem__,
    )
    return next(each for each in methods if each == chosen)


def _options(way: Way) -> list[str]:
    """Those that can be asked for now, then what was typed before."""
    typed = st.session_state.get(f"tuning_base_{way.facts.id}")
    return list(dict.fromkeys([*way.bases, *([typed] if typed else [])]))


def _methods(way: Way, name: str | None) -> Sequence[Method]:
    known = catalogue.base(way.facts.id, name) if name else None
    offered: list[Method] = [each for each in way.capabilities.methods if known is None or each in known.methods]
    return offered or way.capabilities.methods


def _known_of(way: Way, name: str) -> None:
    """What the catalogue says of a base, and how sure that is."""
    known = catalogue.base(way.facts.id, name)
    if known is None:
        return
    parts = [catalogue.closing(known).capitalize(), known.note.rstrip(".")]
    parts.append(f"{known.source.rstrip('.')}, read on {known.read} (sure: {known.sure})")
    st.caption(plain(". ".join(each for each in parts if each) + "."))


def _card(db: Database, dataset: DatasetVersion, way: Way) -> None:
    can = way.can_work or way.needs_name
    with st.container(border=True, height="stretch", key=f"tuning_card_{way.facts.id}"):
        _facts(way.facts)
        st.space("stretch")
        _missing(way)
        if way.facts.id == "local":
            trainer.offer()
        if not can:
            _ask(db, dataset, way)
        st.button(
            f"Choose {labels.short(way.facts.id)}",
            key=f"tuning_choose_{way.facts.id}",
            type="primary" if can else "secondary",
            disabled=not can,
            width="stretch",
            help=None if can else "It cannot be used now: what is missing stands above.",
            on_click=choose,
            args=(way.facts.id,),
        )


def _ask(db: Database, dataset: DatasetVersion, way: Way) -> None:
    """Ask the provider itself: what stood in the way may be gone, or only it knows what it offers."""
    label = f"Check {labels.short(way.facts.id)} now"
    if st.button(
        label,
        key=f"tuning_ask_{way.facts.id}",
        icon=":material/fact_check:",
        width="stretch",
        help="Asks the provider itself, which takes some seconds.",
    ):
        with st.spinner(f"Asking {plain(way.facts.title)}…", show_time=True):
            try:
                found = reads.look(db, dataset, registry.provider(way.facts.id), way.base, live=True).obstacles
                said = tuple(each for each in found if each.blocks)
            except WhetstoneError as error:
                said = (Obstacle("other", str(error), ""),)
        st.session_state[_ASKED] = {**st.session_state.get(_ASKED, {}), way.facts.id: said}
        reads.forget()
        st.rerun()


def _facts(facts: ProviderFacts) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(facts.title)}**", width="content")
        _closes(facts)
    st.markdown(plain(facts.tagline))
    lines = [*_means(facts), f":material/checklist: Needs {plain('; '.join(facts.needs))}."]
    if facts.note:
        lines.append(f":material/info: {plain(facts.note)}")
    st.caption("  \n".join(lines))


def _means(facts: ProviderFacts) -> list[str]:
    """What it costs, who sees the data, and how long it takes."""
    return [
        f":material/payments: {plain(facts.cost)}",
        f":material/lock: {plain(facts.privacy)}",
        f":material/schedule: {plain(facts.speed)}",
    ]


def _closes(facts: ProviderFacts) -> None:
    closing = catalogue.closing(facts)
    if closing:
        colour = "red" if catalogue.is_closed(facts) else "orange"
        st.badge(closing, icon=":material/event_busy:", color=colour)


def _missing(way: Way) -> None:
    """One plain sentence for each thing that stands in the way now; else that it can be used."""
    if way.can_work:
        st.markdown(f":green[:material/check_circle:] Ready: {plain(_ready(way))}")
        return
    if way.needs_name:
        st.markdown(":orange[:material/edit:] It lists no base model now; choose it, and type the name of one.")
        return
    missing = st.session_state.get(_ASKED, {}).get(way.facts.id) or way.missing
    said = [f"{each.sentence} {each.remedy}".strip() for each in missing]
    for sentence in said or [way.trouble or "It offers no base model now."]:
        st.markdown(f":red[:material/block:] {plain(sentence)}")


def _ready(way: Way) -> str:
    """With which base, at which price."""
    base = labels.base(way.facts.id, way.base).partition(" · ")[0]
    if not way.capabilities.costs_money or way.checked is None:
        return f"{base}."
    estimate = way.checked.estimate
    if estimate.cost_low is None and estimate.cost_high is None:
        return f"{base}; what it costs is not known."
    return f"{base}, about {labels.money_range(estimate.cost_low, estimate.cost_high)} for this version."
