"""The command line: `python -m core …`, for automation. Each command takes --json and fails with one clear line."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import orjson
import psycopg
import typer
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core import shortages
from core.bounds import LARGEST_ID
from core.db import Database, open_database
from core.db.embedded import EmbeddedPostgres
from core.errors import WhetstoneError, WorkspaceRefused
from core.settings import get_settings
from core.text import shortened

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def whetstone() -> None:
    """Whetstone: examples, datasets and fine-tuning from the command line."""
    # With it, a command that is registered alone stays a command with a name.


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Workspace = Annotated[str, typer.Option("--workspace", help="The workspace (schema) to work in.")]

Parameters = ParamSpec("Parameters")


class Unprinted(WhetstoneError):
    """What a command did could not be printed."""


_opened: list[Database] = []


def database(workspace: str = "public", *, migrate: bool = True) -> Database:
    """Return the database the settings name; migrated, unless the command does that itself.

    Closed when the command ends.
    """
    if not workspace.strip():
        raise WorkspaceRefused("A workspace has a name; leave --workspace away for the company's own, public.")
    _opened.append(open_database(get_settings(), workspace=workspace, migrate=migrate))
    return _opened[-1]


def _let_go() -> None:
    """Close what the command opened, and stop the embedded server unless another program uses it."""
    while _opened:
        _opened.pop().close()
        if get_settings().database_url is None:
            EmbeddedPostgres(get_settings().home, pg_bin=get_settings().pg_bin).stop(only_if_unused=True)


def show(value: Any, *, as_json: bool, text: str) -> None:
    """One JSON object for programs, or `text` for people."""
    if as_json:
        put(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())
    else:
        put(printable(text))


def put(text: str) -> None:
    """Print an answer now, so that a full disk under it can still be told. Typer ends where nobody reads any more."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        why = shortages.sentence(error, folder=Path.cwd()) or f"{error.strerror}."
        # What Python would try to write once more at its end, and complain about.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unprinted(f"It was done, but what this prints was not all written: {why}") from None


def printable(text: str) -> str:
    """A file's name may hold bytes that are no UTF-8, which no terminal and no JSON takes."""
    return text.encode(errors="backslashreplace").decode()


def failed(sentence: str, kind: str, *, as_json: bool, code: int = 1) -> typer.Exit:
    """Say on one line why a command ends, and with which exit code."""
    line = printable(" ".join(sentence.split()))
    if as_json:
        with suppress(Unprinted):  # the sentence below says more
            put(orjson.dumps({"error": line, "kind": kind}).decode())
    sys.stderr.write(f"{line}\n")
    return typer.Exit(code)


def _refuse_unfit(given: Mapping[str, Any]) -> None:
    """What no row and no file can have is refused here, for every parameter of every command."""
    for name, value in given.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, int) and not -LARGEST_ID <= each <= LARGEST_ID:
                raise typer.BadParameter(f"{shortened(each)} is beyond any number here", param_hint=_shown(name))
            if isinstance(each, str | Path) and "\0" in str(each):
                raise typer.BadParameter(f"{shortened(str(each))} holds a NUL character", param_hint=_shown(name))


def _of_file(error: Any) -> str:
    path = Path(os.fsdecode(error.filename))
    why = shortages.unwritable(path, error)
    return f"{path} cannot be read or written: {why}. Mend that, or name another place, and try again."


def _shown(name: str) -> str:
    return repr(name.strip("_").replace("_", "-"))


def command(
    name: str, *, group: typer.Typer = app
) -> Callable[[Callable[Parameters, None]], Callable[Parameters, None]]:
    """Register a command whose own errors become one line on stderr and exit code 1."""

    def register(function: Callable[Parameters, None]) -> Callable[Parameters, None]:
        @group.command(name)
        @wraps(function)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            as_json = bool(kwargs.get("as_json"))
            _refuse_unfit(kwargs)
            try:
                function(*args, **kwargs)
            except WhetstoneError as error:
                raise failed(str(error), type(error).__name__, as_json=as_json) from None
            except (OperationalError, psycopg.OperationalError) as error:
                stopped = "The database stopped answering; what was not finished was rolled back. Try again."
                sentence = shortages.sentence(error) or stopped
                raise failed(sentence, "DatabaseUnavailable", as_json=as_json) from None
            except (OSError, MemoryError) as error:
                short = shortages.sentence(error)
                if short is None and not isinstance(getattr(error, "filename", None), str | bytes):
                    raise  # about no file: a bug, or whoever read what this prints has gone
                short = short or _of_file(error)
                raise failed(short, "OutOfResources", as_json=as_json) from None
            except (SQLAlchemyError, psycopg.Error) as error:
                short = shortages.sentence(error)
                if short is not None:
                    raise failed(short, "DatabaseUnavailable", as_json=as_json) from None
                reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
                sentence = f"The database refused this, and nothing was changed: {reason}."
                raise failed(sentence, "DatabaseRefused", as_json=as_json) from None
            except UnicodeEncodeError as error:
                sentence = f"{shortened(error.object)} is not UTF-8; say it in UTF-8. Nothing was changed."
                raise failed(sentence, "NotUtf8", as_json=as_json) from None
            finally:
                _let_go()

        return run

    return register
