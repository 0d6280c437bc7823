"""Start Whetstone: `python3 start.py`.

Makes the environment `.venv` beside this file, installs what `requirements.txt` asks for, and runs the app.
Needs nothing but Python 3.11 or newer.

    python3 start.py [-- --server.port 8600 ...]   the app; further arguments go to Streamlit
    python3 start.py core COMMAND ...              the command line, `python -m core`
    python3 start.py test [ARGUMENTS ...]          the tests; further arguments go to pytest
"""

# Old Pythons must be able to read this file, so that they can say what is missing.
from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 11)
DEFAULT_PORT = 8501
WINDOWS = os.name == "nt"


class CannotStart(Exception):
    """Something is missing; the message is one sentence that says what to do."""


def main(arguments: list[str]) -> int:
    """Prepare the environment, then become the program that was asked for."""
    try:
        check_python(sys.version_info[:3])
        if arguments[:1] in (["-h"], ["--help"]):
            print(__doc__)
            return 0
        command, rest = split_arguments(arguments)
        # Before the installation, which takes a minute: a taken port is known now.
        port = choose_port(rest, os.environ, FOLDER) if command == "app" else None
        python = prepare(FOLDER, "requirements-dev.txt" if command == "test" else "requirements.txt", run_patiently)
        if command == "core":
            return become(core_command(python, rest), environment={"PYTHONPATH": str(FOLDER)})
        os.chdir(FOLDER)
        return become(test_command(python, rest) if command == "test" else app_command(python, rest, port))
    except CannotStart as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def check_python(version: Sequence[int]) -> None:
    """Refuse a Python that is too old."""
    if tuple(version[:2]) < OLDEST_PYTHON:
        raise CannotStart(
            "Whetstone needs Python {}.{} or newer, and this is {}; start it with a newer one, for example "
            "`python3.12 start.py`.".format(*OLDEST_PYTHON, ".".join(map(str, version)))
        )


# Arguments


