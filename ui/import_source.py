"""Where the file of an import comes from: an upload, or the inbox folder for files too big to upload."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.settings import settings
from ui.formatting import size

ENDINGS = ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "arrow", "gz", "zst")
_UPLOAD = "import_upload_copy"
_LARGEST_MB = 64


@dataclass
class Copy:
    """An upload on disk. The folder goes when this object does: with the next upload, or the visitor's session."""

    file_id: str
    folder: tempfile.TemporaryDirectory[str]
    path: Path


def choose() -> Path | None:
    """The file to import, once there is one."""
    upload, inbox = "Upload a file", "From the inbox folder"
    source = st.segmented_control("Source", [upload, inbox], default=upload, required=True, key="import_source")
    return _uploaded() if source == upload else _from_inbox()


def let_go() -> None:
    """Remove the copy of the upload, and empty the field it came from."""
    _drop_copy()
    st.session_state["import_number"] = st.session_state.get("import_number", 0) + 1


def _drop_copy() -> None:
    copy: Copy | None = st.session_state.pop(_UPLOAD, None)
    if copy is not None:
        copy.folder.cleanup()


def _uploaded() -> Path | None:
    upload = st.file_uploader(
        f"A CSV, JSON, JSONL, Parquet or Arrow file of up to {_LARGEST_MB} MB, also packed as .gz or .zst",
        type=list(ENDINGS),
        key=f"import_file_{st.session_state.get('import_number', 0)}",
        max_upload_size=_LARGEST_MB,
    )
    if upload is None:
        _drop_copy()
        return None
    return _copied(upload).path


def _copied(upload: Any) -> Copy:
    copy: Copy | None = st.session_state.get(_UPLOAD)
    if copy is None or copy.file_id != upload.file_id:
        _drop_copy()
        folder = tempfile.TemporaryDirectory(prefix="whetstone-upload-")
        # Its own name, because the import keeps it; never its own path.
        path = Path(folder.name) / (Path(upload.name.replace("\\", "/")).name[-120:] or "upload")
        path.write_bytes(upload.getbuffer())
        copy = st.session_state[_UPLOAD] = Copy(upload.file_id, folder, path)
    return copy


def inbox() -> Path:
    return settings().home / "inbox"


def _from_inbox() -> Path | None:
    folder = inbox()
    files = sorted(_files(folder), key=lambda file: file.name) if folder.is_dir() else []
    if not files:
        st.text("For files of any size: put them into this folder on the computer that runs Whetstone.")
        st.code(str(folder), language=None, wrap_lines=True)
        st.button("Look again", key="import_look_again", icon=":material/refresh:")
        return None
    return st.selectbox(
        "File in the inbox",
        files,
        key="import_inbox_file",
        format_func=_named,
    )


def _named(file: Path) -> str:
    """With its size, unless it went a moment ago: then the import says so."""
    try:
        return f"{file.name} ({size(file.stat().st_size)})"
    except OSError:
        return file.name


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file() and file.suffix.lstrip(".").lower() in ENDINGS]
