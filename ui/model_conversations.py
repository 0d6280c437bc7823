"""What the training made of conversations and what Ollama makes of them, side by side.

Both are texts of a model's file, of a template or of a server: st.code and nothing else.
"""

from collections.abc import Sequence

import streamlit as st

from core.models import Model
from core.tuning.providers.local.ollama import conversations
from core.tuning.providers.local.ollama.conversations import One
from ui.formatting import plain


def stopped(model: Model) -> None:
    """Why it does not answer, where that is a difference, with what to look at."""
    compared = conversations.of_model(model.serving_remote)
    if compared is None or compared.verdict != "different" or model.serving == "ready":
        return
    st.warning(f"When it was last put into Ollama: {plain(compared.sentence)}", icon=":material/difference:")
    _side_by_side([each for each in compared.conversations if each.differs] or compared.conversations[:1])


def section(model: Model) -> None:
    """All that were compared."""
    compared = conversations.of_model(model.serving_remote)
    if compared is None:
        return
    st.markdown("**Conversations, as trained and in Ollama**")
    st.caption(plain(compared.sentence))
    _side_by_side(compared.conversations)


def _side_by_side(found: Sequence[One]) -> None:
    for each in found:
        st.caption(plain(f"A conversation {each.name}" + (f": {each.differs}" if each.differs else "")))
        if each.trained is None:
            st.text("The base's template refuses such a conversation, so nothing was trained with one.")
            continue
        ours, theirs = st.columns(2)
        with ours:
            st.text(_title("The training", each.trained_tokens))
            st.code(each.trained, language=None, wrap_lines=True)
        with theirs:
            st.text(_title("Ollama", each.ollama_tokens))
            if each.ollama is None:
                st.text("It does not show its text.")
            else:
                st.code(each.ollama, language=None, wrap_lines=True)


def _title(who: str, tokens: int | None) -> str:
    return f"{who}, {tokens:,} tokens" if tokens else f"{who}, tokens not known"
