"""The version that is being put together: widgets write its parts into the session, everybody else reads them here."""

from dataclasses import dataclass

import streamlit as st

from core.datasets import defaults
from core.datasets.candidates import Choice
from core.datasets.recipes import Recipe
from core.datasets.splits import Group, Split
from core.datasets.versions import DatasetVersion
from core.examples.filters import Filter

_DEFAULTS = {
    "new_name": "",
    "new_description": "",
    "new_target": "plan",
    "new_system_prompt": "",
    "new_fields": [],
    "new_train": 80,
    "new_validation": 10,
    "new_seed": 0,
    "new_group": "request",
    "new_drop_duplicates": True,
    "new_excluded_ids": (),
    "new_let_in": [],
    "new_suggested": "",
}


@dataclass(frozen=True)
class Draft:
    """Name, description and choice of a version that nobody asked for yet."""

    name: str
    description: str
    choice: Choice


def read(chosen: Filter) -> Draft:
    """The draft for this filter with safe defaults; what nobody touched has its default."""
    for key, default in _DEFAULTS.items():
        st.session_state.setdefault(key, default)
    state = st.session_state
    chosen = defaults.safe(chosen, state["new_let_in"])
    suggested = defaults.name_for(chosen, state["new_target"])
    if state["new_name"] == state["new_suggested"]:  # nobody chose another one
        state["new_name"] = suggested
    state["new_suggested"] = suggested
    recipe = Recipe(
        target=state["new_target"],
        system_prompt=state["new_system_prompt"].replace("\0", ""),
        fields=("request", *state["new_fields"]),
    )
    train, validation = state["new_train"], state["new_validation"]
    split = Split(
        train=train,
        validation=validation,
        test=100 - train - validation,
        seed=state["new_seed"],
        group=state["new_group"],
    )
    choice = Choice(chosen, recipe, split, state["new_excluded_ids"], state["new_drop_duplicates"])
    return Draft(state["new_name"].strip(), state["new_description"].replace("\0", "").strip(), choice)


def take_over(version: DatasetVersion) -> Filter:
    """Begin with how `version` was made; gives its filter without what the draft adds."""
    choice = version.choice
    assert choice is not None, "a file of the original system has no choice to take over"
    chosen, let_in = defaults.taken_apart(choice.filter)
    given: dict[str, object] = {
        "new_name": version.name,
        "new_description": version.description,
        "new_target": choice.recipe.target,
        "new_system_prompt": choice.recipe.system_prompt,
        "new_fields": [field for field in choice.recipe.fields if field != "request"],
        "new_train": choice.split.train,
        "new_validation": choice.split.validation,
        "new_seed": choice.split.seed,
        "new_group": choice.split.group,
        "new_drop_duplicates": choice.drop_duplicates,
        "new_excluded_ids": choice.excluded_ids,
        "new_let_in": list(let_in),
        "new_suggested": "",
    }
    st.session_state.update(given)
    return chosen


def forget() -> None:
    for key in _DEFAULTS:
        st.session_state.pop(key, None)


def leave_out(ids: tuple[int, ...]) -> None:
    """Keep these examples out of this version; nothing happens to them."""
    st.session_state["new_excluded_ids"] = tuple(sorted({*st.session_state["new_excluded_ids"], *ids}))


def put_back() -> None:
    st.session_state["new_excluded_ids"] = ()


def share_changed(changed: str) -> None:
    """The shares never add up to more than 100: the other one gives way, and the rest is for the test."""
    other = {"new_train": "new_validation", "new_validation": "new_train"}[changed]
    st.session_state[other] = min(st.session_state[other], 100 - st.session_state[changed])


GROUPS: dict[Group, str] = {
    "request": "the same request",
    "topic": "the same topic",
    "week": "the same week",
}
