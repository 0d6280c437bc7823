"""How much memory a training needs, from the headers of the base's files: before anything is loaded."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import weights
from job import Job

#: What Python, torch and the engine take with hardly any model (measured: 530 MB with 127 thousand parameters).
_LIBRARIES = 560_000_000
#: Values kept for the way back, a layer and token, in widths of the hidden state and of the inner one; and copies of
#: the logits, in float32, that exist at the same time. Measured with a Llama of 135 million parameters, a vocabulary
#: of 49,152, and 256 and 1,024 tokens a step, in float32 and bfloat16: within 3 % of the peak.
_HIDDEN_COPIES, _INNER_COPIES, _LOGITS_COPIES = 12, 4, 9


@dataclass(frozen=True)
class Size:
    """How large a base is."""

    parameters: int
    trainable: int


def size_of(job: Job) -> Size | None:
    """By the headers of its safetensors; None where it has none. LoRA: rank times both sides of a matrix."""
    shapes = list(_shapes(Path(job.base)))
    if not shapes:
        return None
    wanted = job.lora.target_modules
    trainable = sum(
        job.lora.r * (shape[0] + shape[1]) for name, shape in shapes if len(shape) == 2 and _is_target(name, wanted)
    )
    return Size(sum(math.prod(shape) for _, shape in shapes), trainable)


def _is_target(name: str, wanted: str | list[str]) -> bool:
    module = name.removesuffix(".weight")
    if wanted == "all-linear":
        return not any(part in module for part in ("embed", "lm_head", "norm"))
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(module == each or module.endswith(f".{each}") for each in names)


def _shapes(folder: Path) -> Iterator[tuple[str, list[int]]]:
    for path in weights(folder):
        if path.suffix != ".safetensors":
            return
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        yield from ((name, facts["shape"]) for name, facts in header.items() if name != "__metadata__")


def peak_bytes(job: Job, size: Size, config: Any, longest: int, bytes_each: int) -> int:
    """The most memory a training takes. `longest`: tokens of the longest row; `bytes_each`: of a weight."""
    tokens = job.batch_size * min(longest, job.max_length)
    hidden, inner = config.hidden_size, getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    layer = (_HIDDEN_COPIES * hidden + _INNER_COPIES * inner) * bytes_each
    activations = tokens * (config.num_hidden_layers * layer + config.vocab_size * 4 * _LOGITS_COPIES)
    return _LIBRARIES + size.parameters * bytes_each + 16 * size.trainable + activations
