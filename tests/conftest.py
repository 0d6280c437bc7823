"""One server for the whole run, and a fresh database for every test that asks for one."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import certifi
import hypothesis
import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from core import logs
from core.db import Database, migrations
from core.db.embedded import EmbeddedPostgres
from core.models import calls
from core.settings import get_settings
from tests.leftovers import State, left_behind
from tests.training import PATIENCE_S, tiny, trainer_python  # noqa: F401 (fixtures)

# How long an example takes says only what else the machine has to do.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

#: Tests may lose their data in a power cut. Never for a real server.
NOT_DURABLE = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
    "max_wal_size": "256MB",
}  # fmt: skip

#: A folder in memory, where Linux has one, and what has to be free there: a database a test, of hundreds of files each,
#: takes a sixth of the time that it takes on a disk.
_MEMORY, _MEMORY_FREE = Path("/dev/shm"), 6_000_000_000
_DAY_S = 24 * 60 * 60

#: Beginnings of what takes minutes.
_LONG = ("tests/browser", "tests/trainer", "tests/tuning/test_crashes.py", "tests/test_growth.py", "tests/pages/")

_numbers = count(1)

logs.configure()  # as every program of this project does


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All servers of the tests are on loopback, and every client of theirs reads what certificates the machine trusts:
    there it is one, and all of them took longer than whole tests."""
    begin, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    file = tmp_path_factory.mktemp("authority") / "one.pem"
    file.write_text(f"{begin}{end}\n", "utf-8")
    os.environ["SSL_CERT_FILE"] = str(file)


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """A test that leaves something in its process fails itself, and not another test that comes after it."""
    before = State.now()
    yield
    get_settings.cache_clear()  # what is read once was perhaps read of this test's environment
    found = left_behind(before, State.now())
    before.restore()
    assert not found, f"This test leaves behind: {found}."


class _Together(LoadFileScheduling):
    """Where several processes share the run, a file stays together, so that its fixtures are made once, and so do all
    journeys in a browser, so that there is one Chromium, and all that train, so that there is one base to train. The
    crash tests take minutes, and share what they have imported for a provider."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file == "tests/tuning/test_crashes.py":
            return nodeid.rsplit(": ", 1)[0]
        if file.startswith("tests/browser/"):
            return "tests/browser"
        return "tests/trainer" if file.startswith(("tests/trainer/", "tests/tuning/local/")) else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        """In whatever order the tests are, what takes longest begins first: else the run would wait for it alone."""
        first = next((scope for begin in _LONG for scope in self.workqueue if scope.startswith(begin)), None)
        if first:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _Together(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A quiet run does not name its order by itself."""
    if (seed := config.getoption("randomly_seed", None)) is not None:
        terminalreporter.write_line(f"The order of this run: --randomly-seed={seed}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that trains may have to wait until the trainer is installed."""
    for item in items:
        if "trainer_python" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(PATIENCE_S))


@pytest.fixture(autouse=True)
def models_answer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Deploying asks a model first; most tests deploy one that nobody runs. Who tests the asking marks `asks`."""
    # A patch of its own: a shared one would be taken back after `leaves_nothing` has looked.
    with pytest.MonkeyPatch.context() as patch:
        if "asks" not in request.keywords:
            patch.setattr(calls, "unanswered", lambda model: "")
        yield


@pytest.fixture(scope="session")
def public_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's user can pass through when the tests run as root; pytest's are 0700."""
    _forget_killed_runs()
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_FREE
    folder = Path(tempfile.mkdtemp(prefix="whetstone-test-", dir=_MEMORY if in_memory else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _forget_killed_runs() -> None:
    """What they left in memory would stay there until the machine starts anew."""
    for folder in _MEMORY.glob("whetstone-test-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY_S:
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(public_folder: Path) -> Iterator[EmbeddedPostgres]:
    """The server of this test run."""
    pg_bin = os.environ.get("WHETSTONE_PG_BIN")  # to run the tests on another version
    server = EmbeddedPostgres(public_folder / "home", pg_bin=Path(pg_bin) if pg_bin else None, conf=NOT_DURABLE)
    server.start()
    yield server
    server.stop(only_if_unused=False)


@pytest.fixture(scope="session")
def migrated_template(server: EmbeddedPostgres) -> str:
    """The name of a database with all migrations, to copy from."""
    name = "migrated_template"
    _administer(server, f"CREATE DATABASE {name}")
    database = Database(server.url(name))
    migrations.migrate(database)
    database.close()
    return name


@pytest.fixture
def database(server: EmbeddedPostgres, migrated_template: str) -> Iterator[Database]:
    """A migrated database of this test's own."""
    yield from _temporary_database(server, migrated_template)


@pytest.fixture
def empty_database(server: EmbeddedPostgres) -> Iterator[Database]:
    """A database of this test's own without any table."""
    yield from _temporary_database(server, "template1")


def _temporary_database(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    database = Database(server.url(name))
    yield database
    database.close()
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())
