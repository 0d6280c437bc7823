"""The folders of fine-tuning below WHETSTONE_HOME, and which machine this is."""

import socket
from pathlib import Path

from core.files import replacing


def of_job(home: Path, key: str) -> Path:
    """Return the folder of the job with this key; it exists."""
    return _made(home / "tuning" / "jobs" / key)


def of_model(home: Path, model_id: int) -> Path:
    """Return the folder of the model with this id; it exists."""
    return _made(home / "tuning" / "models" / str(model_id))


def of_files(home: Path) -> Path:
    """Where training files lie, each named by its sha256; it exists."""
    return _made(home / "tuning" / "files")


def of_facts(home: Path) -> Path:
    """Where what was counted about versions is remembered; it exists."""
    return _made(home / "tuning" / "facts")


def machine(home: Path) -> str:
    """Return the name of this machine, as jobs remember it: the one it had when the first of them was bound to it.

    A container has another name after every update, while what its jobs left on disk stays where it was.
    """
    try:
        return (home / "tuning" / "machine").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return socket.gethostname()


def bind_machine(home: Path) -> str:
    """Return the name of this machine, which from now on it keeps."""
    name = machine(home)
    file = _made(home / "tuning") / "machine"
    if not file.exists():
        with replacing(file) as out:
            out.write(name.encode())
    return name


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
