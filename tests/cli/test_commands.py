"""The command line as a program: exit codes, one line an error, JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import audit
from core.db import Database
from tests.examples.rows import insert, tags_of
from tests.examples.test_store import example
from tests.forked import finished

PROJECT = Path(__file__).parents[2]


def core(db: Database | None, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m core …` against a database of the test."""
    environment = {**os.environ, **({"DATABASE_URL": db.url} if db else {}), **variables}
    command = ["-m", "core", *map(str, arguments)]
    return subprocess.CompletedProcess(command, *finished(Path(sys.executable), command, environment, imported="core"))


def test_every_command_of_the_automation_is_there(database: Database) -> None:
    done = core(database, "--help")
    for name in ("migrate", "import", "undo-import", "stats", "tag", "undo-tag", "dataset", "verify", "demo"):
        assert f" {name} " in done.stdout, name


def test_migrate_makes_an_empty_database_whole_and_then_does_nothing(empty_database: Database) -> None:
    first = json.loads(core(empty_database, "migrate", "--json").stdout)
    assert first["applied"][0].startswith("0001_")
    assert json.loads(core(empty_database, "migrate", "--json").stdout) == {"applied": []}


def test_stats_and_tag_answer_in_json(database: Database) -> None:
    insert(database, [example(), example(1, quality_score=0.9)])
    chosen = '{"quality_min": 0.8}'
    change = json.loads(core(database, "tag", "ADD", "BEST", "--filter", chosen, "--json").stdout)
    assert (change["count"], tags_of(database)) == (1, {1: [], 2: ["BEST"]})
    seen = json.loads(core(database, "stats", "--filter", '{"include_tags": ["BEST"]}', "--json").stdout)
    assert (seen["total"], seen["filtered"], seen["average_quality"]) == (2, 1, 0.9)
    undone = json.loads(core(database, "undo-tag", str(change["id"]), "--json").stdout)
    assert (undone, tags_of(database)) == ({"count": 1}, {1: [], 2: []})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stats", "--filter", "{"], "not JSON"),
        (["stats", "--filter", '{"colour": 1}'], "colour"),
        (["stats", "--workspace", "nowhere"], "nowhere"),
        (["tag", "ADD", "no tag", "--filter", "{}"], "not a tag"),
        (["tag", "MAYBE", "A", "--filter", "{}"], "ADD or REMOVE"),
        (["import", "no-such-file.csv"], "no-such-file.csv"),
        (["verify", "nothing"], "nothing"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(database: Database, arguments: list[str], says: str) -> None:
    done = core(database, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "error" in json.loads(core(database, *arguments, "--json").stdout)


def test_a_database_that_is_not_there_is_said_in_one_line_without_its_password() -> None:
    done = core(None, "stats", DATABASE_URL="postgresql://me:geheim@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "geheim" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_embedded_server_stops_with_the_command_that_started_it(public_folder: Path) -> None:
    home = public_folder / "command line home"
    done = core(None, "stats", "--json", WHETSTONE_HOME=str(home), DATABASE_URL="")
    assert json.loads(done.stdout)["total"] == 0
    assert not list(home.glob("pg*/postmaster.pid"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stats", "--colour"], "No such option: --colour"),
        (["undo-tag", "first"], "'change'"),
        (["import"], "Missing argument"),
        (["nothing"], "No such command 'nothing'"),
        (
            ["tune", "plans", "--provider", "azure", "--base", "x"],
            "'--provider': 'azure' is not one of 'local', 'openai'",
        ),
        (
            ["tune", "plans", "--provider", "openai", "--base", "x", "--method", "magic"],
            "not one of 'sft', 'dpo', 'profile'",
        ),
        (["dataset", "create", "new", "--target", "all"], "'--target': 'all' is not one of 'plan', 'result', 'both'"),
        (["dataset", "create", "new", "--split-by", "day"], "'day' is not one of 'request', 'topic', 'week'"),
        (["dataset", "export", "plans", "--out", "x", "--format", "xml"], "'xml' is not one of 'openai', 'chatml'"),
        (["dataset", "export", "plans", "--out", "x", "--split", "dev"], "'dev' is not one of 'train', 'validation'"),
        (["import", "x.csv", "--dates", "month"], "'month' is not one of 'auto', 'day-first', 'month-first'"),
    ],
)
def test_a_wrong_option_is_one_line_too(database: Database, arguments: list[str], says: str) -> None:
    done = core(database, *arguments, "--json")
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert json.loads(done.stdout) == {"error": done.stderr.strip(), "kind": "WrongOption"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["undo-import", "99999999999999999999"],
        ["undo-tag", "99999999999999999999"],
        ["dataset", "create", "x", "--system-prompt", "\udcff"],
        ["dataset", "create", "x", "--description", "\udcff"],
        ["tag", "ADD", "X", "--filter", "{}", "--reason", "\udcff"],
        ["dataset", "export", "\udcff", "--out", "\udcff"],
        ["import", "\udcff.csv"],
    ],
)
def test_what_no_database_holds_is_one_line_too(database: Database, arguments: list[str]) -> None:
    insert(database, [example()])
    done = core(database, *arguments, "--json")
    assert done.returncode == (2 if arguments[-1].isdigit() else 1), done.stderr  # no option takes such a number
    assert len(done.stderr.strip().splitlines()) == 1
    assert "error" in json.loads(done.stdout)


def test_the_demo_company_is_loaded_in_the_name_of_who_asks(database: Database) -> None:
    core(database, "demo", "--examples", "20", "--workspace", "toy", WHETSTONE_ACTOR="kim")
    core(database, "demo", "--drop", "--workspace", "toy", WHETSTONE_ACTOR="kim")
    assert [entry.actor for entry in audit.entries(database)] == ["kim", "kim"]


def test_every_command_is_registered_by_the_module_that_is_said_to() -> None:
    program = """
from typer.main import get_group
from core.__main__ import COMMANDS, registered
before = set()
for commands in COMMANDS.values():
    found = set(get_group(registered(commands[0])).commands)
    assert found - before == {*commands}, (commands, found - before)
    before = found
assert set(get_group(registered()).commands) == before
"""
    python(program)


def test_a_command_loads_no_library_that_only_a_few_need() -> None:
    """Each takes half a second or more, of every command and every start."""
    heavy = ("scipy", "pandas", "streamlit", "openai", "anthropic", "google.genai", "boto3", "torch")
    said = "import sys; from core.__main__ import registered; registered(); print(*sys.modules, sep='\\n')"
    assert not set(heavy) & set(python(said).split())


def python(program: str) -> str:
    """What a program of one line prints."""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
