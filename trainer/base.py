"""The base model: found, loaded, and where it computes."""

# pyright: reportMissingImports=false

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job import Job, JobRefused
from rows import Reader, has_marks

#: Three conversations by which two templates, or the trainer and a server, are compared: with a system prompt,
#: with a former answer, and with what a template could trim, escape or take for a mark.
CONVERSATIONS: Mapping[str, list[dict[str, str]]] = {
    "with a system prompt": [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "with a former answer": [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "And of Japan?"},
    ],
    "with special characters": [
        {"role": "user", "content": "  Größe: 3 × 5 µm,\n\n\t\"naïve\" & <b>'bold'</b> {x} 日本語 🙂 \\n"},
    ],
}


def quiet_libraries(job: Job) -> None:
    """Before they are imported: no hub is asked unless the job says so, and nothing is drawn on a terminal."""
    if not job.hub:
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Sums of a GPU come out the same every time only with this; read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def check(job: Job) -> None:
    """Check what can be known without loading it: libraries say of a missing folder that it is no repository id."""
    if job.hub:
        return
    folder = Path(job.base)
    if folder.suffix == ".gguf" or folder.is_file():
        raise JobRefused(
            "base_wrong", f"{folder} is a file; make a folder of it first: python from_gguf.py FILE FOLDER."
        )
    if not folder.is_dir():
        raise JobRefused("base_missing", f"There is no base model in {folder}; choose another base, or fetch it again.")
    if not (folder / "config.json").is_file():
        raise JobRefused("base_wrong", f"{folder} is not a model: it has no config.json.")
    if not weights(folder):
        raise JobRefused("base_wrong", f"{folder} has no weights (*.safetensors).")
    if "quantization_config" in json.loads((folder / "config.json").read_text(encoding="utf-8")):
        raise JobRefused("base_wrong", f"The weights in {folder} are quantised; choose a base with plain weights.")


def weights(folder: Path) -> list[Path]:
    """Return the files with the weights of a model's folder."""
    return sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])


def device_of(job: Job) -> str:
    """`cuda` or `cpu`. Raises `JobRefused`."""
    import torch

    there_is_one = torch.cuda.is_available()
    if job.device == "cuda" and not there_is_one:
        raise JobRefused(
            "device_missing",
            "The job wants CUDA, and torch finds no GPU here; choose the CPU, or install the trainer with --device "
            "cuda on a machine that has one.",
        )
    return "cuda" if there_is_one and job.device != "cpu" else "cpu"


def dtype_of(job: Job, device: str, stored: Any) -> Any:
    """Return the numbers to compute with.

    bfloat16 halves memory; on a processor without it, it is slower than float32.
    """
    import torch

    if job.dtype != "auto":
        return getattr(torch, job.dtype)
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    is_native = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return torch.bfloat16 if is_native and stored == torch.bfloat16 else torch.float32


@dataclass(frozen=True)
class Base:
    """A loaded base, ready to be given an adapter."""

    model: Any
    tokenizer: Any
    reader: Reader
    device: str
    dtype: Any


def load(job: Job) -> Base:
    """Load tokenizer and weights. Raises `JobRefused`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    check(job)
    device = device_of(job)
    if job.threads:
        torch.set_num_threads(job.threads)
    if device == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    tokenizer = tokenizer_of(job)
    try:
        config = AutoConfig.from_pretrained(job.base)
        dtype = dtype_of(job, device, config.dtype)
        model = AutoModelForCausalLM.from_pretrained(job.base, dtype=dtype)
    except (ValueError, OSError, RuntimeError, KeyError) as error:
        raise JobRefused("base_wrong", f"The base {job.base} cannot be loaded: {_first_line(error)}") from error
    model.config.use_cache = False
    return Base(model, tokenizer, reader_of(job, tokenizer), device, dtype)


def tokenizer_of(job: Job) -> Any:
    """Return the base's tokenizer, which must have a chat template. Raises `JobRefused`."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(job.base)
    except (ValueError, OSError, KeyError) as error:
        raise JobRefused("base_wrong", f"The base {job.base} has no usable tokenizer: {_first_line(error)}") from error
    if not template_of(tokenizer):
        raise JobRefused("base_wrong", f"The base {job.base} has no chat template; choose one that was made for chats.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def template_of(tokenizer: Any) -> str | None:
    """Return the chat template; of several, the default one."""
    template = tokenizer.chat_template
    return template.get("default") if isinstance(template, dict) else template


def reader_of(job: Job, tokenizer: Any) -> Reader:
    """How this base's chats become rows: TRL has templates with marks for many bases that have none.

    One that writes a conversation in another way than the base's own is not taken (Qwen 3's puts thoughts into former
    answers): a model is asked with the base's own, and would be taught what it is never asked.
    """
    template = template_of(tokenizer)
    if job.engine == "trl" and template and not has_marks(template):
        from trl.chat_template_utils import get_training_chat_template

        try:
            marked = get_training_chat_template(tokenizer)
        except ValueError:  # one that it does not know
            marked = None
        template = marked if marked and _writes_alike(tokenizer, marked) else None
    return Reader.of(tokenizer, template)


def _writes_alike(tokenizer: Any, template: str) -> bool:
    """Whether a template makes the same of conversations as the base's own."""

    def written(chat: list[dict[str, str]], template: str | None) -> str | None:
        try:
            return tokenizer.apply_chat_template(
                chat, chat_template=template, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "jinja2":
                raise
            return None  # it takes no system prompt, for example

    return all(written(chat, template) == written(chat, None) for chat in CONVERSATIONS.values())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
