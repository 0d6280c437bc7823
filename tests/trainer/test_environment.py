"""The trainer's environment: made whole or not at all, for the device that was chosen, and known to be outdated."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import TrainerUnavailable
from core.settings import Settings
from core.tuning.providers.local.training import environment, packages
from core.tuning.providers.local.training.environment import InstallProgress
from core.tuning.providers.local.training.packages import Line, Package
from trainer.alone import alone

FOR_CPU = [("torch", "2.13.0+cpu"), ("transformers", "5.23.0")]
FOR_CUDA = [("torch", "2.13.0"), ("nvidia-cublas", "13.1"), ("triton", "3.7"), ("transformers", "5.23.0")]


def report(found: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """As pip writes it."""
    return {"install": [{"metadata": {"name": name, "version": version}} for name, version in found]}


class Fake:
    """An installation without any package: what pip would say, written down."""

    def __init__(self, found: Sequence[tuple[str, str]] = FOR_CPU, *, fails: str = "") -> None:
        self.found, self.fails = found, fails
        self.installed: list[str] = []
        self.commands: list[Sequence[str]] = []
        #: Done in the middle of the installation.
        self.meanwhile: Callable[[], None] = lambda: None

    def make(self, folder: Path, line: Line) -> int:
        python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        python.parent.mkdir(parents=True)
        python.write_text("")
        return 0

    def pip(self, python: Path, arguments: Sequence[str], line: Line) -> int:
        self.commands.append(arguments)
        wanted = Path(arguments[arguments.index("-r") + 1]).read_text()
        if "--dry-run" in arguments:
            assert packages.REQUIREMENTS.as_posix() in wanted
            assert packages.LOCK.as_posix() in wanted
            Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps(report(self.found)))
            return 0
        self.installed = wanted.splitlines()
        for name, version in self.found:
            line(f"Collecting {name}=={version} (from -r wanted.txt (line 1))")
        line("Installing collected packages: everything")
        self.meanwhile()
        if self.fails:
            line(f"ERROR: {self.fails}")
        return bool(self.fails)

    def check(self, python: Path, line: Line) -> int:
        assert python.exists()
        cuda = "13.1" if self.found is FOR_CUDA else None
        line("a warning")
        line("facts " + json.dumps({"versions": dict(self.found), "cuda": cuda, "sees_gpu": False}))
        return 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return with_home(tmp_path)


def with_home(home: Path, **others: Any) -> Settings:
    return Settings(_env_file=None, WHETSTONE_HOME=home, **others)  # pyright: ignore[reportCallIssue]


def silent(progress: InstallProgress) -> None:
    pass


def test_a_first_installation_tells_how_far_it_is(settings: Settings) -> None:
    assert environment.status(settings).state == "missing"
    told: list[InstallProgress] = []
    made = environment.install(settings, "cpu", told.append, tools=Fake())
    assert (made.state, made.device) == ("ready", "cpu")
    assert made.versions["torch"] == "2.13.0+cpu"
    assert made.size_bytes is not None
    assert environment.status(settings) == made
    assert made.python
    assert "trainer/env-cpu-" in made.python.as_posix()
    assert [each.phase for each in told] == [
        "making",
        "planning",
        "downloading",
        "downloading",
        "installing",
        "checking",
    ]
    assert [each.share for each in told] == sorted(each.share for each in told)
    assert told[2].sentence == "Fetching torch."


def test_what_was_planned_is_installed_and_nothing_else(settings: Settings) -> None:
    fake = Fake()
    environment.install(settings, "cpu", silent, tools=fake)
    assert fake.installed == ["torch==2.13.0+cpu", "transformers==5.23.0"]
    assert all("--no-deps" in each for each in fake.commands if "--dry-run" not in each)
    assert len(fake.commands) == 2
    environment.install(settings, "cpu", silent, tools=fake)  # it is there
    assert len(fake.commands) == 2


def test_a_choice_of_cpu_never_downloads_cuda(settings: Settings) -> None:
    fake = Fake(FOR_CUDA)
    with pytest.raises(TrainerUnavailable) as refused:
        environment.install(settings, "cpu", silent, tools=fake)
    assert "(nvidia-cublas, triton and others)" in str(refused.value)
    assert "Set WHETSTONE_TORCH_INDEX to the address of an index with CPU builds" in str(refused.value)
    assert fake.installed == []
    assert list((settings.home / "trainer").glob("env-*")) == []
    assert environment.status(settings).state == "missing"


@pytest.mark.parametrize(
    ("found", "device", "is_refused"),
    [
        (FOR_CPU, "cpu", False),
        (FOR_CPU, "cuda", True),
        (FOR_CUDA, "cpu", True),
        (FOR_CUDA, "cuda", False),
        ([("torch", "2.13.0")], "cpu", False),  # macOS, Windows
        ([("torch", "2.13.0")], "cuda", True),
        ([("torch", "2.13.0+cu130")], "cpu", True),
        ([("torch", "2.13.0+cu130")], "cuda", False),  # Windows, from an index of CUDA builds
        ([("torch", "2.13.0"), ("cuda-toolkit", "13.1")], "cpu", True),
        ([("torch", "2.13.0"), ("pytorch-triton", "3.7")], "cpu", True),
        ([("torch", "2.13.0+cpu"), ("tritonclient", "2")], "cpu", False),
    ],
)
def test_the_plan_has_to_fit_the_device(found: list[tuple[str, str]], device: Any, is_refused: bool) -> None:
    planned = packages.planned(report(found))
    assert planned == [Package(*each) for each in found]
    if is_refused:
        with pytest.raises(TrainerUnavailable, match="nothing was installed"):
            packages.refuse_wrong(planned, device)
    else:
        packages.refuse_wrong(planned, device)


def test_an_index_of_ones_own_is_asked_without_showing_its_password(tmp_path: Path) -> None:
    settings = with_home(tmp_path, WHETSTONE_TORCH_INDEX="https://me:secret@index.invalid/cpu")
    fake = Fake()
    environment.install(settings, "cpu", silent, tools=fake)
    assert fake.installed[0] == "--extra-index-url https://me:secret@index.invalid/cpu"
    assert "secret" not in str(fake.commands)


#: Installs, says so in the middle of it, and goes no further.
HANGS = """
import sys, time
from tests.trainer.test_environment import Fake, environment, silent, with_home
fake = Fake()
fake.meanwhile = lambda: (print("in the middle", flush=True), time.sleep(600))
environment.install(with_home(sys.argv[1]), "cpu", silent, tools=fake)
"""


def test_an_installation_that_was_killed_is_begun_again(settings: Settings) -> None:
    command = [sys.executable, "-c", HANGS, str(settings.home)]
    with subprocess.Popen(command, cwd=packages.ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "in the middle\n"
        assert environment.status(settings).state == "installing"
        process.kill()
    folder = settings.home / "trainer"
    (half,) = folder.glob("env-*")
    assert environment.status(settings).state == "missing"
    assert environment.install(settings, "cpu", silent, tools=Fake()).state == "ready"
    assert not half.exists()
    assert not (folder / "progress.json").exists()


def test_one_installs_and_others_see_how_far_it_is(settings: Settings) -> None:
    seen: list[environment.Environment] = []

    def meanwhile() -> None:
        seen.append(environment.status(settings))
        with pytest.raises(TrainerUnavailable, match="being installed at this moment"):
            environment.install(settings, "cpu", silent, tools=Fake())

    fake = Fake()
    fake.meanwhile = meanwhile
    environment.install(settings, "cpu", silent, tools=fake)
    (while_it_ran,) = seen
    assert while_it_ran.state == "installing"
    assert while_it_ran.progress == InstallProgress("installing", 0.65, "Installing 2 packages.")
    assert while_it_ran.python is None


def test_what_pip_could_not_do_is_said_and_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(TrainerUnavailable, match=r"No space left on device Check the connection"):
        environment.install(settings, "cpu", silent, tools=Fake(fails="No space left on device"))
    assert list((settings.home / "trainer").glob("env-*")) == []
    assert environment.status(settings).state == "missing"


def test_whoever_is_told_can_end_it(settings: Settings) -> None:
    def tell(progress: InstallProgress) -> None:
        if progress.phase == "installing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        environment.install(settings, "cpu", tell, tools=Fake())
    assert list((settings.home / "trainer").glob("env-*")) == []


def test_another_lock_makes_it_outdated_and_the_old_one_works_until_the_new_one_does(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = environment.install(settings, "cpu", silent, tools=Fake())
    lock = tmp_path / "lock.txt"
    lock.write_text(packages.LOCK.read_text() + "one-more==1.0\n")
    monkeypatch.setattr(packages, "LOCK", lock)
    found = environment.status(settings)
    assert found.state == "outdated"
    assert found.python == old.python
    with pytest.raises(TrainerUnavailable):
        environment.install(settings, "cpu", silent, tools=Fake(fails="no network"))
    assert old.python
    assert old.python.exists()
    new = environment.install(settings, "cpu", silent, tools=Fake())
    assert new.state == "ready"
    assert not old.python.exists()


def test_another_device_is_another_environment(settings: Settings) -> None:
    environment.install(settings, "cpu", silent, tools=Fake())
    made = environment.install(settings, "cuda", silent, tools=Fake(FOR_CUDA))
    assert (made.state, made.device) == ("ready", "cuda")
    assert len(list((settings.home / "trainer").glob("env-*"))) == 1


def test_a_damaged_one_is_seen_and_made_anew(settings: Settings) -> None:
    made = environment.install(settings, "cpu", silent, tools=Fake())
    assert made.python
    made.python.unlink()
    assert environment.status(settings).state == "broken"
    assert environment.install(settings, "cpu", silent, tools=Fake()).state == "ready"


def test_removed_it_is_missing_again(settings: Settings) -> None:
    assert environment.remove(settings) == 0
    environment.install(settings, "cpu", silent, tools=Fake())
    environment.remove(settings)
    assert environment.status(settings).state == "missing"
    with alone(settings.home / "trainer"), pytest.raises(TrainerUnavailable):
        environment.remove(settings)


def test_a_disk_that_is_too_full_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(environment._ROOM, "cpu", 1 << 60)
    with pytest.raises(TrainerUnavailable, match="GB of disk"):
        environment.install(settings, "cpu", silent, tools=Fake())


def test_a_device_that_does_not_exist_is_refused(settings: Settings) -> None:
    with pytest.raises(TrainerUnavailable, match="choose cpu or cuda"):
        environment.install(settings, "tpu", silent, tools=Fake())  # pyright: ignore[reportArgumentType]


class Counting(Fake):
    """Counts how often a Python is tried."""

    checks = 0

    def check(self, python: Path, line: Line) -> int:
        self.checks += 1
        return super().check(python, line)


def test_a_python_that_is_given_is_tried_once(tmp_path: Path) -> None:
    python = tmp_path / "given" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    settings, counting = with_home(tmp_path / "home", WHETSTONE_TRAINER_PYTHON=python), Counting()
    first = environment.status(settings, tools=counting)
    assert (first.state, first.python, first.device) == ("ready", python, "cpu")
    assert environment.status(settings, tools=counting) == first
    assert counting.checks == 1
    with pytest.raises(TrainerUnavailable, match="so nothing is installed"):
        environment.install(settings, "cpu", silent, tools=counting)
    python.unlink()
    assert "does not exist" in environment.status(settings, tools=counting).sentence


def test_a_python_without_the_packages_is_named_with_what_is_missing(tmp_path: Path) -> None:
    """The real check, on the Python of the tests, which has no torch."""
    settings = with_home(tmp_path, WHETSTONE_TRAINER_PYTHON=sys.executable)
    found = environment.status(settings)
    assert found.state == "broken"
    assert "No module named 'torch'" in found.sentence
    assert "WHETSTONE_TRAINER_PYTHON" in found.sentence


def test_the_environment_of_these_tests_has_what_the_lock_says(trainer_python: Path) -> None:
    facts = packages.check(packages.Tools(), trainer_python)
    pins = dict(
        line.partition("  #")[0].split("==")
        for line in packages.REQUIREMENTS.read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert {name: version.partition("+")[0] for name, version in facts.versions.items()} == pins


def test_every_pin_is_in_the_lock() -> None:
    locked = packages.LOCK.read_text().splitlines()
    pins = [line.partition("  #")[0] for line in packages.REQUIREMENTS.read_text().splitlines() if "==" in line]
    assert len(pins) == 9
    assert [pin for pin in pins if pin not in locked] == []
