"""`python -m core`: the command line."""

import sys

import typer
from typer.exceptions import TyperException

from core import logs
from core.cli import app, failed


def registered() -> typer.Typer:
    """Return the command line with every group of commands; to import a module of them is to register it."""
    from core.cli import (  # noqa: F401
        datasets,
        demo,
        examples,
        history,
        importing,
        migrating,
        models,
        patterns,
        requesting,
        similar,
        trainer,
        tuning,
        worker,
    )

    return app


def main() -> None:
    """Run one command. A wrong option is one line too, where typer would draw a box around it."""
    logs.configure()
    as_json = "--json" in sys.argv
    try:
        code = registered()(standalone_mode=False)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            raise SystemExit(error.exit_code) from None
        said = error.format_message().replace("Value error, ", "").rstrip(".")
        code = failed(f"{said}; see --help.", "WrongOption", as_json=as_json, code=2).exit_code
    except typer.Abort:
        code = failed("Stopped; what was not finished was rolled back.", "Stopped", as_json=as_json, code=130).exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
