"""A small file system in memory, which can be filled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """`size` as mount knows it, such as 12m. Skips where only others may mount."""
    folder.mkdir(exist_ok=True)
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root may mount a small file system")
    options = f"size={size},mode=0755"
    done = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "-l", folder], check=True)
