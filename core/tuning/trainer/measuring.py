"""How much memory there is, and how much this process took."""

# pyright: reportMissingImports=false

import sys
from pathlib import Path
from typing import Any


def peak_bytes() -> int | None:
    """The most memory this process had. Not getrusage on Linux: there it begins with what the parent had."""
    if sys.platform == "linux":
        return _status_bytes("VmHWM")
    if sys.platform == "win32":
        return getattr(_process().memory_info(), "peak_wset", None)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def now_bytes() -> int:
    """What this process has now."""
    return _process().memory_info().rss


def peak_gpu_bytes() -> int | None:
    """The most that torch had on the GPU; None: nothing."""
    import torch

    return torch.cuda.max_memory_allocated() or None if torch.cuda.is_available() else None


def available_bytes(device: str) -> int:
    """What a new process can have: of the GPU, or of this machine, within the limit of its container."""
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    import psutil

    return min([psutil.virtual_memory().available, *_container_left()])


def _container_left() -> list[int]:
    """What the limit of the container leaves, where there is one (cgroups 2, then 1)."""
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
