"""Where to train: a card of a few lines for each provider that can be used, with price and time for this dataset; those
that cannot be used are folded below. Once one is chosen, only that one is shown, and the base model is asked for."""

from collections.abc import Sequence

import streamlit as st

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.tuning.providers import catalogue, registry
from core.tuning.providers.catalogue import ProviderFacts
from core.tuning.providers.protocol import Method, Obstacle, ProviderId
from ui.parts.formatting import count, plain
from ui.tuning import labels, reads, small_bases, trainer
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
            with st.container(border=True, height="stretch", key=f"tuning_card_{facts.id}", gap="xsmall"):
                _title(facts)
                st.caption(plain(f"{'free' if facts.id == 'local' else 'paid'} · {facts.seen_by}"))
                _details(facts)


def draw(db: Database, dataset: DatasetVersion) -> Way | None:
    """The choice; None while there is none."""
    chosen = st.session_state.get(_CHOSEN)
    if chosen is None:
        ways = [reads.way(db, dataset, facts.id) for facts in catalogue.catalogue().providers]
        with st.grid(3, min_column_width=240):
            for way in ways:
                if way.can_choose:
                    _card(db, dataset, way)
        _unusable(db, dataset, [way for way in ways if not way.can_choose])
        return None
    way = reads.way(db, dataset, chosen)
    with st.container(horizontal=True, vertical_alignment="center", key="tuning_chosen"):
        st.markdown(f"**{plain(way.facts.title)}** · {plain(way.facts.tagline)}", width="stretch")
        _closes(way.facts)
        st.button("Choose another", key="tuning_change", icon=":material/arrow_back:", on_click=change)
    st.caption("  \n".join(_means(way.facts)))
    if chosen == "local":
        trainer.offer()
    return way


def base(db: Database, dataset: DatasetVersion, way: Way) -> tuple[str, Method]:
    """The model to begin with, and what is done with it."""
    small = small_bases.of(db, dataset) if way.facts.id == "local" else ()
    titles = {each.name: f"{each.title} · {each.name}" for each in small}
    options = _options(way, titles)
    key = f"tuning_base_{way.facts.id}"
    first = way.base if way.base in options else small_bases.RECOMMENDED if small else None
    with st.grid(2, min_column_width=240):
        name = st.selectbox(
            "Base model",
            options,
            index=options.index(first) if first else None,
            key=key,
            format_func=lambda each: titles.get(each) or labels.base(way.facts.id, each),
            accept_new_options=True,
            persist_state="session",
            placeholder="type a name",
            help="Or enter another name that the provider knows; locally ollama:TAG, hub:ORG/NAME, or an absolute "
            "folder path.",
        )
        methods = _methods(way, name)
        method = _method(way, methods) if len(methods) > 1 else methods[0]
    if small:
        small_bases.draw(small, key)
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


def _options(way: Way, small: Sequence[str] | dict[str, str]) -> list[str]:
    """Those that can be asked for now, small ones to begin with, then what was typed before."""
    typed = st.session_state.get(f"tuning_base_{way.facts.id}")
    return list(dict.fromkeys([*way.bases, *small, *([typed] if typed else [])]))


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
    """Four lines and the button; everything else is a fold."""
    small = small_bases.of(db, dataset) if way.facts.id == "local" else ()
    with st.container(border=True, height="stretch", key=f"tuning_card_{way.facts.id}", gap="xsmall"):
        _title(way.facts)
        st.caption(plain(f"{_price(way)} · {way.facts.seen_by}"))
        st.caption(plain(_time(way, small_bases.recommended(small))))
        st.markdown(_ready(way))
        st.button(
            f"Choose {labels.short(way.facts.id)}",
            key=f"tuning_choose_{way.facts.id}",
            type="primary",
            width="stretch",
            on_click=choose,
            args=(way.facts.id,),
        )
        _details(way.facts)


def _title(facts: ProviderFacts) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(facts.title)}**", width="content")
        _closes(facts)


def _price(way: Way) -> str:
    """For this version, from the default base with default settings."""
    if not way.capabilities.costs_money:
        return "free"
    estimate = way.checked.estimate if way.checked else None
    if estimate is None or (estimate.cost_low is None and estimate.cost_high is None):
        return "price not known"
    return f"about {labels.money_range(estimate.cost_low, estimate.cost_high)}"


def _time(way: Way, small: small_bases.Starter | None) -> str:
    seconds = way.checked.estimate.seconds if way.checked else None
    if seconds is not None:
        return f"about {labels.roughly(seconds)}"
    if small is not None:
        return f"about {labels.roughly(small.seconds)} here with {small.title}"
    return way.facts.wait


def _ready(way: Way) -> str:
    """Whether it can begin, and with what."""
    if way.facts.id == "local" and trainer.is_missing():
        return ":orange[:material/download:] Needs a one-time install"
    if not way.can_work:
        return ":green[:material/check_circle:] Ready: choose a base"
    return f":green[:material/check_circle:] Ready: {plain(labels.base(way.facts.id, way.base).partition(' · ')[0])}"


def _unusable(db: Database, dataset: DatasetVersion, ways: Sequence[Way]) -> None:
    """What cannot be used now, each in a fold with one sentence a missing thing."""
    if not ways:
        return
    st.caption("Not available now")
    with st.grid(3, min_column_width=240):
        for way in ways:
            missing = _missing(way)
            label = f"{labels.short(way.facts.id)} · {_needs(missing)}"
            with st.expander(plain(label), key=f"tuning_card_{way.facts.id}"):
                for each in missing:
                    st.markdown(f":red[:material/block:] {plain(each.short)}")
                if not missing:
                    st.markdown(f":red[:material/block:] {plain(way.trouble or 'It offers no base model now.')}")
                _ask(db, dataset, way)
                _facts(way.facts)


def _missing(way: Way) -> Sequence[Obstacle]:
    return st.session_state.get(_ASKED, {}).get(way.facts.id) or way.missing


def _needs(missing: Sequence[Obstacle]) -> str:
    """`needs 3 settings`, or what else it lacks."""
    if any(each.code in ("past_its_date", "not_eligible") for each in missing):
        return "not offered"
    if missing and all(each.is_setting for each in missing):
        return f"needs {count(len(missing), 'setting')}"
    return f"needs {count(len(missing), 'thing')}" if missing else "no base model"


def _ask(db: Database, dataset: DatasetVersion, way: Way) -> None:
    """Ask the provider itself: what stood in the way may be gone, or only it knows what it offers."""
    if st.button(
        f"Check {labels.short(way.facts.id)} now",
        key=f"tuning_ask_{way.facts.id}",
        icon=":material/fact_check:",
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


def _details(facts: ProviderFacts) -> None:
    with st.expander("Details", key=f"tuning_details_{facts.id}"):
        _facts(facts)


def _facts(facts: ProviderFacts) -> None:
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
