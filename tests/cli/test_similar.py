"""`similar` and `similarity` of the command line; once as a program, and else in this process, which is faster."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from core.__main__ import registered
from core.db import Database
from core.settings import get_settings
from tests.cli.test_commands import core
from tests.similarity.planting import example, plant, post, task
from tests.similarity.test_bert import TINY

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on the test's database; `model` is the folder of a model."""

    def once(*arguments: str, model: Path | None = None) -> Result:
        monkeypatch.setenv("DATABASE_URL", database.url)
        monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path))
        monkeypatch.setenv("WHETSTONE_SIMILARITY_MODEL", str(model or ""))
        get_settings.cache_clear()
        return CliRunner().invoke(registered(), arguments)

    return once


def test_past_work_is_found_by_words_and_by_meaning(database: Database, run: Run) -> None:
    plant(database, "example", [example(1, "write about the tool shelf", quality_score=0.5, success=True)])
    plant(database, "task", [task(1, "the tool shelf"), task(2, "the tool shelf", created_at="2026-07-01")])
    plant(database, "post", [post(1, "tool shelf", topic="wood", views=1_200)])
    said = run("similar", "tool shelf", "--as-of", "2026-06-30").stdout
    assert said.startswith("Compared by words. No model is installed")
    assert "run-1" in said
    assert "quality 0.50, success yes" in said
    assert "views 1,200" in said
    assert "task-1" in said
    assert "task-2" not in said

    done = run("similarity", "encode", model=TINY)
    assert done.stdout.startswith("4 rows encoded. 4 vectors of tiny@")
    assert "4 encoded, 0 wait" in done.stderr
    found = json.loads(run("similar", "Tool shelf.", "--kind", "post", "--kind", "task", "--json", model=TINY).stdout)
    assert found["method"] == "meaning"
    assert {hit["kind"] for hit in found["hits"]} == {"post", "task"}
    status = json.loads(run("similarity", "status", "--json", model=TINY).stdout)
    assert (status["is_installed"], status["encoded"], status["waiting"]) == (True, 4, 0)
    # As a program of its own, too.
    home = {"WHETSTONE_SIMILARITY_MODEL": str(TINY)}
    done_outside = core(database, "similar", "tool shelf", "--topic", "wood", "--limit", "1", "--json", **home)
    (only,) = json.loads(done_outside.stdout)["hits"]
    assert (only["key"], only["similarity"], only["views"]) == ("post-1", 1.0, 1200)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["similar", "x", "--kind", "tasks"], "There is no kind 'tasks'; there are example, task, post"),
        (["similar", "x", "--as-of", "yesterday"], "'yesterday' is no date and no moment"),
        (["similar", "x", "--limit", "0"], "--limit"),
        (["similarity", "encode"], "No model is installed that compares meaning"),
        (["similarity", "install", "--wheel", "nothere.whl"], "nothere.whl"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_workspace_says_that_nothing_is_there(run: Run) -> None:
    assert "Nothing similar was found." in run("similar", "anything").stdout
    assert "No vectors have been made in this workspace." in run("similarity", "status").stdout
    assert run("similarity", "remove").stdout == "There was nothing to remove.\n"
