"""Backups: one file holds every workspace; a restored copy proves itself before it takes the place of what is there.

Made and read by PostgreSQL's own `pg_dump` and `pg_restore`, so a file also leads to another machine and to a newer
PostgreSQL. What a restored copy replaces is kept as a database of its own until somebody drops it.
"""

import datetime as dt
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from core import audit
from core.datasets import verification, versions
from core.db import PUBLIC, Database, binaries, migrations, workspaces
from core.db.binaries import Programs
from core.errors import BackupRefused, DatabaseUnavailable
from core.settings import Settings, get_settings

#: When it was made, in UTC, so that the names are in order of time.
_NAME = re.compile(r"whetstone-(\d{8}T\d{6}Z)\.dump")
#: Seconds after which an unfinished file was left by a process that is gone.
_LEFT_S = 24 * 60 * 60
_MAINTENANCE = "postgres"
#: Seconds that a connection may take to be gone once it is closed.
_ENDING_S = 2.0

#: Told what is being done, in words.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Backup:
    """A file that was written, and the older ones that were removed for it."""

    path: Path
    size_bytes: int
    removed: tuple[Path, ...]


@dataclass(frozen=True)
class Restored:
    """What was restored and proved, and the database that holds what was there before; "" where that was empty."""

    workspaces: tuple[str, ...]
    versions: int
    former: str


def backup(db: Database, folder: Path, *, keep: int = 0, settings: Settings | None = None) -> Backup:
    """Write everything in the database to a new file in `folder`, and keep the newest `keep` there; 0 keeps all.

    As of one moment, while everybody works on. Raises `BackupRefused` saying what PostgreSQL's program says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / f"whetstone-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.dump"
    unfinished = path.with_suffix(".part")
    programs = _programs(settings)
    try:
        _run(programs, "pg_dump", db.url, "--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished}")
        _contents(programs, unfinished)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _forget_left(path.parent)
    older = sorted(each for each in path.parent.iterdir() if _NAME.fullmatch(each.name))
    # Never the new one, though a clock that was wrong may have named others after a time to come.
    removed = tuple(each for each in older[:-keep] if each != path) if keep else ()
    for each in removed:
        each.unlink()
    return Backup(path, path.stat().st_size, removed)


def _forget_left(folder: Path) -> None:
    """Whoever was killed while it wrote left a file that is no backup."""
    for each in folder.glob("whetstone-*.part"):
        with suppress(OSError):  # somebody else was quicker
            if time.time() - each.stat().st_mtime > _LEFT_S:
                each.unlink()


def moments(folder: Path) -> list[dt.datetime]:
    """Return when each backup in the folder was begun, the oldest first; none where there is no folder."""
    if not folder.is_dir():
        return []
    names = filter(None, (_NAME.fullmatch(each.name) for each in folder.iterdir()))
    return sorted(dt.datetime.strptime(name[1], "%Y%m%dT%H%M%S%z") for name in names)


def restore(
    db: Database, file: Path, *, actor: str, settings: Settings | None = None, tell: Tell = lambda _words: None
) -> Restored:
    """Put the backup in `file` in the place of the database.

    The copy is made beside it, brought up to date, every frozen version in it is rendered again and the chain of its
    audit log computed again; only when all of it is what it was the two change places, in one step. Raises
    `BackupRefused`, with everything as it was, for a file that is no backup, a version that is not what was frozen, an
    audit log that was changed, and while anybody else uses the database.
    """
    programs = _programs(settings)
    if not any("TABLE DATA" in line and "schema_migration" in line for line in _contents(programs, file).splitlines()):
        raise BackupRefused(f"{file} is a backup of something else: it holds no workspace of Whetstone.")
    name, holds_nothing = _name_of(db), _holds_nothing(db)
    stamp = f"{dt.datetime.now(dt.UTC):%Y%m%d_%H%M%S}"
    copy, former = f"{_beside(name, 'copy')}{stamp}", f"{_beside(name, 'before')}{stamp}"
    db.close()
    with _maintenance(db) as connection:
        _refuse_while_used(connection, name)
        _forget_killed(connection, name)
        _create(connection, copy)
        try:
            tell("Reading the backup.")
            _run(
                programs, "pg_restore", make_conninfo(db.url, dbname=copy), "--no-owner", "--no-privileges",
                "--exit-on-error", "--single-transaction", str(file),
            )  # fmt: skip
            restored = _proved(Database(make_conninfo(db.url, dbname=copy)), file, actor, tell)
            _change_places(connection, name, copy, former)
        except BaseException:
            _drop(connection, copy)
            raise
        if holds_nothing:
            _drop(connection, former)
    return Restored(*restored, "" if holds_nothing else former)


def drop_former(db: Database, former: str) -> None:
    """Drop what a restored copy replaced. Raises `BackupRefused` for any other database."""
    if not re.fullmatch(rf"{re.escape(_beside(_name_of(db), 'before'))}\d{{8}}_\d{{6}}", former):
        raise BackupRefused(f"{former!r} is not a database that a restored copy replaced.")
    with _maintenance(db) as connection:
        _drop(connection, former)


def _proved(copy: Database, file: Path, actor: str, tell: Tell) -> tuple[tuple[str, ...], int]:
    """Bring the copy up to date, prove its frozen versions and audit logs; its workspaces, and how many versions."""
    try:
        names = tuple(workspaces.list_workspaces(copy))
        count, wrong, forged = 0, [], []
        for name in names:
            workspace = copy.in_workspace(name)
            migrations.migrate(workspace)
            for version in versions.versions(workspace, archived=True):
                if version.status != "frozen" or version.choice is None:
                    continue
                tell(f"Proving {version.label} in {name}.")
                count += 1
                if not verification.verify(workspace, version).ok:
                    wrong.append(f"{version.label} in {name}")
            tell(f"Proving the audit log of {name}.")
            if faults := audit.verify(workspace).faults:
                forged.append(f"line {faults[0].audit_id} in {name}")
        if wrong:
            raise BackupRefused(
                f"The backup was not restored: {', '.join(wrong[:3])} is not what was frozen. Everything is as it was; "
                "take an older backup."
            )
        if forged:
            raise BackupRefused(
                f"The backup was not restored: the audit log is not as it was written ({', '.join(forged[:3])}). "
                "Everything is as it was; take an older backup."
            )
        if PUBLIC in names:
            with copy.begin() as connection:
                audit.record(
                    connection,
                    actor=actor,
                    action="restore",
                    subject="database",
                    after={"file": file.name, "workspaces": list(names), "versions": count},
                    reason="a backup was restored",
                    row_count=count,
                )
        return names, count
    finally:
        copy.close()


# The two databases


@contextmanager
def _maintenance(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the server's own database, from which others are made, renamed and dropped."""
    try:
        connection = psycopg.connect(make_conninfo(db.url, dbname=_MAINTENANCE), autocommit=True)
    except psycopg.OperationalError:
        raise DatabaseUnavailable(
            f"The database {_MAINTENANCE!r} of the server cannot be opened, from which a copy would be made."
        ) from None
    with connection:
        yield connection


