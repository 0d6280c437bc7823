"""`python -m core`: the command line."""

from core.cli import app


def main() -> None:
    """Register every group of commands, then run the one that was asked for."""
    from core.cli import datasets, demo, examples, importing, migrating  # noqa: F401  (registering is their import)

    app()


if __name__ == "__main__":
    main()
