"""Runs contestants in turns and prints what came out."""

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.db import Database

OURS = "Whetstone"
Seconds = dict[str, list[float]]

_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "work_mem")
_ROOT = Path(__file__).parent.parent


def in_turns(
    contestants: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 5,
    warm: int = 1,
    between: Callable[[], Any] | None = None,
) -> Seconds:
    """The seconds of every round; the first `warm` rounds fill caches and do not count. `between` is not timed."""
    seconds: Seconds = {name: [] for name in contestants}
    for turn in range(warm + rounds):
        for name, work in contestants.items():
            if between:
                between()
            gc.collect()
            start = time.perf_counter()
            work()
            took = time.perf_counter() - start
            if turn >= warm:
                seconds[name].append(took)
    return seconds


def show(title: str, seconds: Seconds, *, rows: int | None = None, ours: str = OURS) -> None:
    """A line a contestant: the median, the range, rows a second, and how many times longer ours took."""
    print(f"\n{title}")
    own = statistics.median(seconds[ours])
    for name, runs in seconds.items():
        median = statistics.median(runs)
        rate = f"{rows / median:>12,.0f} rows/s" if rows else ""
        ratio = "" if name == ours else f"   {ours} takes {own / median:.2f} times as long"
        print(f"  {name:<42}{median:>10.4f} s  ({min(runs):.4f} to {max(runs):.4f}){rate}{ratio}", flush=True)


def facts(db: Database) -> str:
    """What must be known about the machine to read the figures."""
    with db.copying() as connection:
        shown = [(name, connection.execute(f"SHOW {name}".encode()).fetchone()) for name in _SETTINGS]
        postgres = connection.info.server_version
    settings = ", ".join(f"{name} {row[0]}" for name, row in shown if row)
    packages = ", ".join(f"{name} {_version(name)}" for name in ("duckdb", "datasets", "pyarrow", "psycopg"))
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"PostgreSQL {postgres // 10000}.{postgres % 10000}; {packages}\n{settings}\n"
        f"load average before: {os.getloadavg()[0]:.1f} (above 0.5 these figures are of a busy machine)"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


#: VmHWM and not getrusage: on Linux a child's ru_maxrss begins with the memory of the parent that forked it.
_REPORT = """
import pathlib, resource
status = pathlib.Path('/proc/self/status')
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith('VmHWM')]
print('peak', peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(program: str, *arguments: str) -> float:
    """The most memory that a process of its own needs to run `program`, its imports included."""
    done = subprocess.run(
        [sys.executable, "-c", program + _REPORT, *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"A measured process failed: {done.stderr.strip()[-2_000:]}")
    return int(done.stdout.split()[-1]) / 1024
