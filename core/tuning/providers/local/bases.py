"""Bases: models of the user's Ollama, folders, and what a hub has; each becomes a folder that can be trained.

Of an Ollama model the file with its weights is read and made plain once; the folder is kept under its hash.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.tuning.providers.local import shapes
from core.tuning.providers.local.ollama.client import Shown
from core.tuning.providers.local.runners import folders
from core.tuning.providers.local.shapes import ModelShape
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import NotSubmitted, ReportProgress

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+\Z")
#: Where Ollama keeps its files, when it names a place that is not seen from here, as one in a container does.
_STORES = (Path.home() / ".ollama/models/blobs", Path("/usr/share/ollama/.ollama/models/blobs"))
#: Larger ones are made plain with two bytes a number, which is more than what they come from has.
_LARGE = 3_000_000_000
UNREADABLE = (
    "Run Whetstone on Ollama's machine, as a user who may read its models; or choose a folder or a hub's model."
)


@dataclass(frozen=True)
class Base:
    """What a job is trained on, by name."""

    kind: Literal["ollama", "folder", "hub"]
    #: The tag, the path, or the hub's id.
    name: str

    @classmethod
    def parse(cls, text: str) -> "Base":
        """`ollama:tag`, `hub:org/name`, or a folder's path. Raises `NotSubmitted`."""
        kind, _, name = text.partition(":")
        if kind == "ollama" and name and name.isprintable() and " " not in name:
            return cls("ollama", name if ":" in name else f"{name}:latest")
        if kind == "hub" and _HUB_ID.match(name):
            return cls("hub", name)
        path = Path(text.removeprefix("folder:")).expanduser()
        if path.is_absolute():
            return cls("folder", str(path))
        raise NotSubmitted(
            f"{text!r} names no base.",
            code="base_missing",
            advice="Enter ollama:TAG, hub:ORG/NAME, or an absolute folder path.",
        )


@dataclass(frozen=True)
class Resolved:
    """A base as a folder that the trainer reads, and what it is."""

    folder: Path
    #: sha256 of the file it was made of, the hub's commit, or "" for a folder of the user's.
    digest: str
    #: The model of Ollama on which an adapter can be put; "" where there is none.
    tag: str


def shape_of(base: Base, shown: Shown | None, store: Path) -> ModelShape | None:
    """How large it is, as far as that is known without loading it."""
    if base.kind == "ollama":
        return shapes.of_facts(shown.facts) if shown else None
    config = shapes.config_in(Path(base.name)) if base.kind == "folder" else _config_of_hub(base, store)
    return shapes.of_config(config) if config else None


def _config_of_hub(base: Base, store: Path) -> dict[str, Any] | None:
    kept = kept_hub(base, store)
    return shapes.config_in(kept.folder) if kept else None


def weights_file(shown: Shown) -> Path | None:
    """Return the file with the weights of an Ollama model, when it can be read from here."""
    if not shown.files:
        return None
    named = shown.files[0]
    for path in (named, *(store / named.name for store in _STORES)):
        with suppress(OSError), path.open("rb") as file:
            if file.read(4) == b"GGUF":
                return path
    return None


def kept(shown: Shown, store: Path, dtype: str) -> Path | None:
    """Return the folder that was made of these weights before."""
    folder = _folder(store, shown.digest, dtype) if shown.digest else None
    return folder if folder is not None and (folder / "config.json").exists() else None


def kept_hub(base: Base, store: Path) -> Resolved | None:
    """Return what was fetched of this hub model before."""
    try:
        commit = json.loads(_note(store, base).read_text(encoding="utf-8"))["commit"]
    except (OSError, ValueError, KeyError):
        return None
    folder = store / f"hub-{_safe(base.name)}-{commit[:12]}"
    return Resolved(folder, f"commit:{commit}", "") if (folder / "config.json").exists() else None


def remembered(base: Base, store: Path, dtype: str) -> Resolved | None:
    """Return what an Ollama model was when it was last seen, for while Ollama is not running."""
    try:
        digest = json.loads(_note(store, base).read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError):
        return None
    folder = _folder(store, digest, dtype)
    return Resolved(folder, digest, base.name) if (folder / "config.json").exists() else None


