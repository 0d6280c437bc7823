"""A file that cannot be written: what, where, why and what to do, in one sentence, and nothing half there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import Filter
from tests.attack.test_command_line import said
from tests.served import add, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture
def version(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    add(database, *({} for _ in range(40)))
    snapshots.create(database, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    monkeypatch.chdir(tmp_path)
    with serving(database, monkeypatch):
        yield


def a_file(path: Path) -> Path:
    path.write_text("old")
    return path


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("out", "words"),
    [
        (
            "no/such/folder/x.jsonl",
            r"plans@1 all was not written to no/such/folder/x.jsonl: there is no folder /.*/no/such",
        ),
        ("file/x.jsonl", r"plans@1 all was not written to file/x.jsonl: /.*/file is not a folder"),
        ("", r"\. is a folder; name a file for --out"),
        ("folder", r"folder is a folder; name a file for --out"),
        ("x" * 300, r"its name is longer than the file system takes"),
        ("loop", r"not written to loop|loop is not an ordinary file"),
    ],
)
def test_a_bad_place_for_an_export_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str, words: str
) -> None:
    a_file(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.rglob("*"))
    code, told = said(capsys, monkeypatch, "dataset", "export", "plans", f"--out={out}")
    assert code == 1
    assert re.search(words, told), told
    assert "--out" in told
    assert "strerror" not in told
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("version")
@pytest.mark.skipif(sys.platform != "linux", reason="has other rights, and no /dev/full")
def test_a_folder_without_the_right_to_write_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = Path("/proc") if not os.geteuid() else tmp_path / "locked"  # root may write everywhere but there
    if os.geteuid():
        place.mkdir(mode=0o500)
    code, told = said(capsys, monkeypatch, "dataset", "export", "plans", f"--out={place}/x.jsonl")
    assert code == 1
    assert f"plans@1 all was not written to {place}/x.jsonl: " in told
    assert "Name another file for --out; no file was changed." in told


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), r"The disk that holds .* is full \(.* free\); at least 256 MB"),
        (OSError(122, "Disk quota exceeded"), r"The disk that holds .* is full"),
        (OSError(30, "Read-only file system"), r"The folder .* can only be read"),
        (OSError(24, "Too many open files"), r"as many files open as the system lets it"),
        (OSError(13, "Permission denied"), r"this user may not write into the folder"),
        (OSError(5, "Input/output error"), r"could not be read or written"),
    ],
)
@pytest.mark.parametrize("when", ["mkstemp", "fsync", "replace"])
def test_what_ends_in_the_middle_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: OSError,
    words: str,
    when: str,
) -> None:
    out = a_file(tmp_path / "x.jsonl")

    def fails(*_args: object, **_named: object) -> None:
        raise error

    places: dict[str, tuple[str, Callable[..., None]]] = {
        "mkstemp": ("core.cli.datasets.tempfile.mkstemp", fails),
        "fsync": ("core.cli.datasets.os.fsync", fails),
        "replace": ("core.cli.datasets.Path.replace", fails),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*places[when])
        code, told = said(capsys, patch, "dataset", "export", "plans", f"--out={out}")
    assert code == 1
    assert re.search(words, told), told
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(sys.platform != "linux", reason="has no /dev/full")
def test_what_is_printed_onto_a_full_disk_says_so(database: Database) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "core", "stats"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database.url},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "It was done, but what this prints was not all written: The disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_whom_nobody_reads_ends_without_a_word(database: Database) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "core", "stats"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database.url},
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), nobody.fileno())
    assert (done.returncode, done.stderr) == (1, "")
