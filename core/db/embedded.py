"""The embedded PostgreSQL: one server for each home folder, shared by every process that starts it.

On POSIX it listens on a Unix socket in a private folder and on nothing else; on Windows on 127.0.0.1 with a
random password. The server outlives the process that started it, and `stop` leaves it alone while anybody is
connected.
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from core import shortages
from core.db import binaries
from core.errors import DatabaseUnavailable
from core.files import locked

#: The database that holds Whetstone's schemas.
DATABASE = "whetstone"

#: Written to the data folder at every start. ALTER SYSTEM wins over it, so an administrator has the last word.
CONFIGURATION = {
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "2",
    "random_page_cost": "1.1",
    "fsync": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "wal_compression": "off",  # on means pglz here: the first index after a load took 12 s instead of 3 s
    "jit": "off",
    "logging_collector": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

#: macOS allows 103 bytes for the path of a socket, Linux 107.
_LONGEST_SOCKET_PATH = 103
#: Recovery after a crash replays up to max_wal_size; a slow disk needs minutes for that.
_START_TIMEOUT_S = 900
#: Processes of a killed server that are busy with a query hold its memory until they notice.
_ORPHANS_TIMEOUT_S = 60


class EmbeddedPostgres:
    """The PostgreSQL server whose data lives in `home`.

    `pg_bin` names the folder of the programs to use; `conf` overrides single lines of `CONFIGURATION`.
    """

    def __init__(self, home: Path, *, pg_bin: Path | None = None, conf: Mapping[str, str] | None = None) -> None:
        self.home = Path(home).expanduser().absolute()
        self._pg_bin = pg_bin
        self._configuration = {**CONFIGURATION, **_careful_with_shared_memory(), **(conf or {})}
        self._user = binaries.server_user()

    # Life cycle

    def start(self) -> str:
        """Start the server unless it runs already, wait until it answers, and return the URL of the database."""
        try:
            self._prepare_home()
            deadline = time.monotonic() + _START_TIMEOUT_S
            with self._lock():
                if not (self._data / "PG_VERSION").exists():
                    self._initialise()
                self._check_owner()
                while not self._answers():
                    if not self._is_listening():
                        self._launch()
                    if time.monotonic() > deadline:
                        raise DatabaseUnavailable(f"The database in {self.home} does not answer; see {self._log_file}.")
                    time.sleep(0.05)
            return self.url()
        except OSError as error:
            sentence = shortages.sentence(error, folder=self.home)
            if sentence is None:
                raise
            raise DatabaseUnavailable(sentence) from error

    def revive(self) -> str:
        """Start the server again if it was killed or stopped, and return the URL of the database.

        Never makes a new one where the data is gone: that would look like an empty company.
        """
        if not self._majors_on_disk():
            raise DatabaseUnavailable(f"The data in {self.home} is gone; put it back, or start Whetstone again.")
        # One that listens and still refuses is full, not dead; waiting for it is the caller's choice.
        return self.url() if self._is_listening() else self.start()

    def stop(self, only_if_unused: bool = True) -> bool:
        """Stop the server; True when it is down afterwards.

        `only_if_unused` leaves it running while other programs are connected: real connections are counted,
        because a list of pids goes wrong as soon as one of them is killed.
        """
        if not self.home.exists():
            return True
        with self._lock():
            if not self._is_listening():
                return True
            if only_if_unused and self._is_used():
                return False
            socket_folder = self._socket_folder()
            self._programs.run("pg_ctl", "-D", self._data, "-m", "fast", "-w", "-t", 120, "stop")
            if socket_folder.parent != self.home:
                with suppress(OSError):
                    socket_folder.rmdir()  # do not litter the temporary folder
            return True

    def running(self) -> bool:
        """Whether the server accepts connections or is about to."""
        return self.home.exists() and bool(self._majors_on_disk()) and self._is_listening()

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of one database, for psycopg and SQLAlchemy.

        Every part is given, so PG* variables do not leak in.
        """
        if sys.platform == "win32":
            password = (self.home / "password").read_text(encoding="ascii")
            return f"postgresql://postgres:{password}@127.0.0.1:{self._port()}/{database}"
        folder = quote(str(self._socket_folder()), safe="")
        return f"postgresql:///{database}?host={folder}&port=5432&user=postgres"

    # Places

    @cached_property
    def _programs(self) -> binaries.Programs:
        return binaries.find(self.home, self._user, pg_bin=self._pg_bin, majors_on_disk=self._majors_on_disk())

    @cached_property
    def _data(self) -> Path:
        """One folder for each major version, because no version reads another's files."""
        return self.home / f"pg{self._programs.major}"

    @property
    def _log_file(self) -> Path:
        return self.home / "postgres.log"

    def _majors_on_disk(self) -> list[int]:
        """Major versions with data in this home, newest first."""
        folders = (path.parent.name[2:] for path in self.home.glob("pg*/PG_VERSION"))
        return sorted((int(name) for name in folders if name.isdigit()), reverse=True)

    def _pid_file(self) -> list[str]:
        """Return the lines of postmaster.pid: pid, data folder, start time, port, socket folder, ..."""
        try:
            return (self._data / "postmaster.pid").read_text(errors="replace").splitlines()
        except OSError:
            return []

    def _port(self) -> int:
        lines = self._pid_file()
        return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else 0

    def _socket_folder(self) -> Path:
        """Where the running server put its socket; before it runs, where it will."""
        lines = self._pid_file()
        if len(lines) > 4 and lines[4].startswith("/"):
            return Path(lines[4])  # another process may have had another TMPDIR
        folder = self.home / "socket"
        # libpq reads a comma as the end of a host and knows no way to quote it.
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH and "," not in str(folder):
            return folder
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"whetstone-{digest}"

    # Is it there?

    def _is_listening(self) -> bool:
        """Whether somebody accepts connections where our server would. Asks the kernel, not a pid file."""
        if sys.platform == "win32":
            # A port may have gone to another program since; a socket file in our own folder cannot.
            address, family = ("127.0.0.1", self._port()), socket.AF_INET
            if not address[1] or not self._is_our_server(self._pid_file()[0]):
                return False
        else:
            address, family = str(self._socket_folder() / ".s.PGSQL.5432"), socket.AF_UNIX
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            try:
                probe.connect(address)
            except TimeoutError:
                return True  # overloaded, but there
            except OSError:
                return False
        return True

    def _answers(self) -> bool:
        """Whether our database can be used now; creates it on a new server."""
        if not self._is_listening():
            return False
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if not known:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                raise DatabaseUnavailable(
                    f"The database in {self.home} refuses the password in {self.home / 'password'}."
                ) from None
            return False  # starting up, shutting down, recovering: all of them pass
        return True

    def _is_used(self) -> bool:
        """One that cannot be asked, because it is full or recovers, is left to whoever uses it."""
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ).fetchone()
            return (row[0] if row else 0) > 0
        except psycopg.OperationalError:
            return True

    def _is_our_server(self, pid: str) -> bool:
        """Whether `pid` is a server on our data. A server's working folder is its data folder."""
        try:
            process = psutil.Process(int(pid))
            if process.status() == psutil.STATUS_ZOMBIE:  # in a container whose first process reaps nobody
                return False
            return "postgres" in process.name().lower() and Path(process.cwd()).samefile(self._data)
        except (ValueError, OSError, psutil.Error):
            return False  # not a pid, no such process, or one of another user, whose server ours cannot be

    # Making it

    def _prepare_home(self) -> None:
        """Create the home folder and make sure that we and the server's user can use it."""
        missing = [folder for folder in (self.home, *self.home.parents) if not folder.exists()]
        try:
            for folder in reversed(missing):
                folder.mkdir(mode=0o700, exist_ok=True)
                if self._user.is_switched:
                    folder.chmod(0o711)  # ours, new, and the server's user has to pass through
        except OSError as error:
            raise DatabaseUnavailable(
                f"The folder {self.home} cannot be created ({error.strerror}); set WHETSTONE_HOME to one that can."
            ) from None
        if not (self.home.is_dir() and os.access(self.home, os.W_OK | os.X_OK)):
            raise DatabaseUnavailable(
                f"The folder {self.home} is not writable for this user; set WHETSTONE_HOME to one that is."
            )
        if self._user.is_switched and not self._is_reachable(self.home):
            raise DatabaseUnavailable(
                f"PostgreSQL does not run as root, and the user `nobody`, who runs it then, cannot reach {self.home}; "
                "set WHETSTONE_HOME to a folder that everybody can pass through, for example /var/lib/whetstone."
            )

    def _is_reachable(self, folder: Path) -> bool:
        """Whether the server's user can enter `folder`: tried by entering it."""
        test = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
            cwd="/",
            capture_output=True,
            check=False,
            **self._user.popen_arguments(),  # type: ignore[arg-type]
        )
        return test.returncode == 0

    def _check_owner(self) -> None:
        if sys.platform != "win32" and self._data.stat().st_uid != self._user.uid:
            raise DatabaseUnavailable(
                f"The data in {self._data} belongs to user id {self._data.stat().st_uid}, and the server would run as "
                f"user id {self._user.uid}; start Whetstone as the user who created it, or set WHETSTONE_HOME."
            )

    def _initialise(self) -> None:
        """Make the data folder beside its final name and move it there when it is whole."""
        for unfinished in self.home.glob(".new-*"):  # of a first start that was killed; we hold the lock
            if unfinished.is_dir():
                shutil.rmtree(unfinished, ignore_errors=True)  # its initdb may still be writing
            else:
                unfinished.unlink()
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self.home))
        self._give_away(folder)
        password = self._file_for_server(folder.with_suffix(".password"), secrets.token_urlsafe(24))
        try:
            self._programs.run(
                "initdb",
                *("-D", folder, "-U", "postgres", "-E", "UTF8", "--data-checksums"),
                *self._locale_arguments(),
                *(["--no-sync"] if self._configuration["fsync"] == "off" else []),
                f"--auth={'scram-sha-256' if sys.platform == 'win32' else 'trust'}",  # POSIX: a private socket folder
                f"--pwfile={password}",
            )
            with (folder / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write("\ninclude_if_exists = 'whetstone.conf'\n")
            password.replace(self.home / "password")
            folder.rename(self._data)
        except (DatabaseUnavailable, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            password.unlink(missing_ok=True)
            short = shortages.kind(error) or shortages.kind_in_words(str(error))
            if short is None:
                raise
            raise DatabaseUnavailable(shortages.say(short, self.home)) from error

    def _locale_arguments(self) -> list[str]:
        """Code-point order and Unicode case, the same on every system and in every later version."""
        if self._programs.major >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C", *(["--lc-ctype=C.UTF-8"] if sys.platform == "linux" else [])]

    def _launch(self) -> None:
        """Start the server process. Waits for orphans of a killed one to let go of its shared memory."""
        give_up = time.monotonic() + _ORPHANS_TIMEOUT_S
        while True:
            self._clear_stale_locks()
            self._write_configuration()
            log_end = self._log_file.stat().st_size if self._log_file.exists() else 0
            if not log_end:
                self._file_for_server(self._log_file, "")
            try:
                # Relative paths, because pg_ctl hands them to a shell, which reads quotes and dollars in them.
                log = Path("..", self._log_file.name)
                arguments = ("-D", ".", "-l", log, "-w", "-t", _START_TIMEOUT_S)
                self._programs.run("pg_ctl", *arguments, "start", folder=self._data)
            except DatabaseUnavailable as error:
                reason = self._last_fatal_line(log_end)
                if "shared memory block" in reason and time.monotonic() < give_up:
                    time.sleep(0.2)
                    continue
                short = shortages.kind(error) or shortages.kind_in_words(
                    f"{reason} {error} {self._said_since(log_end)}"
                )
                raise DatabaseUnavailable(
                    shortages.say(short, self.home)
                    if short
                    else f"The database in {self.home} could not be started: {reason or error} (log: {self._log_file})."
                ) from error
            return

    def _last_fatal_line(self, start: int) -> str:
        """Return what the server said last about why it stopped, in the log after byte `start`."""
        with suppress(OSError), self._log_file.open(encoding="utf-8", errors="replace") as log:
            log.seek(start)
            fatal = [line for line in log if "FATAL" in line or "PANIC" in line]
            if fatal:
                return fatal[-1].split("FATAL:")[-1].split("PANIC:")[-1].strip()
        return ""

    def _said_since(self, start: int) -> str:
        """Return the end of what the server logged after byte `start`; on a full disk that may be nothing."""
        with suppress(OSError), self._log_file.open("rb") as log:
            log.seek(start)
            return log.read(1 << 16).decode(errors="replace")
        return ""

    def _write_configuration(self) -> None:
        lines = dict(self._configuration)
        if sys.platform == "win32":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                lines |= {"listen_addresses": "127.0.0.1", "port": str(free.getsockname()[1])}
        else:
            lines |= {"listen_addresses": "", "port": "5432"}
            lines |= {"unix_socket_directories": self._private_socket_folder()}
        text = "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in lines.items())
        self._file_for_server(self._data / "whetstone.conf", text)

    def _private_socket_folder(self) -> str:
        """Return the socket's folder, quoted for a setting that is a list.

        Whoever enters it is superuser of the database, so it has to be private.
        """
        folder = self._socket_folder()
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            self._give_away(folder)
        found = folder.lstat()
        if found.st_uid != self._user.uid or found.st_mode & 0o077 or folder.is_symlink():
            raise DatabaseUnavailable(f"The folder {folder} is not private to the database's user; remove it.")
        return '"{}"'.format(str(folder).replace('"', '""'))

    def _clear_stale_locks(self) -> None:
        """Remove lock files that name a process which is not our server.

        After a power cut the pid in them may belong to some other program, and PostgreSQL, which only asks
        whether the pid lives, would refuse to start. Two servers on one folder stay impossible: PostgreSQL also
        checks whether anybody is attached to the shared memory that belongs to the folder.
        """
        self._remove_if_stale(self._data / "postmaster.pid")
        # Only now: without postmaster.pid this is the folder that the new server will use.
        self._remove_if_stale(self._socket_folder() / ".s.PGSQL.5432.lock")

    def _remove_if_stale(self, lock_file: Path) -> None:
        with suppress(FileNotFoundError):
            pid = lock_file.read_text(errors="replace").partition("\n")[0]
            if not self._is_our_server(pid):
                lock_file.unlink()

    def _file_for_server(self, path: Path, text: str) -> Path:
        """Write a file that only the server's user can read."""
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self._give_away(path)
        return path

    def _give_away(self, path: Path) -> None:
        """Make the server's user the owner of something we just made."""
        if sys.platform != "win32" and self._user.is_switched:
            os.chown(path, self._user.uid, self._user.gid)

    def _lock(self) -> AbstractContextManager[None]:
        """One process, and one thread of it, starts or stops at a time."""
        return locked(self.home / "lock")


def _careful_with_shared_memory() -> dict[str, str]:
    """Containers often have 64 MB of /dev/shm, which one parallel hash join can overrun; do without it there."""
    try:
        size = shutil.disk_usage("/dev/shm").total  # noqa: S108 (measured, not written to)
    except OSError:
        return {}
    return {"enable_parallel_hash": "off"} if size < 1 << 30 else {}
