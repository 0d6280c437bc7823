"""`backup` and `restore`."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from core import backups
from core.cli import AsJson, command, database, show
from core.settings import get_settings


@command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(help="Where the file is written; made if it is not there.")],
    keep: Annotated[int, typer.Option("--keep", min=0, help="So many backups stay there, the newest; 0: all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write all workspaces to one file, while everybody works on."""
    done = backups.backup(database(migrate=False), folder, keep=keep)
    removed = f" {len(done.removed):,} older removed." if done.removed else ""
    text = f"{done.path}: {done.size_bytes / 1e6:,.1f} MB.{removed}"
    show(asdict(done), as_json=as_json, text=text)


def _tell(words: str, as_json: bool) -> None:
    if not as_json:
        sys.stderr.write(f"{words}\n")


@command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` has written.")],
    drop_former: Annotated[
        bool, typer.Option("--drop-former", help="Drop what was there before, once the copy has proved itself.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the database: once it is read, and every frozen version in it is proved."""
    db = database(migrate=False)
    done = backups.restore(db, file, actor=get_settings().actor, tell=lambda words: _tell(words, as_json))
    if done.former and drop_former:
        backups.drop_former(db, done.former)
        done = replace(done, former="")
    kept = f" What was there before is kept as the database {done.former}." if done.former else ""
    text = (
        f"Restored {', '.join(done.workspaces)}; frozen versions rendered again, each what was frozen: "
        f"{done.versions:,}.{kept}"
    )
    show(asdict(done), as_json=as_json, text=text)
