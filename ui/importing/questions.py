"""What a file leaves open, and what the analyst answered: kept for this file until it is imported or asked anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.examples.importing.models import Undecided
from ui.parts.formatting import count, plain, shortened

_ANSWERS = "import_answers"
_MEANINGS = {"success": "Success", "failed": "Failed", "unknown": "Unknown"}


def answers(paths: Sequence[Path]) -> dict[str, Any]:
    """Options that were decided for these files, by name. Not a widget's value: that is gone once it is not drawn."""
    kept = st.session_state.setdefault(_ANSWERS, {})
    named = [str(path) for path in paths]
    if kept.get("paths") != named:
        kept.clear()
        kept.update(paths=named, options={})
    return dict(kept["options"])


def _keep(**options: Any) -> None:
    st.session_state[_ANSWERS]["options"].update(options)


def ask(question: Undecided) -> None:
    """A choice without which the file cannot be read."""
    st.warning(plain(question.asked), icon=":material/help:")
    chosen = st.radio(
        "Which is right?",
        list(question.choices),
        index=None,
        key=f"import_ask_{question.option}",
        format_func=lambda choice: plain(question.choices[choice]),
    )
    if chosen:
        _keep(**{question.option: chosen})
        st.rerun()


def answered(paths: Sequence[Path]) -> None:
    """What was decided, and a way to decide anew."""
    made = answers(paths)
    if not made:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        said = (
            f"{name}: {', '.join(f'{word} is {what}' for word, what in chosen.items())}"
            if isinstance(chosen, dict)
            else f"{name}: {chosen}"
            for name, chosen in made.items()
        )
        st.text(f"Decided for this file: {'; '.join(said)}.")
        st.button("Change answers", key="import_anew", on_click=st.session_state[_ANSWERS].clear)


def outcome_words(words: Mapping[str, int], known: Mapping[str, str]) -> None:
    """What each word of the outcome means, where nobody can know it but the analyst."""
    if not words:
        return
    with st.form("import_outcomes"):
        st.markdown(":material/help: **Outcome words to classify**")
        meanings = dict(known)
        with st.grid(3, min_column_width=220):
            for word, number in words.items():
                meaning = st.selectbox(
                    plain(f"{shortened(word, 40)} ({count(number, 'row')})"),
                    list(_MEANINGS),
                    index=None,
                    key=f"import_outcome_{word}",
                    format_func=_MEANINGS.__getitem__,
                )
                if meaning:
                    meanings[word] = meaning
        if st.form_submit_button("Use these meanings", key="import_outcomes_use"):
            _keep(outcomes=meanings)
            st.rerun()


def ask_scale(field: str, asked: str, choices: Mapping[str, str], known: Mapping[str, str]) -> None:
    """What the numbers of one field mean; `known` are the fields that were decided before."""
    st.warning(plain(asked), icon=":material/help:")
    chosen = st.radio(
        plain(f"What do the numbers of {field} mean?"),
        list(choices),
        index=None,
        key=f"import_ask_scale_{field}",
        format_func=lambda choice: plain(f"{choice}: {choices[choice]}"),
    )
    if chosen:
        _keep(scales={**known, field: chosen})
        st.rerun()
