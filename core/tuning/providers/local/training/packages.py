"""What pip would install for the trainer, and what it then does install. The only place that knows pip."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import TrainerUnavailable

Device = Literal["cpu", "cuda"]
#: One line that a program printed.
Line = Callable[[str], None]

ROOT = Path(__file__).parents[5]
REQUIREMENTS = ROOT / "requirements-train.txt"
LOCK = ROOT / "trainer" / "lock.txt"

#: What torch needs for NVIDIA's GPUs and for nothing else: several gigabytes.
_FOR_CUDA = re.compile(r"nvidia-|cuda-|(pytorch-)?triton(-|$)")
_QUIET = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
_CHECK = """
import json, importlib, importlib.metadata as metadata
names = ["torch", "transformers", "peft", "trl", "datasets", "accelerate", "safetensors", "gguf", "psutil"]
for name in names: importlib.import_module(name)
import torch
print("facts " + json.dumps({"versions": {name: metadata.version(name) for name in names}, "cuda": torch.version.cuda,
                             "sees_gpu": torch.cuda.is_available()}))
"""


@dataclass(frozen=True)
class Package:
    """One that would be installed."""

    name: str
    version: str


class Tools:
    """What is run: the outside world of an installation."""

    def make(self, folder: Path, line: Line) -> int:
        """Return an empty environment."""
        return run([sys.executable, "-m", "venv", str(folder)], line)

    def pip(self, python: Path, arguments: Sequence[str], line: Line) -> int:
        """pip of an environment; its exit code."""
        return run([str(python), "-I", "-m", "pip", *arguments], line)

    def check(self, python: Path, line: Line) -> int:
        """Import every package; prints facts as JSON."""
        return run([str(python), "-I", "-c", _CHECK], line)


def run(command: Sequence[str], line: Line) -> int:
    """Run a program and hand over what it prints, line by line; it is ended when `line` raises."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        try:
            for each in process.stdout:
                line(each.rstrip())
        except BaseException:
            process.kill()
            raise
    return process.returncode


def plan(tools: Tools, python: Path, device: Device, index: str | None) -> list[Package]:
    """Return what pip would install; nothing is installed.

    Raises `TrainerUnavailable` when that is not for this device.
    """
    with tempfile.TemporaryDirectory(prefix="whetstone-trainer-") as temporary:
        report, wanted = Path(temporary) / "report.json", Path(temporary) / "wanted.txt"
        # In a file, not on the command line, where everybody on this machine could read a password in it.
        wanted.write_text(_index_line(index) + f"-r {_quoted(REQUIREMENTS)}\n-c {_quoted(LOCK)}\n", encoding="utf-8")
        arguments = ("install", "--dry-run", "--quiet", "--report", str(report), *_QUIET)
        _pip(tools, python, (*arguments, "--only-binary", ":all:", "-r", str(wanted)))
        found = planned(json.loads(report.read_text(encoding="utf-8")))
    refuse_wrong(found, device)
    return found


def planned(report: Mapping[str, Any]) -> list[Package]:
    """Return the packages of a report of pip's."""
    return [
        Package(re.sub(r"[-_.]+", "-", each["metadata"]["name"]).lower(), each["metadata"]["version"])
        for each in report["install"]
    ]


def refuse_wrong(found: Sequence[Package], device: Device) -> None:
    """Refuse CUDA where CPU was chosen, and the other way round. Raises `TrainerUnavailable`."""
    for_cuda = [each.name for each in found if _FOR_CUDA.match(each.name)]
    torch = next((each.version for each in found if each.name == "torch"), "")
    if device == "cpu" and (for_cuda or "+cu" in torch):
        named = f"{', '.join(for_cuda[:3])} and others" if for_cuda else f"torch {torch}"
        raise TrainerUnavailable(
            "For the CPU, the package index offers only a torch for NVIDIA's GPUs, which downloads gigabytes "
            f"({named}); nothing was installed. Set WHETSTONE_TORCH_INDEX to the address of an index with CPU builds, "
            "which PyTorch's installation page names, or choose CUDA."
        )
    if device == "cuda" and not for_cuda and ("+cpu" in torch or "+cu" not in torch):
        raise TrainerUnavailable(
            f"For CUDA, the package index offers only torch {torch}, which is for the CPU; nothing was installed. "
            "Set WHETSTONE_TORCH_INDEX to the address of an index with CUDA builds, which PyTorch's installation page "
            "names, or choose the CPU."
        )


def install(tools: Tools, python: Path, found: Sequence[Package], index: str | None, line: Line) -> None:
    """Install exactly what was planned. Raises `TrainerUnavailable`."""
    with tempfile.TemporaryDirectory(prefix="whetstone-trainer-") as temporary:
        wanted = Path(temporary) / "wanted.txt"
        pins = "".join(f"{each.name}=={each.version}\n" for each in found)
        wanted.write_text(_index_line(index) + pins, encoding="utf-8")
        _pip(tools, python, ("install", "--no-deps", *_QUIET, "--only-binary", ":all:", "-r", str(wanted)), line)


@dataclass(frozen=True)
class Facts:
    """What an environment has."""

    versions: Mapping[str, str]
    device: Device
    sees_gpu: bool


def check(tools: Tools, python: Path) -> Facts:
    """Import everything once. Raises `TrainerUnavailable` with what went wrong."""
    lines: list[str] = []
    try:
        code = tools.check(python, lines.append)
    except OSError as error:
        raise TrainerUnavailable(f"{python} cannot be started: {error.strerror or error}.") from None
    facts = next((each.removeprefix("facts ") for each in lines if each.startswith("facts ")), "")
    if code or not facts:
        reason = next((each for each in reversed(lines) if each.strip()), f"exit code {code}")
        raise TrainerUnavailable(f"{python} does not have what the trainer needs: {reason.strip()[:300]}.")
    values = json.loads(facts)
    return Facts(values["versions"], "cuda" if values["cuda"] else "cpu", values["sees_gpu"])


def _pip(tools: Tools, python: Path, arguments: Sequence[str], line: Line = lambda _: None) -> None:
    said: list[str] = []

    def heard(each: str) -> None:
        said.append(each)
        line(each)

    if tools.pip(python, arguments, heard):
        errors = [each for each in said if each.startswith("ERROR")] or said or ["it said nothing"]
        raise TrainerUnavailable(
            f"pip could not install the trainer's packages: {errors[-1].removeprefix('ERROR: ').strip()[:500]} "
            "Check the connection to the package index, and start the installation again."
        )


def _index_line(index: str | None) -> str:
    return f"--extra-index-url {index}\n" if index else ""


def _quoted(path: Path) -> str:
    """For a requirements file, where spaces separate."""
    return f'"{path.as_posix()}"'
