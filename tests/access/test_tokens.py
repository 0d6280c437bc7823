"""Tokens: shown once, kept as a hash, found by it alone, at an end by time or by hand, and all of it on record."""

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from core import access, audit
from core.db import Database, workspaces
from core.errors import NotIdentified, TokenRefused
from core.text import sanitize
from tests.orchestrator.driving import at_once


def made(db: Database, name: str = "ci", **more: Any) -> access.IssuedToken:
    return access.create(db, name, **{"role": "analyst", "actor": "ada", **more})


def shift(db: Database, statement: str) -> None:
    with db.begin() as connection:
        connection.execute(text(f"UPDATE api_tokens SET {statement}"))


def everything(db: Database) -> str:
    """All rows of all tables that a token could be in, as text."""
    with db.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT t::text FROM {name} t")).scalars() for name in ("api_tokens", "audit_log")
        ]
        return "\n".join(line for each in rows for line in each)


def test_a_token_is_found_by_its_secret_and_is_what_was_made(database: Database) -> None:
    one = made(database, days=30)
    other = made(database, "reader", role="viewer")
    found = access.identify(database, one.secret)
    assert (found.id, found.name, found.role, found.workspaces, found.status) == (
        one.token.id,
        "ci",
        "analyst",
        None,
        "active",
    )
    assert found.expires_at - found.created_at == dt.timedelta(days=30)
    assert access.identify(database, other.secret).name == "reader"
    assert [each.name for each in access.tokens(database)] == ["reader", "ci"]


def test_a_secret_is_32_random_bytes_and_stands_nowhere(database: Database) -> None:
    one = made(database)
    assert re.fullmatch(r"whet_[\w-]{43}", one.secret)
    access.identify(database, one.secret)
    access.revoke(database, "ci", actor="ada")
    kept = everything(database)
    assert one.secret not in kept
    assert one.secret[5:15] not in kept
    assert one.secret not in repr(one)
    assert hashlib.sha256(one.secret.encode()).hexdigest() in kept
    assert one.secret not in sanitize(f"sent with {one.secret}, refused")
    assert len({made(database, f"t{number}").secret for number in range(20)}) == 20


def test_the_database_is_asked_for_a_hash_and_never_for_a_secret(database: Database) -> None:
    """So the time of the comparison says nothing of the secret: what is compared is its hash, which nobody chooses."""
    one = made(database)
    asked: list[Any] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, dict(values or {})))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        access.identify(database, one.secret)
        with pytest.raises(NotIdentified):
            access.identify(database, one.secret[:-1] + ("a" if one.secret[-1] != "a" else "b"))
        before = len(asked)
        for shape in (
            "",
            "whet_",
            one.secret[:-1],
            one.secret + "a",
            one.secret.upper(),
            "é" * 48,
            "whet_" + "\0" * 43,
        ):
            with pytest.raises(NotIdentified, match="not known"):
                access.identify(database, shape)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    sent = [getattr(value, "obj", value) for _, values in asked for value in values.values()]
    assert hashlib.sha256(one.secret.encode()).digest() in sent
    assert one.secret[5:20] not in str(asked)
    # What has another form is not looked for at all.
    assert len(asked) == before


ENDED = [
    ("expires_at = now() - interval '1 second'", "This token has expired."),
    ("revoked_at = now(), revoked_by = 'bob'", "This token was revoked."),
    ("revoked_at = now(), revoked_by = 'bob', expires_at = now()", "This token was revoked."),
    ("hash = sha256('another')", "This token is not known here."),
]


@pytest.mark.parametrize(("statement", "said"), ENDED)
def test_a_token_that_has_ended_identifies_nobody(database: Database, statement: str, said: str) -> None:
    one = made(database)
    shift(database, statement)
    with pytest.raises(NotIdentified) as error:
        access.identify(database, one.secret)
    assert str(error.value) == said
    assert access.tokens(database)[0].last_used_at is None


def test_the_last_use_is_noted_once_a_minute(database: Database) -> None:
    one = made(database)

    def noted() -> dt.datetime | None:
        access.identify(database, one.secret)
        return access.tokens(database)[0].last_used_at

    first = noted()
    assert first is not None
    assert noted() == first
    shift(database, "last_used_at = last_used_at - interval '59 seconds'")
    assert noted() == first - dt.timedelta(seconds=59)
    shift(database, "last_used_at = last_used_at - interval '2 seconds'")
    again = noted()
    assert again is not None
    assert again > first


