"""Help: the keys, the guide to the page one is on, and the version. The guides are the files of `docs/`."""

import re
from functools import cache
from pathlib import Path

import pandas as pd
import streamlit as st

from core import __version__
from ui.parts import modals

DOCS = Path(__file__).parents[1] / "docs"
#: The key that opens it. Streamlit takes letters, digits and named keys for shortcuts, and so no question mark.
KEY = "H"
KEYS = {
    KEY: "Help, from anywhere",
    "N · P": "Next and previous, in a drawer",
    "A · X": "Approve and exclude, in the drawer of an example",
    "1 to 5 · U": "Score an example and show the next one; take the last score back",
    "Esc": "Close what is open",
    "Tab · Enter": "From control to control, and press it",
}
#: Guide by the address of its page; the others are chosen from a list.
GUIDES = {
    "": "start",
    "data": "examples",
    "datasets": "datasets",
    "tuning": "tuning",
    "queue": "queue",
    "orchestrator": "orchestrator",
    "insights": "insights",
    "import": "import",
}
_OTHERS = ("demo", "models", "local-tuning", "patterns", "history", "database", "command-line", "api")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_TITLE = re.compile(r"\A# (.+)\n")


def button() -> None:
    st.button(
        "Help",
        key="help",
        icon=":material/help:",
        type="tertiary",
        shortcut=KEY,
        help="Keys, the guide to this page, and the version.",
        on_click=lambda: modals.show(_window),
    )


def _window() -> None:
    st.dialog("Help", width="large", on_dismiss=modals.close)(_inside)()


def _inside() -> None:
    names = list(dict.fromkeys((*GUIDES.values(), *_OTHERS)))
    here = GUIDES.get(st.session_state.get("page_path", ""), "start")
    keys, guide = "Keys", "Guide"
    part = st.segmented_control(
        "Part", [keys, guide], default=keys, required=True, key="help_part", label_visibility="collapsed"
    )
    if part == keys:
        st.table(pd.DataFrame({"Key": KEYS.keys(), "What it does": KEYS.values()}).set_index("Key"))
    else:
        chosen = st.selectbox(
            "Guide", names, index=names.index(here), key="help_guide", format_func=lambda name: guide_text(name)[0]
        )
        st.markdown(guide_text(chosen)[1])
    st.caption(f"Whetstone {__version__} · API: /api/docs · Command line: python3 start.py core --help")


@cache
def guide_text(name: str) -> tuple[str, str]:
    """Title and text of a guide. Its pictures and links are of files, which the app does not serve."""
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    title = _TITLE.match(text)
    body = _LINK.sub(r"\1", _IMAGE.sub("", _TITLE.sub("", text)))
    return (title[1] if title else name), body