def split_arguments(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return what to run (`app`, `test` or `core`) and the arguments for it."""
    rest = list(arguments)
    command = rest.pop(0) if rest[:1] in (["test"], ["core"]) else "app"
    if rest[:1] == ["--"]:
        rest.pop(0)
    return command, rest


def app_command(python: Path, arguments: Sequence[str], port: int | None) -> list[str]:
    """Return the command that serves the app; `port` is None where the arguments or the environment name one."""
    chosen = [] if port is None else [f"--server.port={port}"]
    # Without this, the first start on a machine waits for an e-mail address.
    return [str(python), "-m", "streamlit", "run", "app.py", "--server.showEmailPrompt=false", *chosen, *arguments]


def test_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """The command that tests: all of it in one process more than there are processors, for many tests wait, but in four
    at most; in a new order each time (`--randomly-seed=NUMBER` brings one back: the run names it). The slowest are
    listed.
    """
    processes = min((os.cpu_count() or 1) + 1, 4)
    everything = ["-n", str(processes), "--no-loadscope-reorder", "--durations=25", "--durations-min=5"]
    return [str(python), "-m", "pytest", *(arguments or everything)]


def core_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """Return the command line, run where the user stands; -P keeps a folder `core` there from being taken for ours."""
    return [str(python), "-P", "-m", "core", *arguments]


# Port


def choose_port(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> int | None:
    """Return the port to ask Streamlit for, or None where the user named one, which then has to be free."""
    wanted = named_port(arguments) or environment.get("STREAMLIT_SERVER_PORT")
    if wanted:
        if not wanted.isdigit() or not 0 < int(wanted) < 65536:
            raise CannotStart(f"{wanted!r} is not a port; name a number from 1 to 65535.")
        if not is_free(int(wanted)):
            raise CannotStart(f"Port {wanted} is taken by another program; name another one with --server.port.")
        return None
    usual = configured_port(folder) or DEFAULT_PORT
    port = next((port for port in range(usual, min(usual + 100, 65536)) if is_free(port)), None)
    if port is None:
        raise CannotStart(f"All ports from {usual} to {usual + 99} are taken; name a free one with --server.port.")
    if port != usual:
        print(f"Port {usual} is taken, so Whetstone uses port {port}.", flush=True)
    return port


def named_port(arguments: Sequence[str]) -> str | None:
    """Return the port among Streamlit's arguments. The last one counts."""
    found = None
    for position, argument in enumerate(arguments):
        if argument.startswith("--server.port="):
            found = argument.partition("=")[2]
        elif argument == "--server.port" and position + 1 < len(arguments):
            found = arguments[position + 1]
    return found


def configured_port(folder: Path) -> int | None:
    """Return the port in `.streamlit/config.toml`, if it names one."""
    import tomllib  # not in the Pythons that only have to read this file

    try:
        text = (folder / ".streamlit" / "config.toml").read_text(encoding="utf-8")
        port = tomllib.loads(text).get("server", {}).get("port")
    except (OSError, ValueError):
        return None
    return port if isinstance(port, int) else None


def is_free(port: int) -> bool:
    """Whether nobody listens on `port` and we may."""
    with socket.socket() as probe:
        probe.settimeout(1)
        # Asked first: macOS lets us bind 127.0.0.1 beside somebody who has all addresses.
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        if not WINDOWS:  # there it would mean sharing the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


# Environment


def prepare(folder: Path, requirements: str, run: Callable[[Sequence[str]], int]) -> Path:
    """Return the Python of an environment that has what the file `requirements` asks for.

    The stamp is written first as "not ready" and last as "ready". An environment of ours that is not ready was
    interrupted and is made anew; one that somebody else made is only ever installed into.
    """
    environment = folder / ".venv"
    with locked(folder / ".venv.lock"):
        wanted = fingerprint(folder / requirements)
        stamp = read_stamp(environment)
        python = environment_python(environment)
        if python.exists() and stamp["ready"] and stamp["installed"].get(requirements) == wanted:
            return python
        if stamp["ours"] and not (python.exists() and stamp["ready"]):
            shutil.rmtree(environment, ignore_errors=True)
        if not python.exists():
            create(environment, run)
        ours = read_stamp(environment)["ours"]
        write_stamp(environment, ours=ours, ready=False, installed={})
        print(f"Installing what {requirements} asks for into .venv; once, and it takes a minute or two.", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        if run([*pip, "-r", str(folder / requirements)]):
            raise CannotStart(
                f"pip could not install what {requirements} asks for (its own words are above); "
                "check the connection to the package index and start again."
            )
        # The requirements for tests include those of the app.
        installed = {name: fingerprint(folder / name) for name in included(folder / requirements)}
        write_stamp(environment, ours=ours, ready=True, installed=installed)
    return python


def create(environment: Path, run: Callable[[Sequence[str]], int]) -> None:
    """Make an empty environment."""
    version = "{}.{}".format(*sys.version_info[:2])
    advice = (
        f"This Python cannot make virtual environments; install its venv module "
        f"(Debian, Ubuntu: sudo apt install python{version}-venv) and start again."
    )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise CannotStart(advice)
    environment.mkdir(exist_ok=True)
    write_stamp(environment, ours=True, ready=False, installed={})
    print(f"Making an environment with Python {version} in {environment}.", flush=True)
    if run([sys.executable, "-m", "venv", str(environment)]):
        raise CannotStart(advice)


def environment_python(environment: Path) -> Path:
    """Where an environment keeps its Python."""
    return environment / "Scripts" / "python.exe" if WINDOWS else environment / "bin" / "python"


def included(requirements: Path) -> list[str]:
    """Return the names of a requirements file and of those that it includes with -r, all in one folder."""
    names = [requirements.name]
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            names += included(requirements.with_name(line[3:].strip()))
    return names


def fingerprint(requirements: Path) -> str:
    """Return a hash that changes with a requirements file, one it includes, or the version of Python."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in included(requirements):
        digest.update(requirements.with_name(name).read_bytes())
    return digest.hexdigest()


def read_stamp(environment: Path) -> dict:
    """Return what we wrote about the environment: did we make it, is it whole, what is installed."""
    empty = {"ours": False, "ready": False, "installed": {}}
    try:
        return {**empty, **json.loads((environment / "whetstone.json").read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return empty
    except (OSError, ValueError):
        return {**empty, "ours": True}  # only we write it, so it was cut short


def write_stamp(environment: Path, *, ours: bool, ready: bool, installed: dict[str, str]) -> None:
    """Write down about the environment what `read_stamp` reads."""
    unfinished = environment / "whetstone.json.new"
    unfinished.write_text(json.dumps({"ours": ours, "ready": ready, "installed": installed}), encoding="utf-8")
    unfinished.replace(environment / "whetstone.json")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one start at a time work on the environment. A killed one lets go by itself."""
    try:
        file = path.open("a+b")
    except OSError as error:
        raise CannotStart(
            f"The folder {path.parent} cannot be written to ({error.strerror}); Whetstone keeps .venv there."
        ) from None
    with file:
        told = False
        while not try_lock(file.fileno()):
            if not told:
                print("Another start is preparing the environment; waiting for it.", flush=True)
                told = True
            time.sleep(0.2)
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file unless another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# Processes


def run_patiently(command: Sequence[str]) -> int:
    """Run a command and say from time to time that it is still running."""
    started = time.monotonic()
    with subprocess.Popen(list(command)) as process:
        while True:
            try:
                return process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                print(f"  still working, {time.monotonic() - started:.0f} s", flush=True)
            except KeyboardInterrupt:
                process.terminate()
                raise


def become(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Hand over to a program: signals and the exit code are then its own."""
    variables = {**os.environ, **(environment or {})}
    if not WINDOWS:
        os.execve(command[0], command, variables)  # noqa: S606
    # Windows would start a second program and return to the prompt at once.
    with subprocess.Popen(command, env=variables) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the program got it too, and ends by itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
