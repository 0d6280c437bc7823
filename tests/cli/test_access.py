"""`python -m core token` as a program."""

import json

from core import access, audit
from core.db import Database
from tests.cli.test_commands import core


def test_a_token_is_made_listed_and_revoked(database: Database) -> None:
    made = core(database, "token", "create", "ci", "--role", "analyst", "--days", "7", WHETSTONE_ACTOR="ada")
    assert made.returncode == 0, made.stderr
    secret, told = made.stdout.splitlines()
    assert told.startswith("This is shown once. 1  ci: analyst, all workspaces, until 20")
    assert access.identify(database, secret).name == "ci"
    listed = core(database, "token", "list")
    assert "1  ci: analyst, all workspaces, until" in listed.stdout
    assert "last used 20" in listed.stdout
    assert secret not in listed.stdout
    revoked = core(database, "token", "revoke", "ci", "--reason", "it leaked", WHETSTONE_ACTOR="bob")
    assert "revoked by bob" in revoked.stdout
    assert [line.actor for line in audit.entries(database, subject="token")] == ["bob", "ada"]
    again = core(database, "token", "revoke", "ci")
    assert (again.returncode, "bob revoked the token" in again.stderr) == (1, True)


def test_tokens_for_programs_are_json(database: Database) -> None:
    arguments = ("token", "create", "reader", "--role", "viewer", "--workspace", "public", "--json")
    made = json.loads(core(database, *arguments).stdout)
    assert (made["role"], made["workspaces"], made["status"]) == ("viewer", ["public"], "active")
    assert access.identify(database, made["token"]).id == made["id"]
    (listed,) = json.loads(core(database, "token", "list", "--json").stdout)
    assert listed["name"] == "reader"
    assert "token" not in listed
    assert "hash" not in listed


def test_what_cannot_be_is_one_line(database: Database) -> None:
    for arguments, said, code in (
        (("create", "ci", "--role", "owner"), "owner", 2),
        (("create", "ci"), "--role", 2),
        (("create", "ci", "--role", "viewer", "--workspace", "nowhere"), "no workspace 'nowhere'", 1),
        (("create", "ci", "--role", "viewer", "--days", "0"), "1 to 3,650", 1),
        (("revoke", "nobody"), "no token 'nobody'", 1),
    ):
        done = core(database, "token", *arguments)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert core(database, "token", "list").stdout.startswith("There are no tokens.")
