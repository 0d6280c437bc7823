"""start.py, without installing anything: pip and venv are played by a fake."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project folder with requirements, in a path with a space."""
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "requirements.txt").write_text("streamlit\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\npytest\n")
    return folder


class FakeInstaller:
    """Makes the files that `python -m venv` makes, remembers commands, and fails where told."""

    def __init__(self, fail_on: str = "") -> None:
        self.commands: list[str] = []
        self.fail_on = fail_on

    def __call__(self, command: Sequence[str]) -> int:
        verb = command[2]
        self.commands.append(verb)
        if verb == self.fail_on:
            return 1
        if verb == "venv":
            python = start.environment_python(Path(command[3]))
            python.parent.mkdir(parents=True)
            python.touch()
        return 0


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("app", [])),
        (["--", "--server.port", "8600"], ("app", ["--server.port", "8600"])),
        (["--server.port=8600"], ("app", ["--server.port=8600"])),
        (["test"], ("test", [])),
        (["test", "-x", "tests/test_start.py"], ("test", ["-x", "tests/test_start.py"])),
        (["test", "--", "-k", "port"], ("test", ["-k", "port"])),
        (["core", "migrate", "--help"], ("core", ["migrate", "--help"])),
    ],
)
def test_arguments_choose_what_runs(arguments: list[str], expected: tuple[str, list[str]]) -> None:
    assert start.split_arguments(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], None),
        (["--server.port", "8600"], "8600"),
        (["--server.port=8600"], "8600"),
        (["--server.port=8600", "--server.port", "8700"], "8700"),
        (["--server.port"], None),
        (["--server.portal=1"], None),
    ],
)
def test_a_named_port_is_found(arguments: list[str], expected: str | None) -> None:
    assert start.named_port(arguments) == expected


def test_an_old_python_is_told_what_to_do() -> None:
    with pytest.raises(start.CannotStart, match=r"3\.11 or newer, and this is 3\.10\.4"):
        start.check_python((3, 10, 4))
    start.check_python((3, 11, 0))


