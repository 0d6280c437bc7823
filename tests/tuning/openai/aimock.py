"""aimock: a stand-in for OpenAI that others wrote, run by Node. It is installed once, into a folder beside its lock."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NODE = Path(__file__).parents[2] / "node"
_PROGRAM = NODE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
#: What the tuned model says.
_ANSWERS = {"fixtures": [{"match": {"userMessage": "Say ready"}, "response": {"content": "ready"}}]}


@contextmanager
def running() -> Iterator[str]:
    """The address of a new one, with nothing in it."""
    node = shutil.which("node")
    npm = shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed: OpenAI's lifecycle is not tried against aimock")
    if not _is_installed():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=NODE, check=True, timeout=170)
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.json"
        answers.write_text(json.dumps(_ANSWERS))
        command = [node, str(_PROGRAM), "--host", "127.0.0.1", "--port", "0", "--fixtures", str(answers)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield _address(process)
            finally:
                process.terminate()


def _is_installed() -> bool:
    """Whether what the lock names is there, so that a newer lock installs anew."""
    package = _PROGRAM.parents[1] / "package.json"
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]["node_modules/@copilotkit/aimock"]
    return package.exists() and json.loads(package.read_text())["version"] == locked["version"]


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"listening on (http://\S+)", line):
            return found[1]
    raise AssertionError(f"aimock did not start: {''.join(said)}")
