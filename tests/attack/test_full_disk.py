"""A disk that fills up while something is written, and a start on it: what is said, and that nothing is half there."""

import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import psycopg
import pytest

from core.db.embedded import EmbeddedPostgres
from core.settings import get_settings
from tests.attack.small_disk import mounted
from tests.browser.conftest import served
from tests.examples.importing.files import as_jsonl
from tests.forked import finished

ROOT = Path(__file__).parents[2]
SIZE = 220 << 20

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def small_disk(public_folder: Path) -> Iterator[Path]:
    with mounted(public_folder / "full", str(SIZE)) as folder:
        try:
            yield folder
        finally:
            with suppress(Exception):
                EmbeddedPostgres(folder / "home").stop(only_if_unused=False)
            get_settings.cache_clear()


def core(home: Path, *arguments: str) -> tuple[int, str]:
    """A command in a process of its own: its exit code, and what it answered, or said on standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command, environment = ["-m", "core", *arguments], {**environment, "WHETSTONE_HOME": str(home)}
    code, out, errors = finished(Path(sys.executable), command, environment, imported="core")
    return code, errors.strip() if code else out


def fill(folder: Path, *, leave: int, name: str = "ballast") -> Path:
    """A file that takes all but so many bytes."""
    ballast = folder / name
    stat = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, stat.f_bavail * stat.f_frsize - leave))
    return ballast


def runs(path: Path, number: int, name: str) -> Path:
    """Texts that nothing compresses."""
    path.write_bytes(
        as_jsonl(
            [
                {
                    "execution_id": f"{name}-{each}",
                    "user_request": f"Do {name} {each}",
                    "intent": "content",
                    "execution_plan": os.urandom(3_000).hex(),
                    "execution_result": "Done.",
                    "quality_score": 0.8,
                }
                for each in range(number)
            ]
        )
    )
    return path


def told_of_the_disk(said: str, home: Path) -> None:
    assert len(said.splitlines()) == 1, said
    assert f"The disk that holds {home} is full" in said, said
    assert "MB free" in said
    assert "at least 256 MB are needed" in said
    assert "try again" in said


def stats(home: Path) -> int:
    code, said = core(home, "stats", "--json")
    assert not code, said
    return orjson.loads(said)["total"]


def health_of_an_app(home: Path, folder: Path) -> str:
    """Why an app that is started there cannot work: it starts, and says so."""
    command = ["uvicorn", "app:app", "--log-level", "warning", "--port"]
    with served(folder, command, WHETSTONE_HOME=str(home), DATABASE_URL="") as url:
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            urllib.request.urlopen(f"{url}/api/health", timeout=60).close()
        return orjson.loads(refused.value.read())["message"]


def test_a_disk_that_fills_up_is_told_and_leaves_everything_as_it_was(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    server = EmbeddedPostgres(home)
    some, many = runs(tmp_path / "some.jsonl", 2_000, "some"), runs(tmp_path / "many.jsonl", 4_000, "many")
    with psycopg.connect(server.start()):  # in use, so that the commands leave it running
        assert core(home, "import", str(some))[0] == 0

        ballast = fill(small_disk, leave=8 << 20)
        code, said = core(home, "import", str(many))
        assert code == 1
        told_of_the_disk(said, home)
        assert stats(home) == 2_000

        ballast.unlink()
        ballast = fill(small_disk, leave=64 << 10)
        code, said = core(home, "dataset", "create", "plans", "--all")
        assert code == 1
        assert "Traceback" not in said, said
        told_of_the_disk(said.splitlines()[-1], home)  # after the lines of its progress

    # A start on the full disk, and a first start on it.
    server.stop(only_if_unused=False)
    left = fill(small_disk, leave=0, name="more")
    for place in (home, small_disk / "new"):
        code, said = core(place, "stats")
        assert code == 1
        told_of_the_disk(said, place)
    told_of_the_disk(health_of_an_app(home, tmp_path), home)
    ballast.unlink()
    left.unlink()

    # With space, the same works: what was begun is finished, and nothing is half there. Whether the disk was full
    # before or after the building began depends on how far the server's log had come.
    listed = core(home, "dataset", "list")[1]
    assert re.match("plans@1  (interrupted|waiting for the app).*`dataset finish plans@1`", listed)
    assert "plans@1  2,000 records" in core(home, "dataset", "finish", "plans@1")[1]
    assert core(home, "verify", "plans@1")[0] == 0
    assert core(home, "import", str(many))[0] == 0
    assert stats(home) == 6_000
    code, said = core(home, "dataset", "create", "plans", "--all", "--json")
    assert not code
    assert (orjson.loads(said)["dataset"], orjson.loads(said)["examples"]) == ("plans@2", 6_000)


def test_a_disk_without_room_for_the_servers_log_is_told(small_disk: Path, tmp_path: Path) -> None:
    """Whether the server refuses or ends depends on where it notices; what was committed is there afterwards."""
    home = small_disk / "home"
    server = EmbeddedPostgres(home)
    holding = psycopg.connect(server.start())
    assert core(home, "import", str(runs(tmp_path / "some.jsonl", 500, "some")))[0] == 0
    ballast = fill(small_disk, leave=0)
    holding.execute("SELECT pg_switch_wal()")
    holding.commit()
    for number in range(10):
        code, said = core(home, "tag", "ADD", f"TAG_{number}", "--filter={}")
        if code:
            break
        with suppress(psycopg.Error):
            holding.execute("SELECT pg_switch_wal()")
            holding.commit()
    holding.close()
    assert code, "the disk was never full enough"
    told_of_the_disk(said, home)
    ballast.unlink()
    assert stats(home) == 500
    assert core(home, "tag", "ADD", "LAST", "--filter={}")[0] == 0