def test_a_taken_port_is_passed_over_when_none_was_named(
    folder: Path, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(f"[server]\nport = {taken_port}\n")
    port = start.choose_port([], {}, folder)
    assert port is not None
    assert port > taken_port
    assert capsys.readouterr().out == f"Port {taken_port} is taken, so Whetstone uses port {port}.\n"


@pytest.mark.parametrize("source", ["argument", "environment"])
def test_a_taken_port_is_refused_when_it_was_named(folder: Path, taken_port: int, source: str) -> None:
    arguments = [f"--server.port={taken_port}"] if source == "argument" else []
    environment = {"STREAMLIT_SERVER_PORT": str(taken_port)} if source == "environment" else {}
    with pytest.raises(start.CannotStart, match=f"Port {taken_port} is taken"):
        start.choose_port(arguments, environment, folder)


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_refused(folder: Path, port: str) -> None:
    with pytest.raises(start.CannotStart, match="is not a port"):
        start.choose_port(["--server.port", port], {}, folder)


def test_a_free_named_port_is_left_to_streamlit(folder: Path) -> None:
    assert start.choose_port(["--server.port", str(free_port())], {}, folder) is None


def test_all_tests_share_the_processors_and_chosen_ones_do_not() -> None:
    *command, processes = start.test_command(Path("python"), [])[1:5]
    assert command == ["-m", "pytest", "-n"]
    assert 2 <= int(processes) <= 4
    assert start.test_command(Path("python"), ["tests/api", "-x"])[1:] == ["-m", "pytest", "tests/api", "-x"]


def test_the_app_gets_further_arguments() -> None:
    command = start.app_command(Path("python"), ["--server.address", "0.0.0.0"], 8502)
    assert command[:5] == ["python", "-m", "streamlit", "run", "app.py"]
    assert command[-3:] == ["--server.port=8502", "--server.address", "0.0.0.0"]


def test_the_first_start_makes_and_fills_the_environment(folder: Path) -> None:
    installer = FakeInstaller()
    python = start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["venv", "pip"]
    assert python.is_relative_to(folder / ".venv")


def test_the_next_start_installs_nothing(folder: Path) -> None:
    start.prepare(folder, "requirements.txt", FakeInstaller())
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == []


def test_changed_requirements_are_installed_into_the_same_environment(folder: Path) -> None:
    start.prepare(folder, "requirements.txt", FakeInstaller())
    (folder / "requirements.txt").write_text("streamlit\nplotly\n")
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["pip"]


def test_the_environment_for_tests_serves_the_app_too(folder: Path) -> None:
    start.prepare(folder, "requirements-dev.txt", FakeInstaller())
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == []


def test_a_change_of_the_included_file_renews_the_environment_for_tests(folder: Path) -> None:
    start.prepare(folder, "requirements-dev.txt", FakeInstaller())
    (folder / "requirements.txt").write_text("streamlit\nplotly\n")
    installer = FakeInstaller()
    start.prepare(folder, "requirements-dev.txt", installer)
    assert installer.commands == ["pip"]


def test_an_interrupted_installation_is_made_anew(folder: Path) -> None:
    def interrupted(command: Sequence[str]) -> int:
        FakeInstaller()(command)
        if command[2] == "pip":
            (folder / ".venv" / "half a package").touch()
            raise KeyboardInterrupt
        return 0

    with pytest.raises(KeyboardInterrupt):
        start.prepare(folder, "requirements.txt", interrupted)
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["venv", "pip"]
    assert not (folder / ".venv" / "half a package").exists()


def test_a_stamp_that_was_cut_short_counts_as_interrupted(folder: Path) -> None:
    start.prepare(folder, "requirements.txt", FakeInstaller())
    (folder / ".venv" / "whetstone.json").write_text('{"ours": tr')
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["venv", "pip"]


def test_an_environment_whose_python_is_gone_is_made_anew(folder: Path) -> None:
    start.prepare(folder, "requirements.txt", FakeInstaller()).unlink()
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["venv", "pip"]


def test_somebody_elses_environment_is_never_removed(folder: Path) -> None:
    python = start.environment_python(folder / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    own = folder / ".venv" / "own file"
    own.touch()
    with pytest.raises(start.CannotStart):
        start.prepare(folder, "requirements.txt", FakeInstaller(fail_on="pip"))
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands == ["pip"]
    assert own.exists()


def test_a_failed_installation_is_told_and_tried_again(folder: Path) -> None:
    with pytest.raises(start.CannotStart, match=r"could not install what requirements\.txt asks for"):
        start.prepare(folder, "requirements.txt", FakeInstaller(fail_on="pip"))
    installer = FakeInstaller()
    start.prepare(folder, "requirements.txt", installer)
    assert installer.commands[-1] == "pip"


def test_a_python_without_venv_is_told_what_to_install(folder: Path) -> None:
    with pytest.raises(
        start.CannotStart, match=r"install its venv module \(Debian, Ubuntu: sudo apt install python3\.\d+-venv\)"
    ):
        start.prepare(folder, "requirements.txt", FakeInstaller(fail_on="venv"))


def _prepare_slowly(folder: Path, log: Path) -> None:
    def installer(command: Sequence[str]) -> int:
        with log.open("a") as file:
            file.write(f"{command[2]} begins\n")
            file.flush()
            time.sleep(0.2)
            FakeInstaller()(command)
            file.write(f"{command[2]} ends\n")
        return 0

    start.prepare(folder, "requirements.txt", installer)


def test_two_starts_at_once_install_once(folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    # Not multiprocessing: it runs the script of the last page test once more in each child.
    program = (
        "import sys, pathlib; from tests.test_start import _prepare_slowly;"
        " _prepare_slowly(*map(pathlib.Path, sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, str(folder), str(log)]
    starts = [subprocess.Popen(command, cwd=Path(start.__file__).parent) for _ in range(2)]
    assert [process.wait() for process in starts] == [0, 0]
    assert log.read_text().splitlines() == ["venv begins", "venv ends", "pip begins", "pip ends"]


def test_the_exit_code_of_a_command_is_passed_through() -> None:
    assert start.run_patiently([sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.mark.skipif(os.name == "nt", reason="no exec on Windows")
def test_the_program_takes_the_place_of_start() -> None:
    replaced = [sys.executable, "-c", "raise SystemExit(4)"]
    code = f"import sys; sys.path.insert(0, {str(start.FOLDER)!r}); import start; start.become({replaced!r})"
    assert start.run_patiently([sys.executable, "-c", code]) == 4