def dtype_of(precision: str, shape: ModelShape | None) -> str:
    """Return the numbers in which a base is kept: as they are trained, but no more than are worth it."""
    if precision == "auto":
        return "bfloat16" if shape is not None and shape.parameters > _LARGE else "float32"
    return precision


def of_ollama(
    base: Base, shown: Shown, *, store: Path, python: str, dtype: str, report_progress: ReportProgress
) -> Resolved:
    """Return the folder made of an Ollama model's weights, now or before. Raises `NotSubmitted`."""
    file = weights_file(shown)
    if not shown.digest or (file is None and kept(shown, store, dtype) is None):
        where = str(shown.files[0]) if shown.files else "Ollama names no file"
        raise NotSubmitted(
            f"The weights of {base.name} cannot be read from here ({where}).",
            code="base_missing",
            advice=UNREADABLE,
        )
    folder = _folder(store, shown.digest, dtype)
    if kept(shown, store, dtype) is None:
        assert file is not None
        report_progress("making the base's weights plain", None)
        _check_digest(file, shown.digest, report_progress)
        _make(
            folder,
            lambda new: programs.run(
                python,
                "from_gguf.py",
                file,
                new,
                dtype,
                told=lambda _: report_progress("making the base's weights plain", None),
            ),
        )
    folders.write_json(_note(store, base), {"digest": shown.digest})
    return Resolved(folder, shown.digest, base.name)


def of_hub(base: Base, *, store: Path, python: str, report_progress: ReportProgress) -> Resolved:
    """Return the folder fetched from a hub, now or before. Raises `NotSubmitted`."""
    if found := kept_hub(base, store):
        return found
    store.mkdir(parents=True, exist_ok=True)

    def told(said: Mapping[str, Any] | None) -> None:
        if said and said.get("total"):
            report_progress(f"fetching {base.name}", said["done"] / said["total"])

    commit = ""

    def fetch(new: Path) -> None:
        nonlocal commit
        commit = programs.run(python, _FETCH, base.name, new, told=told)["commit"]

    with tempfile.TemporaryDirectory(dir=store, prefix=".new-") as room:
        new = Path(room) / "base"
        fetch(new)
        folder = store / f"hub-{_safe(base.name)}-{commit[:12]}"
        _take(new, folder)
    folders.write_json(_note(store, base), {"commit": commit})
    return Resolved(folder, f"commit:{commit}", "")


_FETCH = Path(__file__).with_name("fetch.py")


def look_at_hub(base: Base, *, python: str) -> dict[str, Any]:
    """Return what a hub says of a model: its config, commit and size in bytes. Raises `NotSubmitted`."""
    return programs.run(python, _FETCH, base.name)


def _make(folder: Path, make: Callable[[Path], object]) -> None:
    """Make a folder beside, and rename: two jobs may make the same at once, and either is killed at any time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as room:
        new = Path(room) / "base"
        make(new)
        _take(new, folder)


def _take(new: Path, folder: Path) -> None:
    try:
        new.replace(folder)
    except OSError:
        if not (folder / "config.json").exists():  # another job made the same meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            new.replace(folder)


def _check_digest(file: Path, digest: str, report_progress: ReportProgress) -> None:
    """Check the hash: what is trained on has to be what answers, and a file that was damaged on disk is neither."""
    size, done, found = file.stat().st_size, 0, hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(8 << 20):
            found.update(piece)
            done += len(piece)
            report_progress("reading the base's weights", done / size)
    if f"sha256:{found.hexdigest()}" != digest:
        raise NotSubmitted(
            f"{file} is damaged: its hash is not the one it is named by.",
            code="base_missing",
            advice="Fetch the base again with `ollama pull`.",
        )


def _folder(store: Path, digest: str, dtype: str) -> Path:
    return store / f"{digest.removeprefix('sha256:')}-{dtype}"


def _note(store: Path, base: Base) -> Path:
    store.mkdir(parents=True, exist_ok=True)
    return store / f"{base.kind}-{hashlib.sha256(base.name.encode()).hexdigest()[:16]}.json"


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "--", name)
