"""The dataset commands, as a script would use them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from core import audit
from core.cli import app, datasets
from core.datasets import versions
from core.datasets.exporting import export
from core.db import Database
from core.examples.filters import Filter
from core.settings import get_settings
from tests.datasets.conftest import Add, example

assert datasets, "importing it registers the commands"

Command = Callable[..., Any]


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run one command with --json on this test's database: its exit code and what it printed."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    get_settings.cache_clear()

    def run(*words: str, fails: bool = False) -> Any:
        result = CliRunner().invoke(app, [*words, "--json"])
        assert result.exit_code == int(fails), result.output
        return orjson.loads(result.stdout)

    yield run
    get_settings.cache_clear()


def test_a_dataset_is_created_listed_exported_and_verified(
    database: Database, add: Add, command: Command, tmp_path: Path
) -> None:
    add(60)
    made = command(
        "dataset",
        "create",
        "plans",
        "--filter",
        '{"intents": ["content", "finance"], "exclude_tags": []}',
        "--all",
        "--target",
        "result",
        "--split",
        "70/20/10",
        "--seed",
        "4",
        "--description",
        "First",
    )
    assert (made["dataset"], made["status"], made["examples"]) == ("plans@1", "frozen", 40)
    assert [each["root_hash"] for each in command("dataset", "list")] == [made["root_hash"]]
    version = versions.get(database, "plans")
    assert version.choice is not None
    assert (version.choice.recipe.target, version.choice.split.seed, version.description) == ("result", 4, "First")
    out = tmp_path / "train file.jsonl"
    out.write_text("old")
    written = command("dataset", "export", "plans@1", "--format", "gemini", "--split", "train", "--out", str(out))
    assert out.read_bytes() == b"".join(export(database, "plans", "train", "gemini"))
    assert written["bytes"] == out.stat().st_size
    assert list(tmp_path.iterdir()) == [out], "nothing is left beside it"
    assert command("verify", "plans")["ok"] is True
    (listed,) = command("dataset", "list")
    assert listed["file_path"] == str(out.resolve())
    (line, *_) = audit.entries(database, subject="dataset", subject_id=version.id)
    assert (line.action, line.after) == ("export", {"file_path": str(out.resolve()), "format": "gemini"})


def test_a_new_dataset_takes_what_is_good_and_says_what_it_leaves_out(
    database: Database, add: Add, command: Command
) -> None:
    good = {"quality_score": 0.9, "success": True, "tags": []}
    add([example(number, **good) for number in range(20)])
    add([example(20, **good | {"success": False}), example(21, **good | {"tags": ["TEST"]})])
    add([example(22, **good | {"tags": ["TEST"], "success": None, "quality_score": None})])
    made = command("dataset", "create", "plans")
    assert made["examples"] == 20
    assert made["defaults"] == {"of": 23, "left_out": {"failed": 1, "unknown": 1, "TEST": 2}, "let_in": {}}

    made = command("dataset", "create", "plans", "--include", "failed", "--include", "TEST")
    assert (made["examples"], made["defaults"]["let_in"]) == (22, {"failed": 1, "TEST": 1})
    made = command("dataset", "create", "plans", "--filter", '{"success": false}')
    assert (made["examples"], made["defaults"]["let_in"]) == (1, {"failed": 1})
    made = command("dataset", "create", "plans", "--all")
    assert (made["examples"], made["defaults"]["left_out"]) == (23, {})
    version = versions.get(database, "plans@4")
    assert version.choice is not None
    assert version.choice.filter == Filter(), "just the filter that was given"


def test_an_export_never_takes_the_place_of_a_device(add: Add, command: Command, tmp_path: Path) -> None:
    add(20)
    command("dataset", "create", "plans", "--filter", '{"exclude_tags": []}', "--all", "--target", "result")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not an ordinary file" in command("dataset", "export", "plans", "--out", str(pipe), fails=True)["error"]
    assert pipe.is_fifo()


def test_verify_fails_for_what_is_not_as_it_was(database: Database, add: Add, command: Command) -> None:
    ids = add(20)
    command("dataset", "create", "plans", "--filter", '{"exclude_tags": []}', "--all")
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orchestrator_training_data DISABLE TRIGGER keep_revision")
        connection.exec_driver_sql(f"UPDATE orchestrator_training_data SET execution_plan = 'x' WHERE id = {ids[2]}")
    found = command("verify", "plans@1", fails=True)
    assert (found["ok"], found["wrong"]) == (False, 1)
    assert found["problems"][0]["example_id"] == ids[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dataset", "create", "a@b"), "cannot be the name"),
        (("dataset", "create", "new", "--split", "80/30"), "110 %"),
        (("dataset", "create", "new", "--filter", '{"quality_min": 7}'), "quality_min"),
        (("dataset", "create", "new", "--include", "broken"), "failed, poor, unknown"),
        (("dataset", "create", "new", "--all", "--include", "failed"), "--all lets everything in"),
        (("dataset", "create", "new", "--filter", '{"intents": ["none"]}'), "nothing was frozen|No example"),
        (("dataset", "export", "plans", "--out", "/no/such/folder/x"), "there is no folder /no/such/folder"),
        (("dataset", "export", "other", "--out", "x"), "there are: plans"),
        (("verify", "plans@7"), "has the versions 1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    database: Database, add: Add, command: Command, words: tuple[str, ...], message: str
) -> None:
    add([example(number) for number in range(20)])
    command("dataset", "create", "plans", "--all")
    error = command(*words, fails=True)["error"]
    assert any(part in error for part in message.split("|"))
    assert "\n" not in error


def test_a_failed_export_leaves_the_old_file(database: Database, add: Add, command: Command, tmp_path: Path) -> None:
    ids = add(20)
    command("dataset", "create", "plans", "--filter", '{"exclude_tags": []}', "--all")
    with database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE orchestrator_training_data SET intent = 'edited', revision = 2 WHERE id = {ids[2]}"
        )
        connection.exec_driver_sql("ALTER TABLE example_revisions DISABLE TRIGGER append_only")
        connection.exec_driver_sql("DELETE FROM example_revisions")
    out = tmp_path / "all.jsonl"
    out.write_text("old")
    assert (
        "content of a record is missing"
        in command("dataset", "export", "plans", "--out", str(out), fails=True)["error"]
    )
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]
