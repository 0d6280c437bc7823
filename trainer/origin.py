"""What a training depends on: remembered with it, and compared when it goes on."""

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from base import template_of, weights
from job import Job, JobRefused

_LIBRARIES = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "safetensors", "tokenizers")
_DESCRIBES_BASE = ("config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja")
_SAID = {"base": "the base", "train": "the training records", "val": "the validation records", "job": "job.json"}


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_base(job: Job) -> str:
    """Of the weights and what describes them; of a hub's model, which is not here yet, its id."""
    if job.hub:
        return f"hub:{job.base}"
    folder = Path(job.base)
    files = [*weights(folder), *(folder / name for name in _DESCRIBES_BASE if (folder / name).is_file())]
    lines = [f"{path.name} {sha256(path)}\n" for path in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def hash_of_template(tokenizer: Any) -> str:
    """Return the hash of the chat template."""
    return hashlib.sha256((template_of(tokenizer) or "").encode()).hexdigest()


def versions() -> dict[str, str]:
    """Of everything that has a say in the result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # TRL, where the engine is the plain one
            continue
    return found


def unchanged(folder: Path, job: Job, base_hash: str) -> None:
    """Remember what the training began with, or compare. Raises `JobRefused` when it is something else by now."""
    written = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    # Neither has a say in what is learned.
    wanted = {name: value for name, value in written.items() if name not in ("slow_ms", "base", "train", "val")}
    now = {
        "base": base_hash,
        "train": sha256(Path(job.train)),
        "val": sha256(Path(job.val)) if job.val else None,
        "job": hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest(),
    }
    path = folder / "inputs.json"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(now), encoding="utf-8")
        unfinished.replace(path)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [_SAID[name] for name in now if now[name] != before.get(name)]
    if changed and any(folder.glob("out/checkpoint-*")):
        raise JobRefused("changed", f"Since this training began, {' and '.join(changed)} changed; begin a new job.")
    path.write_text(json.dumps(now), encoding="utf-8")
