"""`job.json`: what a training job is. Paths are absolute, or relative to the job's folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

#: Exit codes besides 0. 75: stopped with a checkpoint, start it again to go on. 73: another trainer has this folder.
FAILED, BUSY, STOPPED = 1, 73, 75


class JobRefused(Exception):
    """The job cannot be done; the message says why, and what to do. `code` is for programs.

    Codes: job_wrong, base_missing, base_wrong, data_wrong, too_long, device_missing, changed, no_memory, diverged,
    not_supported.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Lora:
    """The adapter's form."""

    r: int = 8
    alpha: float = 16
    dropout: float = 0.0
    #: Names of modules, or "all-linear".
    target_modules: str | list[str] = "all-linear"


@dataclass(frozen=True)
class Job:
    """A job as it stands in `job.json`."""

    #: A folder with config.json, weights and tokenizer; with `hub`, a hub's id.
    base: str
    #: JSON lines of {"messages": [{"role", "content"}, …]}.
    train: str
    val: str | None = None
    engine: str = "trl"
    seed: int = 0
    epochs: float = 3
    learning_rate: float = 2e-4
    #: Rows a step and process; times `grad_accum`.
    batch_size: int = 4
    grad_accum: int = 1
    #: Tokens a row; what is beyond is cut off.
    max_length: int = 1024
    warmup_steps: int = 5
    save_steps: int = 50
    eval_steps: int = 50
    log_steps: int = 5
    #: None: as many as torch takes. The same number gives the same bytes.
    threads: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    lora: Lora = field(default_factory=Lora)
    #: The base is a hub's id, and may be downloaded. Otherwise no hub is ever asked.
    hub: bool = False
    #: For tests: milliseconds to wait after each step.
    slow_ms: int = 0


_NUMBERS: Mapping[str, tuple[float, float]] = {
    "epochs": (0.01, 1_000), "learning_rate": (1e-8, 1), "batch_size": (1, 4_096), "grad_accum": (1, 4_096),
    "max_length": (8, 1_048_576), "warmup_steps": (0, 1_000_000), "save_steps": (1, 1_000_000),
    "eval_steps": (1, 1_000_000), "log_steps": (1, 1_000_000), "threads": (1, 1_024), "seed": (0, 2**32 - 1),
    "slow_ms": (0, 60_000), "lora.r": (1, 1_024), "lora.alpha": (0.001, 65_536), "lora.dropout": (0, 0.99),
}  # fmt: skip
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "engine": ("trl", "plain"), "dtype": ("auto", "float32", "bfloat16"), "device": ("auto", "cpu", "cuda"),
}  # fmt: skip
_FRACTIONS = {"epochs", "learning_rate", "lora.alpha", "lora.dropout"}
_MAY_BE_NONE = {"val", "threads"}


def read(folder: Path) -> Job:
    """Return the job of a folder, checked. Raises `JobRefused`."""
    path = folder / "job.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise JobRefused("job_wrong", f"There is no {path}; write the job there first.") from None
    except ValueError as error:
        raise JobRefused("job_wrong", f"{path} is not JSON: {error}.") from None
    job = parse(values)
    inside = {"train": _path(folder, job.train), "val": job.val and _path(folder, job.val)}
    return replace(job, **inside, base=job.base if job.hub else _path(folder, job.base))


def parse(values: Any) -> Job:
    """Return a job from JSON values. Raises `JobRefused` naming the first that is wrong."""
    if not isinstance(values, dict):
        raise JobRefused("job_wrong", "job.json has to be an object.")
    lora = values.get("lora", {})
    if not isinstance(lora, dict):
        raise JobRefused("job_wrong", "lora in job.json has to be an object.")
    _check_names(values, Job, "")
    _check_names(lora, Lora, "lora.")
    for name in ("base", "train"):
        if not values.get(name):
            raise JobRefused("job_wrong", f"job.json does not say {name}.")
    for name, value in [*values.items(), *((f"lora.{name}", value) for name, value in lora.items())]:
        _check(name, value)
    return Job(**{**values, "lora": Lora(**lora)})


def _check_names(values: Mapping[str, Any], of: type, prefix: str) -> None:
    known = [each.name for each in fields(of)]
    for name in values:
        if name not in known:
            raise JobRefused(
                "job_wrong", f"job.json has {prefix}{name}, which is unknown; known are: {', '.join(known)}."
            )


def _check(name: str, value: Any) -> None:
    if value is None and name in _MAY_BE_NONE:
        return
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise JobRefused("job_wrong", f"{name} is {value!r}; it can be {', '.join(_CHOICES[name])}.")
    elif name in _NUMBERS:
        kinds = (int, float) if name in _FRACTIONS else (int,)
        least, most = _NUMBERS[name]
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            kind = "a number" if name in _FRACTIONS else "a whole number"
            raise JobRefused("job_wrong", f"{name} is {value!r}; it has to be {kind} from {least:g} to {most:g}.")
    elif name == "hub":
        if not isinstance(value, bool):
            raise JobRefused("job_wrong", "hub has to be true or false.")
    elif name == "lora.target_modules":
        names = [value] if isinstance(value, str) else value
        if not (isinstance(names, list) and names and all(isinstance(each, str) and each for each in names)):
            raise JobRefused("job_wrong", "lora.target_modules has to be all-linear or a list of names of modules.")
    elif name != "lora" and not isinstance(value, str):
        raise JobRefused("job_wrong", f"{name} is {value!r}; it has to be text.")


def _path(folder: Path, name: str) -> str:
    return str((folder / name).absolute())
