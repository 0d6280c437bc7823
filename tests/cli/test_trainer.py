"""`trainer install`, `trainer status`, `trainer remove`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forked import finished


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHETSTONE_")}
    command = ["-m", "core", "trainer", *arguments]
    environment = {**kept, "WHETSTONE_HOME": str(home)}
    return subprocess.CompletedProcess(command, *finished(Path(sys.executable), command, environment, imported="core"))


def test_status_and_remove_of_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "status").stdout.startswith(
        "missing: The trainer is not installed; run python -m core trainer"
    )
    facts = json.loads(run(tmp_path, "status", "--json").stdout)
    assert (facts["state"], facts["python"], facts["progress"]) == ("missing", None, None)
    assert json.loads(run(tmp_path, "remove", "--json").stdout) == {"freed_bytes": 0}


@pytest.mark.parametrize(("arguments", "code"), [(["install", "--device", "tpu"], 1), (["install"], 2)])
def test_a_device_has_to_be_chosen(tmp_path: Path, arguments: list[str], code: int) -> None:
    done = run(tmp_path, *arguments, "--json")
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert "error" in json.loads(done.stdout)
