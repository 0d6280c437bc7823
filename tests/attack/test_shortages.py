"""What runs out has a sentence of its own, wherever it is met."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy.exc import InternalError, OperationalError

from core import shortages
from core.db.embedded import EmbeddedPostgres
from core.errors import DatabaseUnavailable
from core.settings import get_settings
from tests.attack.small_disk import mounted

FOLDER = Path("/var/lib/whetstone")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "can only be read"),
        (errno.EMFILE, "as many files open"),
        (errno.ENFILE, "as many files open"),
        (errno.ENOMEM, "not enough memory"),
        (errno.EIO, "could not be read or written"),
    ],
)
def test_each_errno_has_its_sentence(number: int, words: str) -> None:
    said = shortages.sentence(OSError(number, os.strerror(number)), folder=FOLDER)
    assert said is not None
    assert words in said
    assert "again" in said or "keep a copy" in said


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (psycopg.errors.DiskFull("could not extend file"), "disk"),
        (psycopg.errors.OutOfMemory("out of memory"), "memory"),
        (psycopg.errors.TooManyConnections("sorry"), "connections"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), "read_only"),
        (psycopg.errors.IoError("could not write: No space left on device"), "disk"),
        (psycopg.errors.IoError("could not fsync: Input/output error"), "disk_fault"),
        (psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients already"), "connections"),
        (psycopg.OperationalError("FATAL:  could not write init file: No space left on device"), "disk"),
        (MemoryError(), "memory"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), None),
        (psycopg.errors.UniqueViolation("no space left on device"), None),
        (FileNotFoundError(errno.ENOENT, "no"), None),
    ],
)
def test_what_ran_out_is_told_by_code_and_by_words(error: BaseException, found: str | None) -> None:
    assert shortages.kind(error) == found


def test_what_sqlalchemy_wraps_is_found_too() -> None:
    assert shortages.kind(OperationalError("INSERT", {}, psycopg.errors.DiskFull("x"))) == "disk"
    assert shortages.kind(InternalError("INSERT", {}, psycopg.errors.ReadOnlySqlTransaction("x"))) == "read_only"


def test_a_full_disk_is_said_with_place_and_numbers(tmp_path: Path) -> None:
    said = shortages.say("disk", tmp_path / "not" / "yet")
    assert f"The disk that holds {tmp_path / 'not' / 'yet'} is full (" in said
    assert "256 MB are needed" in said


@pytest.mark.parametrize(
    ("error", "free", "is_told"),
    [
        (psycopg.OperationalError("server closed the connection unexpectedly"), 1 << 20, True),
        (OperationalError("SELECT 1", {}, psycopg.errors.AdminShutdown("terminating connection")), 1 << 20, True),
        (psycopg.errors.CannotConnectNow("the database system is in recovery mode"), 0, True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), 1 << 30, False),
        (psycopg.errors.QueryCanceled("canceling statement"), 1 << 20, False),
        (psycopg.errors.UniqueViolation("duplicate key"), 1 << 20, False),
    ],
)
def test_a_server_that_went_because_its_disk_is_full_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, free: int, is_told: bool
) -> None:
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    get_settings.cache_clear()
    monkeypatch.setattr("core.shortages.shutil.disk_usage", lambda _place: SimpleNamespace(free=free))
    said = shortages.sentence(error)
    assert (said is not None and f"The disk that holds {tmp_path} is full" in said) == is_told


@pytest.fixture
def small_disk(public_folder: Path) -> Iterator[Path]:
    with mounted(public_folder / "small", "12m") as folder:
        yield folder


def test_a_first_start_on_a_full_disk_says_so(small_disk: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"The disk that holds .*small.* is full .* MB free.*256 MB") as said:
        EmbeddedPostgres(small_disk).start()
    assert "rolled back" in str(said.value)
    assert not list(small_disk.glob(".new-*"))
