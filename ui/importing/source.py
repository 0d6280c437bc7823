"""Where the file of an import comes from: an upload, or the inbox folder for files too big to upload."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.settings import get_settings
from ui.parts.formatting import size

ENDINGS = ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "arrow", "feather", "gz", "zst", "zip")
_UPLOAD = "import_upload_copy"
_LARGEST_MB = 64


@dataclass
class Copies:
    """Uploads on disk. The folder goes when this object does: with the next upload, or the visitor's session."""

    file_ids: tuple[str, ...]
    folder: tempfile.TemporaryDirectory[str]
    paths: list[Path]


def choose() -> list[Path]:
    """The files to import as one, once there are some."""
    upload, inbox = "Upload files", "From the inbox folder"
    source = st.segmented_control("Source", [upload, inbox], default=upload, required=True, key="import_source")
    return _uploaded() if source == upload else _from_inbox()


def let_go() -> None:
    """Remove the copy of the upload, and empty the field it came from."""
    _drop_copy()
    st.session_state["import_number"] = st.session_state.get("import_number", 0) + 1


def _drop_copy() -> None:
    copies: Copies | None = st.session_state.pop(_UPLOAD, None)
    if copies is not None:
        copies.folder.cleanup()


def _uploaded() -> list[Path]:
    uploads = st.file_uploader(
        f"CSV, JSON, JSONL, Parquet or Arrow files of up to {_LARGEST_MB} MB each, also packed as .gz, .zst or .zip",
        type=list(ENDINGS),
        accept_multiple_files=True,
        key=f"import_file_{st.session_state.get('import_number', 0)}",
        max_upload_size=_LARGEST_MB,
        help="Several files come in as one import: all of them or none, with one undo.",
    )
    if not uploads:
        _drop_copy()
        return []
    return _copied(uploads).paths


def _copied(uploads: Sequence[Any]) -> Copies:
    copies: Copies | None = st.session_state.get(_UPLOAD)
    ids = tuple(upload.file_id for upload in uploads)
    if copies is None or copies.file_ids != ids:
        _drop_copy()
        folder = tempfile.TemporaryDirectory(prefix="whetstone-upload-")
        paths = [_written(Path(folder.name) / str(number), upload) for number, upload in enumerate(uploads)]
        copies = st.session_state[_UPLOAD] = Copies(ids, folder, paths)
    return copies


def _written(folder: Path, upload: Any) -> Path:
    """A file in a folder of its own, because two may have the same name."""
    folder.mkdir()
    # Its own name, because the import keeps it; never its own path.
    path = folder / (Path(upload.name.replace("\\", "/")).name[-120:] or "upload")
    path.write_bytes(upload.getbuffer())
    return path


def inbox() -> Path:
    return get_settings().home / "inbox"


def _from_inbox() -> list[Path]:
    folder = inbox()
    files = sorted(_files(folder), key=lambda file: file.name) if folder.is_dir() else []
    if not files:
        st.text("For files of any size: put them into this folder on the computer that runs Whetstone.")
        st.code(str(folder), language=None, wrap_lines=True)
        st.button("Look again", key="import_look_again", icon=":material/refresh:")
        return []
    return st.multiselect(
        "Files in the inbox",
        files,
        default=files[:1],
        key="import_inbox_files",
        format_func=_named,
        help="Several files come in as one import: all of them or none, with one undo.",
    )


def _named(file: Path) -> str:
    """With its size, unless it went a moment ago: then the import says so."""
    try:
        return f"{file.name} ({size(file.stat().st_size)})"
    except OSError:
        return file.name


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file() and file.suffix.lstrip(".").lower() in ENDINGS]
