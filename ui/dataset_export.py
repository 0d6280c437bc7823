"""Files of a frozen version: links to the streaming route, so that a file of any size never passes through the page."""

from urllib.parse import quote, urlencode

import streamlit as st

from core.datasets.exporting import PARTS, Part, left_out
from core.datasets.rendering import Format
from core.datasets.versions import DatasetVersion
from core.db import PUBLIC
from ui import session
from ui.formatting import count

FORMATS: dict[Format, str] = {
    "openai": "OpenAI (JSON Lines)",
    "chatml": "ChatML messages (JSON Lines)",
    "gemini": "Gemini (JSON Lines)",
    "anthropic": "Anthropic messages (JSON Lines)",
    "bedrock": "Bedrock messages (JSON Lines)",
    "sharegpt": "ShareGPT (JSON Lines)",
    "alpaca": "Alpaca (JSON Lines)",
    "parquet": "Parquet",
    "dpo": "Preference pairs for DPO (JSON Lines)",
}


def path(version: DatasetVersion, split: Part, kind: Format) -> str:
    """The address of the file on this server."""
    query = {"format": kind, "split": split}
    if session.workspace() != PUBLIC:
        query["workspace"] = session.workspace()
    return f"/api/datasets/{quote(version.name, safe='')}/{version.version}/export?{urlencode(query)}"


def draw(version: DatasetVersion) -> None:
    manifest = version.manifest or {}
    with st.popover("Export", icon=":material/download:", key="version_export"):
        kind = st.selectbox(
            "Format", list(FORMATS), key="export_format", format_func=FORMATS.__getitem__, persist_state="session"
        )
        what, counts = ("pair", manifest.get("pairs", {})) if kind == "dpo" else ("record", manifest.get("counts", {}))
        for split in PARTS:
            rows = counts.get(split, 0) - version.not_carried(kind, split)
            name = "All splits together" if split == "all" else split.capitalize()
            st.link_button(
                f"{name}: {count(rows, what)}",
                path(version, split, kind),
                key=f"export_{split}",
                icon=":material/download:",
                width="stretch",
                disabled=not rows,
                help=None if rows else f"This split has no {what}.",
            )
        if gone := left_out(version, "all", kind):
            st.caption(gone)
        if kind == "dpo":
            st.caption(
                "A pair: two answers to the same request, of which one succeeded, scored higher by 0.1, or came in as "
                "the better one."
            )
        st.caption("Streamed: any size works. The same version always gives the same bytes.")
