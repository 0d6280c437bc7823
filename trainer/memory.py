"""Memory: how much there is, how much this process took, and how much a training needs.

What it needs is told from the headers of the base's files, before anything is loaded.
"""

# pyright: reportMissingImports=false

import json
import math
import sys
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


def peak_bytes() -> int | None:
    """Return the most memory this process had. Not getrusage on Linux: there it begins with what the parent had."""
    if sys.platform == "linux":
        return _status_bytes("VmHWM")
    if sys.platform == "win32":
        return getattr(_process().memory_info(), "peak_wset", None)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def now_bytes() -> int:
    """Return what this process has now."""
    return _process().memory_info().rss


def peak_gpu_bytes() -> int | None:
    """Return the most that torch had on the GPU; None: nothing."""
    import torch

    return torch.cuda.max_memory_allocated() or None if torch.cuda.is_available() else None


def available_bytes(device: str) -> int:
    """Return what a new process can have: of the GPU, or of this machine, within the limit of its container."""
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    import psutil

    return min([psutil.virtual_memory().available, *_container_left()])


def _container_left() -> list[int]:
    """Return what the limit of the container leaves, where there is one (cgroups 2, then 1)."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = Path(limit).read_text(encoding="ascii").strip(), Path(used).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if most.isdigit() and int(most) < 1 << 60:
            return [max(0, int(most) - int(now) + _cache_bytes(Path(limit).parent))]
    return []


def _cache_bytes(group: Path) -> int:
    """Files in memory count as used, but make room."""
    try:
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    facts = dict(line.split() for line in lines)
    return int(facts.get("inactive_file", facts.get("total_inactive_file", 0)))


def _status_bytes(name: str) -> int | None:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _process() -> Any:
    import psutil

    return psutil.Process()


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


def needed_bytes(job: Job, size: Size, config: Any, longest: int, bytes_each: int) -> int:
    """Return the most memory a training takes. `longest`: tokens of the longest row; `bytes_each`: of a weight."""
    tokens = job.batch_size * min(longest, job.max_length)
    hidden, inner = config.hidden_size, getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    layer = (_HIDDEN_COPIES * hidden + _INNER_COPIES * inner) * bytes_each
    activations = tokens * (config.num_hidden_layers * layer + config.vocab_size * 4 * _LOGITS_COPIES)
    return _LIBRARIES + size.parameters * bytes_each + 16 * size.trainable + activations
