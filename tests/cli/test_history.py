"""`history` of the command line as a program."""

import json
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from core.db import Database
from core.examples import importing
from tests.cli.test_commands import core

POSTS = (
    "id,title,slug,content,topic,platform,status,views,engagement,published_at,author\n"
    "p1,Oak,oak-6c7ca420,Text of oak,oak,blog,published,100,10,2026-01-05,ada\n"
    "p2,Elm,elm-00000001,Text of elm,elm,blog,published,200,4,2026-01-06,ada\n"
)


def posts(folder: Path) -> str:
    path = folder / "posts.csv"
    path.write_text(POSTS)
    return str(path)


def test_history_is_imported_listed_undone_and_brought_back(database: Database, tmp_path: Path) -> None:
    file = posts(tmp_path)
    foreseen = core(database, "history", "import", file, "--dry-run")
    assert foreseen.returncode == 0, foreseen.stderr
    assert "2 rows (csv, posts): 2 new" in foreseen.stdout
    assert "Not used: author (2)." in foreseen.stdout
    assert foreseen.stdout.endswith("Nothing was written.\n")
    done = json.loads(core(database, "history", "import", file, "--json", WHETSTONE_ACTOR="ada").stdout)
    assert (done["source"], done["new"], done["import_id"]) == ("posts", 2, 1)
    assert "so there is nothing to undo" in core(database, "history", "import", file).stdout
    assert "posts             2 rows, 2026-01-05 to 2026-01-06" in core(database, "history", "list").stdout
    listed = json.loads(core(database, "history", "list", "posts", "--topic", "oak", "--json").stdout)
    assert [row["post_id"] for row in listed["rows"]] == ["p1"]
    first = core(database, "history", "list", "posts", "--sort", "best", "--limit", "1").stdout
    assert first.startswith("post_id p2")
    mark = first.splitlines()[-1].removeprefix("More with --after ")
    assert "post_id p1" in core(database, "history", "list", "posts", "--sort", "best", "--after", mark).stdout
    assert "2 rows taken away" in core(database, "history", "undo", "1", "--reason", "wrong").stdout
    assert "No post is recorded yet" in core(database, "history", "list", "posts").stdout
    assert "2 rows brought back" in core(database, "history", "undo", "1", "--redo").stdout


def test_a_backfill_is_shown_confirmed_and_undone(database: Database, tmp_path: Path) -> None:
    core(database, "history", "import", posts(tmp_path))
    path = tmp_path / "executions.csv"
    path.write_text(
        "execution_id,user_request,execution_plan,execution_result,source_agent\n"
        "6c7ca420-36a5-4000-8000-000000000000,Write about oak,,success,router\n"
    )
    importing.run(database, path, actor="ada")
    shown = core(database, "history", "backfill").stdout
    assert "1 examples have no result. 1 would get one: 0 by their execution id, 1 by the end of a slug." in shown
    assert shown.endswith("Nothing was written; --confirm does it.\n")
    done = json.loads(core(database, "history", "backfill", "--confirm", "--json").stdout)
    assert done == {"backfill_id": 1, "filled": 1, "trainable": 1}
    assert "There is nothing to fill." in core(database, "history", "backfill").stdout
    assert "1 examples have their former result again" in core(database, "history", "backfill", "--undo", "1").stdout


def test_topics_and_correlations_say_how_little_they_rest_on(database: Database, tmp_path: Path) -> None:
    core(database, "history", "import", posts(tmp_path))
    said = core(database, "history", "topics").stdout
    assert said.startswith(
        "oak: 1 posts, 0 tasks; views 100 (n 1, under 30 rows); engagement 10.00% (n 1, under 30 rows)"
    )
    assert "On blog: 2 posts" in said
    assert "rests on 2 posts and tasks; fewer than 30 can say little" in said
    told = json.loads(core(database, "history", "topics", "--json", "--limit", "1").stdout)
    assert [topic["name"] for topic in told["topics"]] == ["oak"]
    assert [platform["name"] for platform in told["platforms"]] == ["blog"]
    assert "there is nothing to compare" in core(database, "history", "correlations").stdout
    figures = tmp_path / "figures.csv"
    months = [f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13)]
    figures.write_text(
        "metric,value,month\n" + "".join(f"revenue,{at % 5},{month}\n" for at, month in enumerate(months))
    )
    visits = tmp_path / "visits.csv"
    visits.write_text(
        "page,date,sessions\n" + "".join(f"/,{month}-03,{at % 5 + 7}\n" for at, month in enumerate(months))
    )
    for file in (figures, visits):
        assert core(database, "history", "import", str(file)).returncode == 0
    found = json.loads(core(database, "history", "correlations", "--json", "--limit", "3").stdout)
    assert (found["found"][0]["business"], found["found"][0]["content"], found["found"][0]["lag"]) == (
        "revenue",
        "visits",
        0,
    )
    assert found["found"][0]["is_clear"]
    assert "not a cause" in found["found"][0]["sentence"]
    assert "rises with visits in the same month" in core(database, "history", "correlations").stdout


def test_a_table_of_another_database_is_read_where_settings_name_it(
    database: Database, empty_database: Database
) -> None:
    with empty_database.dedicated() as connection:
        connection.execute("CREATE TABLE books (metric text, value numeric, month text)")
        connection.execute("INSERT INTO books VALUES ('revenue', 12.5, '2026-01')")
        dsn = connection.info.get_parameters()
    url = make_conninfo("", **{name: dsn[name] for name in ("host", "port", "dbname", "user") if name in dsn})
    command = ("history", "import", "--table", "books", "--column", "metric", "--column", "value", "--column", "month")
    assert "needs WHETSTONE_HISTORY_URL" in core(database, *command).stderr
    assert "WHETSTONE_PRIVATE_DATABASES=1" in core(database, *command, WHETSTONE_HISTORY_URL=url).stderr
    done = core(database, *command, WHETSTONE_HISTORY_URL=url, WHETSTONE_PRIVATE_DATABASES="1")
    assert done.stdout.startswith("finance: 1 new"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import"], "Name files, or a table"),
        (["import", "no-such-file.csv"], "There is no file 'no-such-file.csv'"),
        (["import", "x.csv", "--map", "views"], "is not a mapping"),
        (["undo", "7"], "There is no import 7 of history"),
        (["list", "radio"], "There is no source 'radio'"),
        (["list", "posts", "--since", "soon"], "--since"),
    ],
)
def test_what_cannot_be_is_one_line(database: Database, arguments: list[str], says: str) -> None:
    done = core(database, "history", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
