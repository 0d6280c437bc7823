"""`patterns` of the command line as a program."""

import json

from core.db import Database
from tests.cli.test_commands import core
from tests.patterns.test_store import plant


def test_patterns_are_mined_listed_accepted_and_retired(database: Database) -> None:
    assert core(database, "patterns", "list").stdout == "No patterns yet. `patterns mine` looks for some.\n"
    plant(database)
    mined = core(database, "patterns", "mine", "--json", WHETSTONE_ACTOR="ada")
    assert mined.returncode == 0, mined.stderr
    said = json.loads(mined.stdout)
    assert (said["discovered"], said["examples"]["quality"], said["actor"]) == (1, 600, "ada")
    assert "1 found again" in core(database, "patterns", "mine").stdout
    (kept,) = json.loads(core(database, "patterns", "list", "--json").stdout)
    assert kept["items"] == [{"field": "intent", "value": "thread"}]
    assert kept["id"] in core(database, "patterns", "list").stdout
    assert json.loads(core(database, "patterns", "accept", kept["id"], "--json").stdout)["state"] == "accepted"
    assert json.loads(core(database, "patterns", "retire", kept["id"], "--json").stdout)["state"] == "retired"
    assert core(database, "patterns", "list").stdout.startswith("No patterns yet")
    assert kept["id"] in core(database, "patterns", "list", "--state", "retired").stdout


def test_what_cannot_be_is_one_line(database: Database) -> None:
    for arguments, says in (
        (["accept", "nothere"], "There is no pattern 'nothere'"),
        (["list", "--state", "best"], "There is no state 'best'"),
        (["mine", "--filter", "{"], "not JSON"),
        (["mine", "--threshold", "3"], "--threshold"),
    ):
        done = core(database, "patterns", *arguments)
        assert done.returncode != 0
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_too_few_examples_are_told(database: Database) -> None:
    assert "fewer than 200 can show nothing" in core(database, "patterns", "mine").stdout
