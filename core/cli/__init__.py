"""The command line: `python -m core …`, for automation. Each command takes --json and fails with one clear line."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec

import orjson
import typer

from core.database import Database, open_database
from core.errors import WhetstoneError
from core.settings import settings

app = typer.Typer(
    help="Whetstone: examples, datasets and fine-tuning from the command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Workspace = Annotated[str, typer.Option("--workspace", help="The workspace (schema) to work in.")]

Parameters = ParamSpec("Parameters")


def database(workspace: str = "public") -> Database:
    """The database the settings name, migrated."""
    return open_database(settings(), workspace=workspace)


def show(value: Any, *, as_json: bool, text: str) -> None:
    """One JSON object for programs, or `text` for people."""
    if as_json:
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    else:
        sys.stdout.write(text + "\n")


def command(
    name: str, *, group: typer.Typer = app
) -> Callable[[Callable[Parameters, None]], Callable[Parameters, None]]:
    """Register a command whose own errors become one line on stderr and exit code 1."""

    def register(function: Callable[Parameters, None]) -> Callable[Parameters, None]:
        @group.command(name)
        @wraps(function)
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except WhetstoneError as error:
                line = " ".join(str(error).split())
                if kwargs.get("as_json"):
                    sys.stdout.write(orjson.dumps({"error": line, "kind": type(error).__name__}).decode() + "\n")
                sys.stderr.write(f"{line}\n")
                raise typer.Exit(1) from None

        return run

    return register
