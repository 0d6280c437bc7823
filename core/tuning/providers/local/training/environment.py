"""The trainer's environment: made in WHETSTONE_HOME/trainer on first use, beside the app's own, and never imported.

trainer/env-…/         one environment; it counts once `current.json` names it
trainer/current.json   which one is used, for which device and versions
trainer/progress.json  how far an installation is, for whoever asks meanwhile
trainer/lock           held by the process that installs
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from core.errors import TrainerUnavailable
from core.settings import Settings
from core.tuning.providers.local.training import packages
from core.tuning.providers.local.training.packages import Device, Tools
from trainer.alone import Taken, alone

State = Literal["missing", "installing", "ready", "broken", "outdated"]
DEVICES: tuple[Device, ...] = get_args(Device)

#: The program that trains; it is given a job's folder.
TRAIN = packages.ROOT / "trainer" / "train.py"
PROBE = TRAIN.with_name("probe.py")
TO_GGUF = TRAIN.with_name("to_gguf.py")
FROM_GGUF = TRAIN.with_name("from_gguf.py")

#: Free space that an installation needs, with what it downloads (measured for the CPU: 1.5 GB in the end).
_ROOM = {"cpu": 3_000_000_000, "cuda": 14_000_000_000}
_INSTALL = "python -m core trainer install --device cpu (or cuda)"


@dataclass(frozen=True)
class InstallProgress:
    """How far an installation is."""

    phase: Literal["making", "planning", "downloading", "installing", "checking"]
    #: Of the whole, 0.0 to 1.0.
    share: float
    sentence: str


@dataclass(frozen=True)
class Environment:
    """What there is to train with. `sentence` says it in words, with what to do."""

    state: State
    python: Path | None
    device: Device | None
    versions: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int | None = None
    sentence: str = ""
    #: Of an installation that runs now.
    progress: InstallProgress | None = None


Tell = Callable[[InstallProgress], None]


def status(settings: Settings, *, tools: Tools | None = None) -> Environment:
    """Return what there is. Reads a small file; a Python from WHETSTONE_TRAINER_PYTHON is tried once (seconds)."""
    if settings.trainer_python is not None:
        return _given(settings, tools or Tools())
    folder = _folder(settings)
    if _is_held(folder):
        progress = InstallProgress(
            **(_read(folder / "progress.json") or asdict(InstallProgress("making", 0.0, "Making an environment.")))
        )
        return Environment("installing", None, None, sentence=progress.sentence, progress=progress)
    current = _read(folder / "current.json")
    if current is None:
        return Environment("missing", None, None, sentence=f"The trainer is not installed; run {_INSTALL}.")
    return _judged(folder, current)


def _judged(folder: Path, current: Mapping[str, Any]) -> Environment:
    """Return what `current.json` names, as it is now."""
    python = _python_of(folder / str(current.get("folder")))
    if not python.exists() or current.get("device") not in DEVICES:
        return Environment("broken", None, None, sentence=f"The trainer's environment is damaged; run {_INSTALL}.")
    facts = {
        "python": python,
        "device": current["device"],
        "versions": current["versions"],
        "size_bytes": current["size_bytes"],
    }
    if current.get("wanted") != wanted():
        said = f"The trainer was installed for another version of Whetstone; run {_INSTALL}."
        return Environment("outdated", **facts, sentence=said)
    return Environment("ready", **facts, sentence=_describe(current["device"], current["versions"]))


def install(settings: Settings, device: Device, tell: Tell, *, tools: Tools | None = None) -> Environment:
    """Make the environment, or leave it as it is when it is ready for this device. What was killed begins again.

    `tell` may raise to end it; nothing is left then. Raises `TrainerUnavailable`.
    """
    tools = tools or Tools()
    if settings.trainer_python is not None:
        raise TrainerUnavailable(
            f"WHETSTONE_TRAINER_PYTHON names {settings.trainer_python}, so nothing is installed; take the setting away "
            "to have an environment made."
        )
    if device not in DEVICES:
        raise TrainerUnavailable(f"The trainer cannot be installed for {device!r}; choose {' or '.join(DEVICES)}.")
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        current = _read(folder / "current.json")
        now = _judged(folder, current) if current else None
        if now and now.state == "ready" and now.device == device:
            return now
        told = _told(folder, tell)
        told(
            InstallProgress("making", 0.0, "Making an environment.")
        )  # first: by this others know that it is being made
        _sweep(folder, keep=current)
        free = shutil.disk_usage(folder).free
        if free < _ROOM[device]:
            raise TrainerUnavailable(
                f"The trainer for {device} needs {_ROOM[device] / 1e9:.0f} GB of disk, and {folder} has "
                f"{free / 1e9:.1f} GB free; free some, or name another folder with WHETSTONE_HOME."
            )
        made = _make(folder, device, settings.torch_index, told, tools)
        _write(folder / "current.json", made)
        _sweep(folder, keep=made)
        return _judged(folder, made)


def _make(folder: Path, device: Device, index: str | None, tell: Tell, tools: Tools) -> dict[str, Any]:
    """Return a new environment under a name of its own; what `current.json` has to say of it.

    Nothing is left of a failure.
    """
    path = folder / f"env-{device}-{wanted()[:8]}-{secrets.token_hex(3)}"
    try:
        said: list[str] = []
        if tools.make(path, said.append):
            raise TrainerUnavailable(f"This Python cannot make an environment: {' '.join(said)[-300:]}")
        python = _python_of(path)
        tell(InstallProgress("planning", 0.05, "Asking the package index what is needed."))
        found = packages.plan(tools, python, device, index)
        packages.install(tools, python, found, index, _counting(tell, len(found)))
        tell(InstallProgress("checking", 0.95, "Importing everything once."))
        facts = packages.check(tools, python)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return {
        "folder": path.name,
        "device": device,
        "versions": dict(facts.versions),
        "wanted": wanted(),
        "size_bytes": _size(path),
    }


def _counting(tell: Tell, packages_: int) -> packages.Line:
    """pip's lines as progress: it names every package as it fetches it, and then installs them all at once."""
    done = 0

    def heard(line: str) -> None:
        nonlocal done
        if found := re.match(r"(?:Collecting|Processing) (\S+)", line):
            name = re.split(r"==|-(?=\d)", found[1].rpartition("/")[2])[0]
            tell(InstallProgress("downloading", 0.1 + 0.5 * min(done / packages_, 1.0), f"Fetching {name}."))
            done += 1
        elif line.startswith("Installing collected packages"):
            tell(InstallProgress("installing", 0.65, f"Installing {packages_} packages."))

    return heard


