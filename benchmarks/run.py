"""Runs the benchmarks: `python -m benchmarks.run [--examples 1000000] [--only NAME] [--home FOLDER] [--sizes ROWS]`."""

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measuring import facts
from benchmarks.setting import Setting

#: In the order in which they run: what only reads comes first.
NAMES = (
    "overview", "paging", "page", "history", "tagging", "snapshot", "exporting", "importing", "memory", "queue",
    "tuning", "trainer", "similarity", "mining", "growth", "sessions",
)  # fmt: skip

_MODULES = {"tuning": "tuning_poller"}


def main(
    examples: Annotated[int, typer.Option(min=10_000, help="The size of the demo company.")] = 1_000_000,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(NAMES)}; may be given again.")] = None,
    home: Annotated[Path | None, typer.Option(help="Keep the database here, so that it is made only once.")] = None,
    sizes: Annotated[list[int] | None, typer.Option(min=100, help="Rows for growth; give at least two.")] = None,
) -> None:
    """Measure, and print ratios against bare SQL, DuckDB, Hugging Face datasets, procrastinate and miners of rules."""
    unknown = sorted(set(only or ()) - set(NAMES))
    if unknown:
        raise typer.BadParameter(f"There is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}.")
    with tempfile.TemporaryDirectory(prefix="whetstone-bench-", ignore_cleanup_errors=True) as temporary:
        folder = home or Path(temporary) / "home"
        if home is None:
            Path(temporary).chmod(0o711)  # as root, the server runs as another user and passes through here
        setting = Setting(folder.absolute(), examples, tuple(sizes or ()))
        try:
            print(facts(setting.company))
            for name in only or NAMES:
                import_module(f"benchmarks.{_MODULES.get(name, name)}").run(setting)
        finally:
            setting.close()


if __name__ == "__main__":
    typer.run(main)
