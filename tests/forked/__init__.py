"""Programs of the trainer and of the command line, as processes of their own that need not import first what they use:
see `nursery.py`."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Literal

ROOT = Path(__file__).parents[2]
NURSERY = Path(__file__).with_name("nursery.py")


#: What a process has imported before others are forked of it.
Imported = Literal["trainer", "core"]


class Forked:
    """As `subprocess.Popen` of a program that writes into these files, as far as tests use it."""

    def __init__(
        self,
        python: Path,
        imported: Imported,
        argv: Sequence[str],
        environment: Mapping[str, str],
        output: IO[str],
        errors: IO[str],
    ) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_nursery(python, imported))
        request = json.dumps({"argv": list(argv), "environment": dict(environment)}).encode()
        socket.send_fds(self._connection, [request], [output.fileno(), errors.fileno()])
        self._answers = self._connection.makefile("r")
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._connection.close()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            select.select([self._connection], [], [])
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


@cache
def _nursery(python: Path, imported: Imported) -> str:
    """The socket of the process that others are forked of; it ends with this one."""
    path = tempfile.mkdtemp(prefix="nursery-") + "/socket"
    process = subprocess.Popen([str(python), str(NURSERY), path, imported], cwd=ROOT, stdin=subprocess.PIPE)
    atexit.register(process.kill)
    while not Path(path).exists():
        assert process.poll() is None, f"what the {imported} needs cannot be imported"
        time.sleep(0.05)
    return path


def finished(
    python: Path, argv: Sequence[str], environment: Mapping[str, str], *, imported: Imported = "trainer"
) -> tuple[int, str, str]:
    """How a program ended, what it printed, and its errors."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        code = started(python, argv, environment, output, errors, imported=imported).wait()
        output.seek(0)
        errors.seek(0)
        return code, output.read(), errors.read()


def started(
    python: Path,
    argv: Sequence[str],
    environment: Mapping[str, str],
    output: IO[str],
    errors: IO[str],
    *,
    imported: Imported = "trainer",
    may_fork: bool = True,
) -> Process:
    """A process of its own; what is read of the environment when libraries are imported may not be of a fork.

    `argv` begins with a file, or with `-m` and a module.
    """
    if may_fork and sys.platform == "linux":
        return Forked(python, imported, argv, environment, output, errors)
    return subprocess.Popen([python, *argv], cwd=ROOT, stdout=output, stderr=errors, env=environment)