def remove(settings: Settings) -> int:
    """Remove what `install` made; the bytes that were freed. Raises `TrainerUnavailable` while one is being made."""
    folder = _folder(settings)
    if not folder.is_dir():
        return 0
    with _alone(folder):
        freed = sum(_size(each) for each in folder.glob("env-*"))
        (folder / "current.json").unlink(missing_ok=True)
        (folder / "given.json").unlink(missing_ok=True)
        _sweep(folder, keep=None)
    return freed


def wanted() -> str:
    """Return what the environment must have been made from: a hash of the requirements and the lock."""
    return hashlib.sha256(packages.REQUIREMENTS.read_bytes() + packages.LOCK.read_bytes()).hexdigest()


def _given(settings: Settings, tools: Tools) -> Environment:
    """Return the Python that the setting names. That it has everything is remembered until it or the lock changes."""
    python = settings.trainer_python
    assert python is not None
    if not python.exists():
        said = f"WHETSTONE_TRAINER_PYTHON names {python}, which does not exist; correct it, or take it away."
        return Environment("broken", None, None, sentence=said)
    beside = [python, *sorted(python.parent.parent.glob("[lL]ib/python3*/site-packages"))]
    changed_ns = [each.stat().st_mtime_ns for each in beside]  # the interpreter, and the packages beside it
    key = {"python": str(python), "changed": changed_ns, "wanted": wanted()}
    remembered = _read(_folder(settings) / "given.json")
    if remembered is None or any(remembered.get(name) != value for name, value in key.items()):
        try:
            facts = packages.check(tools, python)
        except TrainerUnavailable as error:
            said = f"{error} WHETSTONE_TRAINER_PYTHON names it; install requirements-train.txt there, or correct it."
            return Environment("broken", None, None, sentence=said)
        remembered = {**key, "versions": dict(facts.versions), "device": facts.device}
        _folder(settings).mkdir(parents=True, exist_ok=True)
        _write(_folder(settings) / "given.json", remembered)
    versions, device = remembered["versions"], remembered["device"]
    return Environment("ready", python, device, versions, None, _describe(device, versions))


def _describe(device: Device, versions: Mapping[str, str]) -> str:
    where = "an NVIDIA GPU" if device == "cuda" else "the CPU"
    return f"Trains on {where}: torch {versions.get('torch')}, TRL {versions.get('trl')}."


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with _held(folder):
        try:
            yield
        finally:
            (folder / "progress.json").unlink(missing_ok=True)


def _held(folder: Path) -> BinaryIO:
    for _ in range(5):  # whoever asks for the status holds it for a moment
        try:
            return alone(folder)
        except Taken:
            time.sleep(0.1)
    raise TrainerUnavailable("The trainer is being installed at this moment; wait until that is done.")


def _is_held(folder: Path) -> bool:
    """Whether somebody installs now; asked by taking the lock for a moment, where there is one."""
    if not (folder / "progress.json").exists():
        return False
    try:
        alone(folder).close()
    except Taken:
        return True
    return False


def _told(folder: Path, tell: Tell) -> Tell:
    """Tells the caller, and whoever asks for the status meanwhile."""

    def both(progress: InstallProgress) -> None:
        _write(folder / "progress.json", asdict(progress))
        tell(progress)

    return both


def _sweep(folder: Path, *, keep: Mapping[str, Any] | None) -> None:
    """Remove environments that are not used: of installations that were killed, and of before."""
    for path in folder.glob("env-*"):
        if keep is None or path.name != keep.get("folder"):
            shutil.rmtree(path, ignore_errors=True)


def _folder(settings: Settings) -> Path:
    return settings.home.absolute() / "trainer"


def _python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _size(folder: Path) -> int:
    return sum(Path(at, name).lstat().st_size for at, _, names in os.walk(folder) for name in names)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, value: Mapping[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(json.dumps(value), encoding="utf-8")
    unfinished.replace(path)
