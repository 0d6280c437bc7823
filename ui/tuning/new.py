"""A new job, in four parts from top to bottom: which version, where, with which settings, what stands against it."""

import streamlit as st

from core.datasets import versions
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import UnknownDataset, WhetstoneError
from core.tuning import facts
from core.tuning.providers import registry
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import Spec
from ui.parts import addresses, messages
from ui.parts.formatting import count, plain, score, size
from ui.tuning import check, place, settings, where

_DATASET = "tuning_dataset"
_MOST_NAME = 100


def draw(db: Database) -> None:
    known = [each for each in versions.versions(db) if each.status == "frozen"]
    asked = _asked(db)
    if asked is None and not known:
        _begin()
        return
    with st.container(border=True, key="tuning_step_1", gap="xsmall"):
        dataset = _dataset(db, known, asked)
    with st.container(border=True, key="tuning_step_2", gap="small"):
        st.markdown("**2 · Where**")
        way = where.draw(db, dataset)
        if way is None:
            return
        base, method = where.base(db, dataset, way)
    if not base:
        st.info("Choose a base model above; settings, checks and cost follow.", icon=":material/arrow_upward:")
        return
    provider = registry.provider(way.facts.id)
    with st.container(border=True, key="tuning_step_3"):
        st.markdown("**3 · Settings**")
        name = _name(dataset, way.capabilities.trains)
        values = settings.draw(way.facts.id, provider.settings_for(base, method))
    spec = Spec(way.facts.id, base, method, values, name.strip())
    with st.container(border=True, key="tuning_step_4"):
        st.markdown("**4 · Check and start**")
        check.draw(db, dataset, spec, way)


def again(db: Database, spec: Spec, dataset_id: int) -> bool:
    """Fill the parts as they were for another job, and show them. Whether its dataset version is still there."""

    def act() -> None:
        dataset = versions.get(db, dataset_id)
        provider = registry.provider(spec.provider)
        where.choose(spec.provider)
        st.session_state[f"tuning_base_{spec.provider}"] = spec.base_model
        settings.put(spec.provider, provider.settings_for(spec.base_model, spec.method), spec.settings)
        place.train_on(dataset.label)
        place.go("train")

    return messages.attempt(act)


def _begin() -> None:
    """Empty is a state of its own: what will be here, and the one way to begin."""
    st.info(
        "There is nothing to train on yet. A job trains on a frozen version of a dataset: choose good examples, "
        "freeze them, and come back here. These are the ways to train, and what each needs.",
        icon=":material/model_training:",
    )
    st.page_link(
        addresses.DATASETS,
        label="Create a dataset",
        icon=":material/dataset:",
        query_params={"new": "1", **addresses.workspace()},
    )
    where.offer()


def _asked(db: Database) -> DatasetVersion | None:
    """The version that the address names, if it can be trained on."""
    label = st.query_params.get(addresses.TRAIN_ON)
    if not label:
        return None
    try:
        version = versions.get(db, label)
    except UnknownDataset as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    if version.status != "frozen":
        st.error(
            plain(f"{version.label} is not frozen, so nothing can be trained on it. Choose another version."),
            icon=":material/error:",
        )
        return None
    return version


def _dataset(db: Database, known: list[DatasetVersion], asked: DatasetVersion | None) -> DatasetVersion:
    by_label = {each.label: each for each in ([asked] if asked else []) + known}
    labels = sorted(by_label, key=lambda label: -by_label[label].id)
    label = asked.label if asked else st.session_state.get("tuning_kept_dataset")
    label = label if label in by_label else labels[0]
    st.session_state[_DATASET] = label
    st.session_state["tuning_kept_dataset"] = label
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**1 · Dataset version**", width="content")
        chosen = st.selectbox(
            "Dataset version",
            labels,
            key=_DATASET,
            width=360,
            label_visibility="collapsed",
            on_change=lambda: place.train_on(st.session_state[_DATASET]),
        )
        dataset = by_label[chosen]
        st.page_link(
            addresses.DATASETS,
            label="View",
            icon=":material/dataset:",
            query_params={"dataset": dataset.name, "version": str(dataset.version), **addresses.workspace()},
        )
    try:
        st.text(describe_data(dataset, facts.of(db, dataset)))
    except WhetstoneError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()
    return dataset


def describe_data(dataset: DatasetVersion, data: DataFacts) -> str:
    """`3,912 train, 410 validation, 410 test · about 1,700,000 tokens, the longest 2,011 · quality 0.88 · 9.1 MB`."""
    about = "" if data.is_exact else "about "
    tokens = data.tokens_train + data.tokens_validation + data.tokens_test
    return " · ".join(
        [
            f"{data.train:,} train, {data.validation:,} validation, {data.test:,} test",
            f"{about}{count(tokens, 'token')}, the longest record {about}{data.longest_tokens:,}",
            f"quality {score(dataset.avg_quality)}",
            size(data.size_bytes),
        ]
    )


def _name(dataset: DatasetVersion, trains: bool) -> str:
    return st.text_input(
        "Name of the model" if trains else "Name of the profile",
        key="tuning_name",
        max_chars=_MOST_NAME,
        placeholder=f"empty: made from {dataset.name} and a number",
        width=420,
        persist_state="session",
    )
