"""The adjustable parts of a version to come: what the model sees and answers, splits, exclusions."""

import streamlit as st

from core.datasets.recipes import PARTS, TARGETS, Part, Target
from core.datasets.splits import GROUPS
from ui.datasets import draft

_TARGETS: dict[Target, str] = {"plan": "The plan", "result": "The result", "both": "Plan and result"}
_FIELDS: dict[Part, str] = {"intent": "Intent", "business_state": "Business state", "context": "Context"}


def draw() -> None:
    """Every widget has a good default; none has to be touched."""
    with st.container(border=True, key="new_recipe"):
        st.markdown("**Training target**")
        st.segmented_control(
            "The model answers with",
            TARGETS,
            required=True,
            key="new_target",
            format_func=_TARGETS.__getitem__,
            persist_state="session",
        )
        st.multiselect(
            "Extra context in the prompt",
            [part for part in PARTS if part != "request"],
            key="new_fields",
            format_func=_FIELDS.__getitem__,
            placeholder="nothing else",
            persist_state="session",
        )
        st.text_area(
            "System prompt",
            key="new_system_prompt",
            max_chars=200_000,
            height=110,
            placeholder="leave empty to keep each example's own system prompt",
            persist_state="session",
        )
    _splits()
    with st.container(border=True, key="new_exclusions"):
        st.markdown("**Exclusions**")
        st.toggle(
            "Drop exact duplicates",
            key="new_drop_duplicates",
            help="Of records that are the same word for word, the earliest stays.",
            persist_state="session",
        )


def _splits() -> None:
    with st.container(border=True, key="new_splits"):
        st.markdown("**Splits**")
        with st.grid(3, min_column_width=80, gap="xsmall", vertical_alignment="bottom"):
            for name, label in (("new_train", "Train, %"), ("new_validation", "Validation, %")):
                st.number_input(
                    label,
                    0,
                    100,
                    step=5,
                    key=name,
                    persist_state="session",
                    on_change=lambda name=name: draft.share_changed(name),
                )
            rest = 100 - st.session_state["new_train"] - st.session_state["new_validation"]
            st.number_input(
                "Test (remainder), %", value=rest, key=f"new_test_{rest}", disabled=True, help="What the others leave."
            )
        with st.grid(2, min_column_width=140):
            st.selectbox(
                "Keep together in one split",
                GROUPS,
                key="new_group",
                format_func=draft.GROUPS.__getitem__,
                persist_state="session",
                help="Examples of one group fall into the same split, so that the test holds nothing already seen.",
            )
            st.number_input(
                "Seed",
                -(2**31),
                2**31 - 1,
                step=1,
                key="new_seed",
                persist_state="session",
                help="Another seed deals the groups anew. The same seed always gives the same splits.",
            )
