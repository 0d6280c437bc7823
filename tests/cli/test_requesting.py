"""`python -m core request` as a program."""

import json

from core.db import Database
from core.orchestrator import queries
from tests.cli.test_commands import core

ASK = "Write a thread about waiting times at the counter"


def test_a_request_is_planned_approved_carried_out_and_told(database: Database) -> None:
    done = core(database, "request", ASK, "--approve", "--wait", "--platform", "forum", "--json", WHETSTONE_ACTOR="ada")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["status"], said["platforms"], said["created_by"], said["decided_by"]) == (
        "completed",
        ["forum"],
        "ada",
        "ada",
    )
    kept = queries.get(database, said["execution_id"])
    assert (kept.status, kept.score) == ("completed", said["score"])
    assert said["plan"]["steps"]


def test_without_more_it_is_only_submitted_and_asked_about_the_second_time(database: Database) -> None:
    first = core(database, "request", ASK, "--json")
    assert json.loads(first.stdout)["status"] == "planning"
    second = core(database, "request", ASK)
    assert (second.returncode, "The same was asked for" in second.stderr) == (1, True)
    assert core(database, "request", ASK, "--again").returncode == 0


def test_waiting_ends_where_approval_is_asked_for(database: Database) -> None:
    done = core(database, "request", ASK, "--wait")
    assert "pending approval" in done.stdout
    assert "posts: content social_variants (after performed)" in done.stdout
    assert "without a model" in done.stdout
