"""What the training made of conversations and what Ollama makes of them, side by side.

Both are texts of a model's file, of a template or of a server: st.code and nothing else.
"""

from collections.abc import Sequence

import streamlit as st

from core.models import Model
from core.tuning.providers.local.ollama import conversations
from core.tuning.providers.local.ollama.conversations import One
from ui.parts.formatting import count, plain

_LONGEST = 120


def stopped(model: Model) -> None:
    """Why it does not answer, where that is a difference, with what to look at."""
    compared = conversations.of_model(model.serving_remote)
    if compared is None or compared.verdict != "different" or model.serving == "ready":
        return
    st.warning(f"When it was last put into Ollama: {plain(compared.sentence)}", icon=":material/difference:")
    differing = [each for each in compared.conversations if each.differs] or compared.conversations[:1]
    _side_by_side(differing[:1], compared.sentence)
    if more := differing[1:]:
        with st.expander(f"{count(len(more), 'more conversation')} that {'differs' if len(more) == 1 else 'differ'}"):
            _side_by_side(more, compared.sentence)


def section(model: Model) -> None:
    """All that were compared."""
    compared = conversations.of_model(model.serving_remote)
    if compared is None:
        return
    st.markdown("**Conversations, as trained and in Ollama**")
    st.caption(plain(compared.sentence))
    _side_by_side(compared.conversations, compared.sentence)


def _side_by_side(found: Sequence[One], said: str) -> None:
    """`said`: the sentence above them, which is not repeated for each."""
    for each in found:
        differs = "" if each.differs == said else each.differs
        st.caption(plain(f"A conversation {each.name}" + (f": {differs}" if differs else "")))
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
        if parting := each.parting:
            _parting(*parting)


def _parting(trained: str, ollama: str, line: int) -> None:
    """Where to look first, in texts of many lines that are nearly the same."""
    st.text(
        f"They part in line {line:,}: the training has {_quoted(trained)} there, and Ollama {_quoted(ollama)}.",
    )


def _quoted(line: str) -> str:
    """With its blanks, which may be what differs."""
    if not line:
        return "an empty line or none"
    return f"“{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}”"


def _title(who: str, tokens: int | None) -> str:
    return f"{who}, {tokens:,} tokens" if tokens else f"{who}, tokens not known"
