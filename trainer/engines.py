"""The two engines behind one job: TRL, and Transformers' own Trainer as fallback and as a check of the curve."""

# pyright: reportMissingImports=false

import os
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback

from base import Base
from job import Job, JobRefused
from progress import Progress
from rows import IGNORED, NO_WORDS, Row, is_learned, is_special
from stopping import Stopping
from watching import Measured, Watch


def trainer_of(
    job: Job,
    base: Base,
    train: list[Row],
    val: list[Row] | None,
    out: Path,
    progress: Progress,
    stopping: Stopping,
    **other: Any,
) -> Any:
    """Return a trainer with the base, a new adapter and the rows of these chats. `other`: arguments of the engine."""
    chats, asked = base.reader.kept(train), base.reader.kept(val) if val else None
    if not chats:
        raise JobRefused("data_wrong", NO_WORDS)
    rows, held_out = base.reader.rows(chats), base.reader.rows(asked) if asked else None
    # TRL reads chats by itself, but knows no weights, and one schema for all tools: it gets tokens then.
    if job.engine == "trl" and any(is_special(chat) for chat in [*chats, *(asked or ())]):
        rows, held_out = _encoded(job, base, rows), _encoded(job, base, held_out) if held_out else None
    build = _trl if job.engine == "trl" else _plain
    arguments = {**_arguments(job, base, out, bool(val)), **other}
    trainer = build(job, base, arguments, rows, held_out, Watch(job, progress, stopping))
    trainer.stopping = stopping
    trainer.left_out = len(train) - len(chats)
    trainer.remove_callback(PrinterCallback)  # the events say it all
    if len(trainer.train_dataset) == 0:
        raise JobRefused("too_long", f"No answer begins within the first {job.max_length} tokens; allow longer rows.")
    return trainer


def _arguments(job: Job, base: Base, out: Path, measures: bool) -> dict[str, Any]:
    """Every default that would turn something on by itself is said: TRL's are others than Transformers'."""
    on_gpu = base.device == "cuda"
    return {
        "output_dir": str(out),
        "seed": job.seed,
        "data_seed": job.seed,
        "num_train_epochs": job.epochs,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": job.warmup_steps,
        "per_device_train_batch_size": job.batch_size,
        "per_device_eval_batch_size": job.batch_size,
        "gradient_accumulation_steps": job.grad_accum,
        "optim": "adamw_torch",
        "logging_steps": job.log_steps,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": job.save_steps,
        "save_total_limit": 2,
        "eval_strategy": "steps" if measures else "no",
        "eval_steps": job.eval_steps,
        "include_num_input_tokens_seen": "non_padding",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "bf16": on_gpu and base.dtype == torch.bfloat16,
        "fp16": False,
        "use_cpu": not on_gpu,
        "activation_checkpointing": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": on_gpu,
        "ddp_find_unused_parameters": False,
        **({"ddp_backend": "nccl" if on_gpu else "gloo"} if int(os.environ.get("WORLD_SIZE", "1")) > 1 else {}),
    }


def _adapter(job: Job) -> LoraConfig:
    return LoraConfig(
        r=job.lora.r,
        lora_alpha=job.lora.alpha,
        lora_dropout=job.lora.dropout,
        target_modules=job.lora.target_modules,
        task_type="CAUSAL_LM",
        bias="none",
    )


def _trl(job: Job, base: Base, arguments: dict[str, Any], train: list[Row], val: list[Row] | None, watch: Watch) -> Any:
    from datasets import Dataset, disable_progress_bars  # pyright: ignore[reportAttributeAccessIssue]
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    learned = "assistant_only_loss" if base.reader.template else "completion_only_loss"
    asked = {} if train and "labels" in train[0] else {learned: True}
    trainer_class: Any = type("Trainer", (Measured, SFTTrainer), {})
    return trainer_class(
        model=base.model,
        args=SFTConfig(**arguments, max_length=job.max_length, packing=False, **asked),
        processing_class=base.tokenizer,
        peft_config=_adapter(job),
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(val) if val else None,
        callbacks=[watch],
    )


def _plain(
    job: Job, base: Base, arguments: dict[str, Any], train: list[Row], val: list[Row] | None, watch: Watch
) -> Any:
    from transformers import Trainer, TrainingArguments

    trainer_class: Any = type("Trainer", (Measured, Trainer), {})
    return trainer_class(
        model=get_peft_model(base.model, _adapter(job)),
        args=TrainingArguments(**arguments, remove_unused_columns=False),
        data_collator=lambda rows: _padded(rows, base.tokenizer.pad_token_id),
        train_dataset=_encoded(job, base, train),
        eval_dataset=_encoded(job, base, val) if val else None,
        processing_class=base.tokenizer,
        callbacks=[watch],
    )


def _encoded(job: Job, base: Base, rows: list[Row]) -> list[Row]:
    return [row for row in (base.reader.encode(each, job.max_length) for each in rows) if is_learned(row)]


def _padded(rows: list[Row], pad: int) -> dict[str, torch.Tensor]:
    """Rows as one rectangle: (rows, tokens of the longest)."""
    longest = max(len(row["input_ids"]) for row in rows)

    def filled(values: list[list[int]], filler: int) -> torch.Tensor:
        return torch.tensor([each + [filler] * (longest - len(each)) for each in values])

    return {
        "input_ids": filled([row["input_ids"] for row in rows], pad),
        "labels": filled([row["labels"] for row in rows], IGNORED),
        "attention_mask": filled([[1] * len(row["input_ids"]) for row in rows], 0),
    }