def test_uses_at_once_write_once(database: Database) -> None:
    one = made(database)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE written (at timestamptz)"))
        connection.execute(
            text(
                "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN INSERT INTO written VALUES (now()); RETURN NULL; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER notes AFTER UPDATE ON api_tokens FOR EACH ROW EXECUTE FUNCTION note()"))
    at_once([lambda: access.identify(database, one.secret)] * 8)
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM written")).scalar_one() == 1


def test_making_and_revoking_are_on_record(database: Database) -> None:
    one = made(database, days=10, workspaces=["public"], reason="the nightly import")
    access.revoke(database, "CI", actor="bob", reason="it leaked")
    revoked, created = audit.entries(database, subject="token")
    assert (created.actor, created.action, created.subject_id, created.reason) == (
        "ada",
        "create token",
        str(one.token.id),
        "the nightly import",
    )
    assert created.after == {
        "name": "ci",
        "role": "analyst",
        "workspaces": ["public"],
        "expires_at": one.token.expires_at.isoformat(),
    }
    assert (revoked.actor, revoked.action, revoked.reason, revoked.after["status"]) == (
        "bob",
        "revoke token",
        "it leaked",
        "revoked",
    )


def test_a_name_is_one_token_until_that_is_revoked(database: Database) -> None:
    first = made(database)
    with pytest.raises(TokenRefused, match="already"):
        made(database, "CI")
    access.revoke(database, str(first.token.id), actor="ada")
    second = made(database)
    with pytest.raises(NotIdentified, match="revoked"):
        access.identify(database, first.secret)
    assert access.identify(database, second.secret).id == second.token.id
    assert access.revoke(database, "ci", actor="ada").id == second.token.id
    with pytest.raises(TokenRefused, match="ada revoked"):
        access.revoke(database, "ci", actor="ada")
    with pytest.raises(TokenRefused, match="no token 'nobody'"):
        access.revoke(database, "nobody", actor="ada")


def test_of_several_who_make_or_revoke_the_same_at_once_one_does(database: Database) -> None:
    refused: list[str] = []

    def attempt(act: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except TokenRefused as error:
                refused.append(str(error))

        return run

    at_once([attempt(lambda: made(database))] * 4)
    at_once([attempt(lambda: access.revoke(database, "ci", actor="bob"))] * 4)
    assert len([each for each in refused if "already" in each]) == 3
    assert len([each for each in refused if "bob revoked" in each]) == 3
    assert [line.action for line in audit.entries(database, subject="token")] == ["revoke token", "create token"]


def test_tokens_are_those_of_the_company_in_every_workspace(database: Database) -> None:
    demo = workspaces.create(database, "demo")
    one = access.create(demo, "ci", role="viewer", actor="ada", workspaces=["demo", "demo"])
    assert one.token.workspaces == ("demo",)
    assert access.identify(database, one.secret).id == one.token.id
    assert access.tokens(demo) == access.tokens(database)
    assert audit.entries(demo, subject="token") == []
    assert len(audit.entries(database, subject="token")) == 1


UNFIT = [
    ({"name": ""}, "name of a token"),
    ({"name": "7"}, "a letter first"),
    ({"name": "ci\n"}, "name of a token"),
    ({"name": "ci "}, "name of a token"),
    ({"name": "x" * 81}, "up to 80"),
    ({"name": "Orchestrator"}, "the app itself"),
    ({"role": "owner"}, "viewer, analyst, approver, admin"),
    ({"days": 0}, "1 to 3,650 days"),
    ({"days": 3651}, "1 to 3,650 days"),
    ({"workspaces": []}, "at least one"),
    ({"workspaces": ["nowhere"]}, "no workspace 'nowhere'"),
]


@pytest.mark.parametrize(("fields", "said"), UNFIT, ids=str)
def test_what_cannot_be_a_token_is_refused_with_the_reason(
    database: Database, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(TokenRefused, match=re.escape(said)):
        made(database, **fields)
    assert access.tokens(database) == []
    assert audit.entries(database, subject="token") == []
