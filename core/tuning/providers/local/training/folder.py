"""A job's folder, ready for its trainer: the records, the program, and job.json."""

from pathlib import Path
from typing import Any

from core.tuning.providers.data import Files
from core.tuning.providers.local import places
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.runners import folders

_PARTS = 100
_EVALUATIONS = 20
_LONGEST_WARMUP = 100


def prepare(folder: Path, chosen: Chosen, base: Path, files: Files, examples: int) -> None:
    """Everything a trainer needs; job.json last, so that it is there only with all the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    places.lay_program(folder)
    train = places.lay_file(files.train, folder)
    validation = places.lay_file(files.validation, folder) if files.validation else None
    folders.write_json(folder / "job.json", job(chosen, base, train, validation, examples))


def job(chosen: Chosen, base: Path, train: Path, validation: Path | None, examples: int) -> dict[str, Any]:
    """Return what the trainer is told. Records are named as they lie in the folder."""
    steps = chosen.steps(examples)
    return {
        "base": str(base),
        "train": train.name,
        "val": validation.name if validation else None,
        "engine": chosen.engine,
        "seed": chosen.seed,
        "epochs": chosen.epochs,
        "learning_rate": chosen.learning_rate,
        "batch_size": chosen.batch_size,
        "grad_accum": chosen.gradient_accumulation,
        "max_length": chosen.max_length,
        # A short climb, so that the first steps, which know nothing yet, do not go far.
        "warmup_steps": min(max(1, steps // 33), _LONGEST_WARMUP),
        "save_steps": chosen.checkpoint_every,
        "eval_steps": max(1, steps // _EVALUATIONS),
        "log_steps": max(1, steps // _PARTS),
        "threads": chosen.threads or None,
        "dtype": chosen.precision,
        "device": chosen.device,
        "lora": {
            "r": chosen.rank,
            "alpha": chosen.alpha,
            "dropout": chosen.dropout,
            "target_modules": "all-linear",
        },
        "hub": False,
    }
