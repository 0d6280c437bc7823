import socket
import threading
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DataError

from core.db import Database, open_database
from core.db.embedded import EmbeddedPostgres
from core.errors import DatabaseUnavailable, WorkspaceRefused
from core.settings import Settings

SECRET = "pa ss/w:rd"
INTO_LOADED = "COPY loaded FROM STDIN"


def settings(url: str, home: Path) -> Settings:
    return Settings.model_validate({"DATABASE_URL": SecretStr(url), "WHETSTONE_HOME": home})


def shown(database: Database, name: str) -> str:
    with database.connect() as connection:
        return connection.execute(text(f"SHOW {name}")).scalar_one()


def test_a_connection_sees_its_workspace_and_nothing_else(database: Database) -> None:
    with database.connect() as connection:
        for _ in range(2):  # a rollback must not undo it
            assert connection.execute(text("SHOW search_path")).scalar_one() == "public"
            connection.rollback()
    assert shown(database, "timezone") == "UTC"
    assert shown(database, "application_name") == "whetstone"


def test_a_transaction_is_committed_or_rolled_back_whole(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n int)"))
    with pytest.raises(DataError), database.begin() as connection:
        connection.execute(text("INSERT INTO kept SELECT 1 / n FROM unnest(ARRAY[1, 0]) AS n"))
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0


def test_copying_commits_or_rolls_back_in_the_same_workspace(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE SCHEMA side"))
    side = database.in_workspace("side")
    with side.copying() as connection:
        connection.execute("CREATE TABLE loaded (n int)")
        with connection.cursor().copy(INTO_LOADED) as copy:
            copy.write_row([1])
    with pytest.raises(psycopg.DataError), side.copying() as connection, connection.cursor().copy(INTO_LOADED) as copy:
        copy.write("2\nnot a number\n")
    with database.connect() as connection:
        assert connection.execute(text("SELECT array_agg(n) FROM side.loaded")).scalar_one() == [1]


def test_a_dedicated_connection_hears_notifications(database: Database) -> None:
    with database.dedicated() as listener:
        listener.execute("LISTEN news")
        with database.begin() as connection:
            connection.execute(text("NOTIFY news, 'hello'"))
        heard = next(listener.notifies(timeout=10, stop_after=1))
    assert heard.payload == "hello"


def test_json_goes_in_and_comes_out_on_both_kinds_of_connection(database: Database) -> None:
    value = {"text": 'ä \\ " \u2028', "list": [1, 2.5, None, True], "nested": {"a": {}}}
    table = sa.Table("documents", sa.MetaData(), sa.Column("data", JSONB))
    with database.begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(data=value))
        assert connection.execute(sa.select(table.c.data)).scalar_one() == value
    with database.copying() as connection:
        assert connection.execute("SELECT data FROM documents").fetchone() == (value,)


def test_a_connection_that_the_server_cut_is_replaced(database: Database) -> None:
    with database.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.dedicated() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with database.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid


def test_workspaces_are_opened_once(database: Database) -> None:
    demo = database.in_workspace("demo")
    assert database.in_workspace("demo") is demo
    assert demo.in_workspace("public") is database
    assert demo.in_workspace("demo") is demo


def test_closing_leaves_no_connection(database: Database) -> None:
    for workspace in (database, database.in_workspace("other")):
        with workspace.connect() as connection:
            connection.execute(text("SELECT 1"))
    database.close()
    with database.dedicated() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row == (0,)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_usual_form_of_url_opens(database: Database, scheme: str, tmp_path: Path) -> None:
    url = database.url.replace("postgresql", scheme, 1)
    opened = open_database(settings(url, tmp_path))
    assert shown(opened, "search_path") == "public"
    opened.close()


def test_a_workspace_that_is_missing_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceRefused, match="no workspace 'nowhere'"):
        open_database(settings(database.url, tmp_path), workspace="nowhere")


def test_without_a_url_the_embedded_server_is_used(server: EmbeddedPostgres) -> None:
    opened = open_database(settings("", server.home), migrate=False)
    assert opened.url == server.url()
    opened.close()


def test_no_text_shows_the_password(server: EmbeddedPostgres) -> None:
    database = Database(f"postgresql://somebody:{quote(SECRET, safe='')}@127.0.0.1:1/name")
    texts = [repr(database), str(database), database.where, repr(database.engine), repr(database.engine.url)]
    assert not any(SECRET in shown or quote(SECRET, safe="") in shown for shown in texts)
    assert "name at 127.0.0.1:1" in repr(database)


def test_an_unreachable_server_is_named_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://somebody:{quote(SECRET, safe='')}@127.0.0.1:1/name"
    with pytest.raises(DatabaseUnavailable, match=r"name at 127\.0\.0\.1:1 cannot be reached: .*refused") as caught:
        open_database(settings(url, tmp_path))
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_missing_database_is_named(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist'):
        open_database(settings(server.url("nowhere"), tmp_path))


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@host:5432/db?s3cret", "mysql://u:s3cret@host/db", "s3cret"])
def test_a_url_that_cannot_be_understood_is_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="DATABASE_URL cannot be understood") as caught:
        open_database(settings(url, tmp_path))
    assert "s3cret" not in str(caught.value)


def test_a_database_in_another_encoding_is_refused(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
        with pytest.raises(DatabaseUnavailable, match="stores text as LATIN1"):
            open_database(settings(server.url("latin"), tmp_path))
        connection.execute("DROP DATABASE latin WITH (FORCE)")


class PretendServer:
    """Answers like a server that is starting up, or like an old one, which no machine of ours has any more."""

    def __init__(self, *answers: bytes) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._answers = answers
        self.url = f"postgresql://u@127.0.0.1:{self._socket.getsockname()[1]}/db?sslmode=disable&gssencmode=disable"
        self.asked = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        for answer in self._answers:
            client, _ = self._socket.accept()
            with client:
                client.recv(1024)
                self.asked += 1
                client.sendall(answer)
                if answer.startswith(b"R"):
                    while request := client.recv(1024):  # SET ...: done; anything else: the end
                        client.sendall(message(b"C", b"SET\0") + message(b"Z", b"I"))
                        if request.startswith(b"X"):
                            break


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def refusal(words: str) -> bytes:
    return message(b"E", b"SFATAL\0VFATAL\0C57P03\0M" + words.encode() + b"\0\0")


def greeting(version: str, encoding: str = "UTF8") -> bytes:
    statuses = {"server_version": version, "server_encoding": encoding, "client_encoding": "UTF8"}
    told = b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in statuses.items())
    return message(b"R", bytes(4)) + told + message(b"Z", b"I")


def test_an_old_server_is_refused() -> None:
    with (
        PretendServer(greeting("14.9")) as old,
        pytest.raises(DatabaseUnavailable, match="runs PostgreSQL 14; Whetstone needs version 15 or newer"),
    ):
        Database(old.url).check()


def test_a_server_that_is_starting_up_is_waited_for() -> None:
    starting = refusal("the database system is starting up")
    with PretendServer(starting, starting, greeting("18.1")) as server:
        Database(server.url).check()
    assert server.asked == 3
