"""A training from its start to its result. Imported late: its libraries take seconds."""

# pyright: reportMissingImports=false

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

import base as bases
import engines
import memory
import origin
import rendering
from job import STOPPED, Job
from progress import Progress, is_first
from rows import Row, refuse_endless
from stopping import Stopping
from watching import Interrupted

_WEIGHTS = "adapter_model.safetensors"


def run(
    folder: Path,
    job: Job,
    base_hash: str,
    train: list[Row],
    val: list[Row] | None,
    progress: Progress,
    stopping: Stopping,
    began: float,
) -> int:
    """Train, or go on from the newest checkpoint; the exit code. `began`: when the process did (time.time())."""
    imported_s = time.time() - began
    set_seed(job.seed)
    base = bases.load(job)
    if is_first():
        base.model.config.save_pretrained(folder / "base_config")
    trainer = engines.trainer_of(job, base, train, val, folder / "out", progress, stopping)
    refuse_endless(base.reader, train, job.max_length)
    checkpoint = newest_checkpoint(folder / "out")
    facts = _facts(job, base, base_hash, trainer)
    progress.tell(
        "start",
        pid=os.getpid(),
        resume_from=checkpoint.name if checkpoint else None,
        import_s=round(imported_s, 2),
        ready_s=round(time.time() - began, 2),
        **facts,
    )
    try:
        before = _before(trainer, progress, checkpoint)
        set_seed(job.seed)  # whether the validation rows were measured before must not matter
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if trainer.state.global_step < trainer.state.max_steps:
            raise Interrupted
        after = _after(trainer)
    except Interrupted:
        progress.tell(
            "stopped",
            step=trainer.state.global_step,
            max_steps=trainer.state.max_steps,
            by=stopping.reason or "another process",
        )
        stopping.obeyed()
        return STOPPED
    if is_first():
        result = {**_result(trainer, before, after, began), **facts}
        _write(folder, job, trainer, base, result)
        progress.tell("done", **json.loads((folder / "result.json").read_text(encoding="utf-8")))
    return 0


def newest_checkpoint(out: Path) -> Path | None:
    """Return the newest that is whole: its state is written last."""
    found = {
        int(number): path
        for path in out.glob("checkpoint-*")
        if (number := path.name.rpartition("-")[2]).isdigit()
        and (path / "trainer_state.json").exists()
        and (path / _WEIGHTS).exists()
    }
    return found[max(found)] if found else None


def _facts(job: Job, base: bases.Base, base_hash: str, trainer: Any) -> dict[str, Any]:
    parameters = list(trainer.model.parameters())
    trainable = sum(each.numel() for each in parameters if each.requires_grad)
    return {
        "base_hash": base_hash,
        "base_commit": getattr(base.model.config, "_commit_hash", None),
        "template_hash": origin.hash_of_template(base.tokenizer),
        "engine": job.engine,
        "seed": job.seed,
        "way": base.reader.way,
        "device": base.device,
        "dtype": str(base.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "processes": trainer.args.world_size,
        "trainable": trainable,
        "parameters": sum(each.numel() for each in parameters) - trainable,
        "train_rows": len(trainer.train_dataset),
        "val_rows": len(trainer.eval_dataset or ()),
        "left_out": trainer.left_out,  # chats with tools of which the base's template knows nothing
        "versions": origin.versions(),
    }


def _before(trainer: Any, progress: Progress, checkpoint: Path | None) -> dict[str, float]:
    """Return the validation rows before anything was learned; of a training that goes on, what was measured then."""
    if not trainer.eval_dataset:
        return {}
    told = [each for each in progress.events() if each.get("step") == 0 and "eval_loss" in each]
    return told[0] if checkpoint and told else trainer.measure()


def _after(trainer: Any) -> dict[str, float]:
    if not trainer.eval_dataset:
        return {}
    step, values = trainer.measured or (-1, {})
    return values if step == trainer.state.global_step else trainer.measure()


def _result(trainer: Any, before: dict[str, float], after: dict[str, float], began: float) -> dict[str, Any]:
    losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    return {
        "steps": trainer.state.global_step,
        "tokens": trainer.state.num_input_tokens_seen,
        "epochs": trainer.state.epoch,
        "train_loss_first": losses[0] if losses else None,
        "train_loss_last": losses[-1] if losses else None,
        "eval_loss_before": before.get("eval_loss"),
        "eval_loss_after": after.get("eval_loss"),
        "eval_accuracy_before": before.get("eval_accuracy"),
        "eval_accuracy_after": after.get("eval_accuracy"),
        # Of the last start alone.
        "seconds": round(time.time() - began, 2),
        "cpu_s": round(time.process_time(), 2),
        "peak_memory_bytes": memory.peak_bytes(),
        "peak_gpu_bytes": memory.peak_gpu_bytes(),
    }


def _write(folder: Path, job: Job, trainer: Any, base: bases.Base, result: dict[str, Any]) -> None:
    """Write the adapter, then, when that is whole, the result."""
    unfinished, adapter = folder / "adapter.part", folder / "adapter"
    shutil.rmtree(unfinished, ignore_errors=True)
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(unfinished)
    base.tokenizer.save_pretrained(unfinished)
    _make_portable(unfinished, job)
    rendering.write(unfinished, rendering.made(base.reader, taught=True))  # what teaches no end was refused
    shutil.rmtree(adapter, ignore_errors=True)
    unfinished.replace(adapter)
    result["adapter_sha256"] = origin.sha256(adapter / _WEIGHTS)
    written = folder / "result.part"
    written.write_text(json.dumps(result, indent=1), encoding="utf-8")
    written.replace(folder / "result.json")


def _make_portable(adapter: Path, job: Job) -> None:
    """No path of this machine, and the same bytes for the same adapter: PEFT writes a set of names in any order."""
    (adapter / "README.md").unlink(missing_ok=True)  # names the base by its path
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = job.base if job.hub else Path(job.base).name
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
