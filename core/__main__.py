"""`python -m core`: the command line."""

import typer

from core.cli import app


def registered() -> typer.Typer:
    """The command line with every group of commands; to import a module of them is to register it."""
    from core.cli import datasets, demo, examples, importing, migrating, worker  # noqa: F401

    return app


def main() -> None:
    registered()()


if __name__ == "__main__":
    main()
