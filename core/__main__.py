"""`python -m core`: the command line."""

import importlib
import sys

import typer
from typer.exceptions import TyperException

from core import logs
from core.cli import app, failed

#: The commands of each module of `core.cli`; to import a module is to register them.
COMMANDS = {
    "access": ("token",),
    "auditing": ("verify-audit",),
    "backups": ("backup", "restore"),
    "datasets": ("dataset", "verify"),
    "demo": ("demo",),
    "examples": ("stats", "tag", "undo-tag"),
    "history": ("history",),
    "importing": ("import", "undo-import"),
    "migrating": ("migrate",),
    "models": (
        "add-model", "compare", "deploy", "evaluate", "model", "models", "rollback", "serve", "undeploy", "unserve",
    ),
    "patterns": ("patterns",),
    "requesting": ("request",),
    "similar": ("similar", "similarity"),
    "trainer": ("trainer",),
    "tuning": ("cancel", "job", "jobs", "tune"),
    "worker": ("worker",),
}  # fmt: skip


def registered(command: str | None = None) -> typer.Typer:
    """Return the command line with every command; of a `command` that there is, only with those beside it.

    To import all of them takes as long as most commands do.
    """
    modules = [module for module, commands in COMMANDS.items() if command in commands] or COMMANDS
    for module in modules:
        importlib.import_module(f"core.cli.{module}")
    return app


def main() -> None:
    """Run one command. A wrong option is one line too, where typer would draw a box around it."""
    logs.configure()
    as_json = "--json" in sys.argv
    try:
        code = registered(sys.argv[1] if len(sys.argv) > 1 else None)(standalone_mode=False)
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
