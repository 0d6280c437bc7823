"""Records as the model would see them. All of it is captured text."""

from collections.abc import Sequence

import orjson
import streamlit as st

from ui.parts import conversation

#: More than this of one message is cut on the page; the export holds all of it.
_LONGEST = 1_500
_ROLES = {
    "system": "System",
    "user": "User",
    "assistant": "Assistant: what the model learns to answer",
    "tool": "Tool: what it answered",
}


def draw(lines: Sequence[str], *, key: str) -> None:
    """Canonical records, one below the other; as messages, or as the line of the file."""
    form = st.segmented_control(
        "Show as",
        ["Messages", "Raw JSONL"],
        default="Messages",
        required=True,
        key=f"{key}_form",
        label_visibility="collapsed",
        persist_state="session",
    )
    for number, line in enumerate(lines, 1):
        with st.container(border=True, key=f"{key}_{number}", gap="xsmall"):
            if form == "Messages":
                _messages(line)
            else:
                st.code(_cut(line), language="json", wrap_lines=True)


def _messages(line: str) -> None:
    record = orjson.loads(line)
    for message in record["messages"]:
        title = _ROLES.get(message["role"], "Message")
        st.caption("Assistant: not learned (weight 0)" if conversation.is_unlearned(message) else title)
        st.code(_cut(conversation.words(message)), language=None, wrap_lines=True)
    if "tools" in record:
        st.caption("Tools that the model can choose from")
        st.code(_cut(orjson.dumps(record["tools"]).decode()), language="json", wrap_lines=True)


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}\n… {more:,} more characters; an export holds them all."
