"""History from another PostgreSQL: chosen columns of one table, read only, and every way in which that fails."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import text

from core.db import Database
from core.errors import ImportRefused
from core.history import imports, supplies
from core.history.columns import Options
from core.history.supplies import Foreign


@pytest.fixture
def other(empty_database: Database) -> str:
    with empty_database.dedicated() as connection:
        connection.execute(
            "CREATE TABLE posts (id uuid DEFAULT gen_random_uuid(), body text, hits numeric, posted_at timestamptz,"
            " secret text); CREATE SCHEMA old; CREATE TABLE old.books (metric text, value numeric, month date)"
        )
        connection.execute(
            "INSERT INTO posts (body, hits, posted_at, secret)"
            " SELECT 'Text ' || n, n, '2026-01-01'::timestamptz + n * interval '1 hour', 'x'"
            " FROM generate_series(1, 2500) n"
        )
        connection.execute("INSERT INTO old.books VALUES ('revenue', 1200.25, '2026-01-01')")
    return _url(empty_database)


def _url(db: Database) -> str:
    arguments = conninfo_to_dict(db.url)
    return make_conninfo(
        "", **{name: arguments[name] for name in ("host", "port", "dbname", "user") if name in arguments}
    )


def test_chosen_columns_of_a_table_come_in_and_nothing_is_written_there(database: Database, other: str) -> None:
    supply = Foreign(other, "posts", ("id", "body", "hits", "posted_at"), private=True)
    options = Options(source="posts", mapping={"views": "hits"})
    done = imports.run(database, supply, options, actor="ada")
    assert (done.format, done.new, done.unused) == ("postgresql", 2500, {})
    assert imports.run(database, supply, options, actor="ada").same == 2500
    with database.connect() as connection:
        query = "SELECT sum(views), count(published_at), max(content) FROM orchestrator_published_posts"
        assert connection.execute(text(query)).one() == (2500 * 2501 / 2, 2500, "Text 999")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        supply._connected().execute("DELETE FROM posts")


def test_a_table_of_another_schema(database: Database, other: str) -> None:
    assert imports.run(database, Foreign(other, "old.books", private=True), actor="ada").source == "finance"


def test_a_private_address_is_not_asked_unless_that_is_set(database: Database) -> None:
    for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
        supply = Foreign(f"postgresql://u@{host}:5432/d", "posts")
        with pytest.raises(ImportRefused, match="WHETSTONE_PRIVATE_DATABASES"):
            imports.preview(database, supply)
    with pytest.raises(ImportRefused, match="WHETSTONE_PRIVATE_DATABASES"):
        imports.preview(database, Foreign("host=/var/run dbname=d", "posts"))


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def connect(**arguments: object) -> None:
        asked.update(arguments)
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(supplies.socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("93.184.215.14", 5432))])
    monkeypatch.setattr(supplies.psycopg, "connect", connect)
    monkeypatch.setenv("PGPASSWORD", "of-our-own-database")
    with pytest.raises(ImportRefused):
        Foreign("postgresql://u@db.example:5432/d", "posts")._connected()
    assert (asked["host"], asked["hostaddr"]) == ("db.example", "93.184.215.14")
    assert "default_transaction_read_only=on" in asked["options"]
    assert asked["password"] == "", "what stands in PGPASSWORD is for another database"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:hush@127.0.0.1:1/d", "No database answers at 127.0.0.1:1"),
        ("postgresql://u:hush@no-such-host.invalid/d", "host 'no-such-host.invalid' is not known"),
        ("postgresql://u:hush@a,b/d", "one host"),
        ("postgresql:///d", "one host"),
        ("postgresql://u:hush@127.0.0.1/d?sslkey=/etc/key", "'sslkey', which is not taken"),
        ("postgresql://u:hush@127.0.0.1/d?service=x", "'service', which is not taken"),
        ("mysql://u:hush@127.0.0.1/d", "cannot be understood"),
    ],
)
def test_a_database_that_is_not_there_is_named_without_its_password(database: Database, url: str, says: str) -> None:
    with pytest.raises(ImportRefused) as refusal:
        imports.preview(database, Foreign(url, "posts", private=True))
    assert says in str(refusal.value)
    assert "hush" not in str(refusal.value)
    assert "hush" not in repr(Foreign(url, "posts"))


def test_another_password_table_or_column_is_told(database: Database, other: str) -> None:
    for supply, says in (
        (Foreign(other, "post", private=True), "no table 'post'; it has old.books, posts. Is 'posts' meant?"),
        (Foreign(other, "posts", ("bodi",), private=True), "no column 'bodi'; it has id, body, hits"),
        (Foreign(f"{other} dbname=not_there", "posts", private=True), "has no such database or user"),
    ):
        with pytest.raises(ImportRefused) as refusal:
            imports.preview(database, supply)
        assert says in str(refusal.value)
    said = supplies._why_not(
        psycopg.OperationalError('FATAL: password authentication failed for user "u"'), "db:5432", "hush"
    )
    assert "another user or password is needed" in said


def test_an_empty_table_is_told(database: Database, other: str) -> None:
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("TRUNCATE old.books")
    with pytest.raises(ImportRefused, match=r"old\.books has no rows"):
        imports.run(database, Foreign(other, "old.books", private=True), actor="ada")
