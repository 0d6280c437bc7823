"""The command line as a whole, and `migrate`."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from core.__main__ import registered
from core.database import Database
from core.migrations import FOLDER, migrate


def test_every_command_is_registered() -> None:
    commands = get_command(registered()).commands  # pyright: ignore[reportAttributeAccessIssue]
    assert set(commands) == {
        *("migrate", "import", "undo-import", "stats", "tag", "undo-tag", "dataset", "verify", "demo"),
    }
    assert set(commands["dataset"].commands) == {"create", "list", "export"}


def test_migrate_names_what_it_applied_and_the_second_time_nothing(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.cli.migrating.open_database", lambda *_, **__: empty_database)
    first = CliRunner().invoke(registered(), ["migrate"])
    assert first.stdout.splitlines() == sorted(path.name for path in FOLDER.glob("*.sql"))
    assert CliRunner().invoke(registered(), ["migrate"]).stdout == "The database is up to date.\n"
    assert migrate(empty_database) == []