def _name_of(db: Database) -> str:
    with db.dedicated() as connection:
        return connection.info.dbname


def _holds_nothing(db: Database) -> bool:
    """Whether nobody has put anything there: no table in any schema, ours or another's."""
    with db.dedicated() as connection:
        found = connection.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
            " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')"
        ).fetchone()
    return bool(found and found[0])


def _beside(name: str, what: str) -> str:
    """Return how the names of databases beside this one begin. The server would cut them at 63 bytes."""
    return f"{name.encode()[:39].decode(errors='ignore')}_{what}_"


def _forget_killed(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop the copies of commands that were killed; one that somebody is making now is in use, and stays."""
    begin = _beside(name, "copy")
    names = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (begin,)).fetchall()
    for (left,) in names:
        with suppress(psycopg.errors.ObjectInUse):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(left)))


def _refuse_while_used(connection: psycopg.Connection[Any], name: str) -> None:
    """Whoever goes on writing would write into what is put aside. What was just closed, as ours, ends in a moment."""
    query = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    deadline = time.monotonic() + _ENDING_S
    while connection.execute(query, (name,)).rowcount:
        if time.monotonic() > deadline:
            raise BackupRefused("The database is in use: stop the app and all workers, then restore.")
        time.sleep(0.05)


def _create(connection: psycopg.Connection[Any], name: str) -> None:
    try:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
    except psycopg.errors.InsufficientPrivilege:
        raise BackupRefused(
            "The user of DATABASE_URL may not make databases; grant it CREATEDB while a backup is restored."
        ) from None


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _change_places(connection: psycopg.Connection[Any], name: str, copy: str, former: str) -> None:
    """Both names change, or neither."""
    _refuse_while_used(connection, name)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        with connection.transaction():
            connection.execute(rename.format(sql.Identifier(name), sql.Identifier(former)))
            connection.execute(rename.format(sql.Identifier(copy), sql.Identifier(name)))
    except psycopg.errors.ObjectInUse:
        raise BackupRefused("Somebody began to use the database meanwhile: stop the app and all workers.") from None
    except psycopg.errors.InsufficientPrivilege:
        raise BackupRefused(
            f"The user of DATABASE_URL may not rename the database {name}; restore as the user that owns it."
        ) from None


# PostgreSQL's programs


def _programs(settings: Settings | None) -> Programs:
    """Those that the embedded server is run with; a server elsewhere must not be newer than they are."""
    chosen = settings or get_settings()
    ourselves = binaries.ServerUser(-1, -1, is_switched=False)
    return binaries.find(chosen.home, ourselves, pg_bin=chosen.pg_bin, majors_on_disk=())


def _run(programs: Programs, program: str, url: str, *arguments: str) -> str:
    named, environment = connection_arguments(url)
    try:
        return programs.run(program, *arguments, f"--dbname={named}", environment=environment)
    except DatabaseUnavailable as error:
        raise BackupRefused(str(error)) from None


def _contents(programs: Programs, file: Path) -> str:
    """Return the table of contents of a backup. Raises `BackupRefused` for a file that is none."""
    if not file.is_file():
        raise BackupRefused(f"There is no file {file}.")
    with suppress(DatabaseUnavailable):
        return programs.run("pg_restore", "--list", str(file.absolute()))
    raise BackupRefused(f"{file} is no backup, or a part of one is missing.")


def connection_arguments(url: str) -> tuple[str, Mapping[str, str]]:
    """Return what a program of PostgreSQL is told on its command line, and in its environment, which others cannot
    read: a password never stands on a command line.
    """
    options = Conninfo.parse(url.encode())
    given = {each.keyword.decode(): each.val.decode() for each in options if each.val is not None}
    variables = {each.keyword.decode(): each.envvar.decode() for each in options if each.envvar}
    hidden = {variables[name]: value for name, value in given.items() if name in variables}
    return make_conninfo("", **{name: value for name, value in given.items() if name not in variables}), hidden
