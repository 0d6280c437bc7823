"""Three real steps of a training, timed before it starts, with the base's own count of tokens."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.local import places
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.runners import folders
from core.tuning.providers.local.runners.local import LocalRunner
from core.tuning.providers.local.training import folder as job_folder
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import Estimate, NotSubmitted, Obstacle

#: How long a measurement is true: the machine does other things later.
_TRUE_FOR_S = 3_600.0
#: What the trainer's reasons are called here.
_CODES = {
    "too_long": "too_long", "no_memory": "no_memory", "device_missing": "setting_wrong", "no_trainer": "no_trainer",
    "base_missing": "base_missing", "base_wrong": "base_missing",
}  # fmt: skip


@dataclass(frozen=True)
class Probed:
    """What a probe found."""

    obstacles: tuple[Obstacle, ...]
    estimate: Estimate


def unmeasured(chosen: Chosen, data: DataFacts, basis: str) -> Estimate:
    """Return what is known without measuring: tokens, by another counting."""
    return Estimate(data.tokens_train * chosen.epochs, Decimal(0), Decimal(0), None, basis)


def probe(chosen: Chosen, data: DataFacts, files: Files, base: Path, *, python: str, settings: Settings) -> Probed:
    """Time three steps, or take what was measured within the last hour."""
    try:
        found = _measure(chosen, data, files, base, python, settings)
    except NotSubmitted as refused:
        code: Any = _CODES.get(refused.code, "other")
        remedy = refused.advice or "Correct what the trainer says, and check again."
        words = "It cannot be measured."
        return Probed((Obstacle(code, str(refused), remedy),), unmeasured(chosen, data, words))
    if found is None:
        words = "Another training runs on this machine, and is not disturbed; this one is measured when it is done."
        return Probed((), unmeasured(chosen, data, words))
    return Probed(tuple(_obstacles(found, data, chosen)), _estimate(found, chosen))


def _measure(
    chosen: Chosen, data: DataFacts, files: Files, base: Path, python: str, settings: Settings
) -> dict[str, Any] | None:
    """Return what was measured within the hour, or is now; None: the machine trains something else."""
    home = settings.home.absolute() / "tuning" / "probes"
    home.mkdir(parents=True, exist_ok=True)
    note = home / f"{_name(chosen, data, base, python)}.json"
    if (known := _known(note)) is not None:
        return known
    if LocalRunner(places.device(settings)).is_busy():
        return None
    with tempfile.TemporaryDirectory(dir=home, prefix=".probe-") as room:
        job_folder.prepare(Path(room), chosen, base, files, data.train)
        found = programs.run(python, Path(room) / "trainer" / "probe.py", room)
    folders.write_json(note, found)
    for path in home.iterdir():
        if time.time() - path.stat().st_mtime > _TRUE_FOR_S:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return found


def _known(note: Path) -> dict[str, Any] | None:
    try:
        return (
            json.loads(note.read_text(encoding="utf-8")) if time.time() - note.stat().st_mtime < _TRUE_FOR_S else None
        )
    except (OSError, ValueError):
        return None


def _name(chosen: Chosen, data: DataFacts, base: Path, python: str) -> str:
    weights = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(base.glob("*.safetensors"))]
    what = [vars(chosen), data.root_hash, str(base), weights, python]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


def _obstacles(found: dict[str, Any], data: DataFacts, chosen: Chosen) -> Iterator[Obstacle]:
    if found.get("refusal"):
        yield Obstacle("no_memory", found["refusal"], "Choose a smaller base, batch or longest example.")
    if gone := found.get("left_out", 0):
        yield Obstacle(
            "other",
            f"{gone:,} examples of {data.label} have tools, which the chat template of this base does not know; they "
            "are left out.",
            "Choose a base that was made for tools, to learn from them, too.",
            blocks=False,
        )
    cut, dropped = found.get("rows_cut", 0), found.get("rows_dropped", 0)
    if cut:
        lost = f" {dropped:,} of them are left out, because nothing of the answer is left." if dropped else ""
        yield Obstacle(
            "too_long",
            f"{cut:,} of {found['rows'] + dropped:,} examples of {data.label} have more than {chosen.max_length:,} "
            f"tokens; the longest has {found['longest_tokens']:,}; the rest of them is cut off.{lost}",
            f"Raise the longest example to {found['longest_tokens']:,}, or exclude long ones.",
            blocks=False,
        )


def _estimate(found: dict[str, Any], chosen: Chosen) -> Estimate:
    tokens = found.get("tokens_an_epoch")
    whole = None if tokens is None else tokens * chosen.epochs
    if found.get("seconds") is None:
        return Estimate(whole, Decimal(0), Decimal(0), None, "Tokens were counted by the base; no step was timed.")
    basis = (
        f"Three real steps on {found.get('device') or 'this machine'} ({found['tokens_per_s']:,.0f} tokens/s), for all "
        f"{found['steps']:,}; {found['tokens']:,} tokens by the base's own counting, {found['assistant_tokens']:,} of "
        "them learned."
    )
    if chosen.gpus > 1:
        basis += f" Measured on one device; on {chosen.gpus} it takes less."
    return Estimate(whole, Decimal(0), Decimal(0), float(found["seconds"]), basis)
