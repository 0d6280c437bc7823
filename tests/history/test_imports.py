"""Five sources from files: previewed, imported whole or not at all, undone and brought back."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core import audit
from core.db import Database, migrations
from core.errors import Conflict, ImportRefused
from core.examples.importing.models import Undecided
from core.history import imports, undoing
from core.history.columns import Options
from core.history.shapes import SHAPES
from core.history.supplies import Files

FILES = {
    "tasks": "task_id,title,topic,status,quality_score,completed_at\nt1,Plan,oak,Published,0.7,2026-01-02\n",
    "posts": "id,title,content,views,published_at\np1,Oak,Long text,120,2026-01-02 10:00\n",
    "social": "post_id,platform,likes,clicks,tracked_at\np1,blog,3,4,2026-01-03\n",
    "web": "page,date,sessions,bounce_rate\n/blog,2026-01-03,40,0.5\n",
    "finance": "metric,value,month,currency\nrevenue,1200.50,2026-01,USD\n",
}


def rows(db: Database, source: str) -> list[dict[str, Any]]:
    with db.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {SHAPES[source].table} ORDER BY id"))  # pyright: ignore[reportArgumentType]
        return [dict(row._mapping) for row in found]


def written(folder: Path, content: str, name: str = "rows.csv") -> Files:
    (folder / name).write_text(content, encoding="utf-8")
    return Files(folder / name)


@pytest.mark.parametrize("source", FILES)
def test_each_source_is_known_by_its_columns_and_its_second_import_changes_nothing(
    database: Database, tmp_path: Path, source: str
) -> None:
    supply = written(tmp_path, FILES[source])
    foreseen = imports.preview(database, supply)
    assert (foreseen.source, foreseen.new, foreseen.failing, foreseen.unused) == (source, 1, 0, {})
    assert rows(database, source) == []
    done = imports.run(database, supply, actor="ada")
    assert (done.source, done.new, done.import_id) == (source, 1, 1)
    once = rows(database, source)
    again = imports.run(database, supply, actor="ada")
    assert (again.new, again.changed, again.same, again.import_id) == (0, 0, 1, None)
    assert rows(database, source) == once


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet"])
def test_other_formats_give_the_same_rows(database: Database, tmp_path: Path, form: str) -> None:
    table = [{"post_id": "p1", "content": "A", "views": 7, "keywords": ["a", "b"]}, {"post_id": "p2", "content": "B"}]
    path = tmp_path / f"rows.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    else:
        path.write_text(json.dumps(table) if form == "json" else "\n".join(map(json.dumps, table)))
    imports.run(database, Files(path), actor="ada")
    assert [(row["post_id"], row["views"], row["keywords"]) for row in rows(database, "posts")] == [
        ("p1", 7, ["a", "b"]),
        ("p2", None, None),
    ]


def test_an_export_of_the_original_system_comes_in_whole(database: Database, tmp_path: Path) -> None:
    content = (
        "id,title,slug,content,status,seo_keywords,created_at,published_at,author_id\n"
        '7f1c,,oak-chairs-6c7ca420," Title: Oak Chairs\n\nText",published,"[,"",o,a,k,"",]",2026-01-23 21:36:29,,a\n'
        "7f1d,Elm,elm-1a2b3c4d,Text,rejected,,2026-01-24 21:36:29,2026-01-25,a\n"
        "7f1e,Ash,ash-1a2b3c4e,Text,Deleted,,2026-01-24 21:36:29,,a\n"
    )
    done = imports.run(database, written(tmp_path, content), actor="ada")
    assert done.unused == {"author_id": 3}
    assert done.statuses == {"published": 1, "rejected": 1, "deleted": 1}
    first, second, _ = rows(database, "posts")
    assert (first["title"], first["keywords"], first["published_at"]) == ("Oak Chairs", ["oak"], None)
    assert first["content"] == " Title: Oak Chairs\n\nText"
    assert first["views"] is None, "nobody counted them, which is not 0"
    assert second["published_at"] == dt.datetime(2026, 1, 25, tzinfo=dt.UTC)


def test_two_scales_in_one_column_are_asked_about_and_then_divided(database: Database, tmp_path: Path) -> None:
    content = "task_id,title,quality_score,metadata\n" + "".join(
        f't{number},T,{score},"{{""n"": {number}}}"\n' for number, score in enumerate([7, 6.5, 8, 71, 64, 90, 0.5])
    )
    supply = written(tmp_path, content)
    with pytest.raises(ImportRefused, match="--scale quality_score=mixed") as refusal:
        imports.run(database, supply, actor="ada")
    assert refusal.value.field == "quality_score"
    foreseen = imports.preview(database, supply)
    assert "quality_score" in foreseen.undecided
    assert foreseen.scales_used == {}
    assert foreseen.scales["quality_score"].maximum == 90
    imports.run(database, supply, Options(scales={"quality_score": "mixed"}), actor="ada")
    assert [row["quality_score"] for row in rows(database, "tasks")] == [0.7, 0.65, 0.8, 0.71, 0.64, 0.9, 0.5]
    assert rows(database, "tasks")[3]["metadata"] == {"n": 3}


def test_shares_are_read_as_shares_or_per_cent_and_asked_about_where_they_mix(
    database: Database, tmp_path: Path
) -> None:
    head = "page,date,sessions,conversion_rate\n"
    imports.run(database, written(tmp_path, head + "/a,2026-01-01,1,2.5\n/b,2026-01-01,1,40\n"), actor="ada")
    assert [row["conversion_rate"] for row in rows(database, "web")] == [0.025, 0.4]
    with pytest.raises(ImportRefused, match=r"0\.8 \(row 2\).*--scale conversion_rate=100"):
        imports.run(database, written(tmp_path, head + "/a,2026-01-02,1,2.5\n/b,2026-01-02,1,0.8\n"), actor="ada")
    imports.run(database, written(tmp_path, head + "/c,2026-01-02,1,80%\n"), actor="ada")
    assert rows(database, "web")[-1]["conversion_rate"] == 0.8


def test_a_failing_row_names_row_field_value_and_expectation_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    supply = written(tmp_path, "post_id,content,views\np1,A,5\np2,B,many\np3,,1\n")
    with pytest.raises(ImportRefused) as refusal:
        imports.run(database, supply, actor="ada")
    told = refusal.value
    assert (told.row, told.field, told.value, "whole number" in told.expected) == (2, "views", "'many'", True)
    assert "1 more row fails too" in str(told)
    assert rows(database, "posts") == []
    done = imports.run(database, supply, Options(skip_invalid=True), actor="ada")
    assert (done.new, done.skipped) == (1, 2)
    assert [error.field for error in done.errors] == ["views", "title or content"]


def test_rows_that_contradict_each_other_under_one_key_are_named(database: Database, tmp_path: Path) -> None:
    supply = written(tmp_path, "metric,value,month\nrevenue,5,2026-01\nrevenue,5,2026-01\nrevenue,6,2026-01\n")
    with pytest.raises(ImportRefused, match=r"Row 3.*'revenue, 2026-01-01'.*row 1 has the same one and contradicts it"):
        imports.run(database, supply, actor="ada")


def test_a_later_source_that_contradicts_what_is_there_says_where(database: Database, tmp_path: Path) -> None:
    imports.run(database, written(tmp_path, "post_id,content,views\np1,A,5\n"), actor="ada")
    later = written(tmp_path, "post_id,content,views\np1,A,9\n", "later.csv")
    foreseen = imports.preview(database, later)
    assert [str(each) for each in foreseen.contradictions] == ["Row 1, field views: '5' stands there, and '9' comes."]
    assert imports.run(database, later, actor="ada").changed == 1


def test_what_a_file_does_not_have_stays(database: Database, tmp_path: Path) -> None:
    imports.run(database, written(tmp_path, "post_id,content,views\np1,A,5\n"), actor="ada")
    imports.run(database, written(tmp_path, "post_id,title,content\np1,Oak,A\n"), actor="ada")
    (row,) = rows(database, "posts")
    assert (row["title"], row["views"]) == ("Oak", 5)


def test_a_measurement_without_a_time_is_the_latest_one(database: Database, tmp_path: Path) -> None:
    timed = "post_id,platform,likes,tracked_at\np1,blog,3,2026-01-03\np1,blog,5,2026-01-09\n"
    imports.run(database, written(tmp_path, timed), actor="ada")
    imports.run(database, written(tmp_path, "post_id,platform,likes\np1,blog,8\n"), actor="ada")
    assert [row["likes"] for row in rows(database, "social")] == [3, 8]
    fresh = written(tmp_path, "post_id,platform,likes\np9,blog,1\n")
    assert imports.run(database, fresh, actor="ada").new == 1
    assert imports.run(database, fresh, actor="ada").same == 1


def test_dates_that_can_be_read_in_two_ways_are_asked_about(database: Database, tmp_path: Path) -> None:
    supply = written(tmp_path, "page,date,sessions\n/a,03/04/2026,1\n")
    with pytest.raises(Undecided) as question:
        imports.run(database, supply, actor="ada")
    assert question.value.option == "dates"
    imports.run(database, supply, Options(dates="day-first"), actor="ada")
    assert rows(database, "web")[0]["tracked_date"] == dt.date(2026, 4, 3)
    shown = written(tmp_path, "page,date,sessions\n/b,03/04/2026,1\n/b,03/24/2026,1\n")
    imports.run(database, shown, actor="ada")
    assert rows(database, "web")[1]["tracked_date"] == dt.date(2026, 3, 4)


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("a,b\n1,2\n", Options(), "do not show what they hold"),
        ("page,sessions\n/a,1\n", Options(), "Nothing says which of the columns page, sessions of rows.csv"),
        ("post_id,content\np,A\n", Options(mapping={"titel": "content"}), "'titel' is no field of posts"),
        ("post_id,content\np,A\n", Options(mapping={"title": "contents"}), "Is 'content' meant?"),
        ("post_id,content\np,A\n", Options(scales={"views": "10"}), "has no scale"),
        ("task_id,title\np,A\n", Options(scales={"quality_score": "ten"}), "is no scale"),
        ("", Options(), "is empty"),
        (
            "task_id,title,quality_score\nt,A,11\n",
            Options(scales={"quality_score": "10"}),
            "at most 10 on the scale 10",
        ),
    ],
)
def test_what_cannot_be_is_a_sentence(
    database: Database, tmp_path: Path, content: str, options: Options, says: str
) -> None:
    with pytest.raises(ImportRefused) as refusal:
        imports.run(database, written(tmp_path, content), options, actor="ada")
    assert says in str(refusal.value)
    assert undoing.imports(database) == []


def test_undo_takes_back_exactly_what_the_import_did_and_redo_brings_it_again(
    database: Database, tmp_path: Path
) -> None:
    imports.run(database, written(tmp_path, "post_id,content,views\np1,A,5\n"), actor="ada")
    before = rows(database, "posts")
    imports.run(database, written(tmp_path, "post_id,content,views\np1,A,9\np2,B,1\np3,C,2\n"), actor="ada")
    after = rows(database, "posts")
    with database.begin() as connection:
        connection.execute(text("UPDATE orchestrator_published_posts SET views = 77 WHERE post_id = 'p3'"))
    undone = undoing.undo(database, 2, actor="ada", reason="wrong file")
    assert (undone.rows, undone.restored, undone.left) == (1, 1, 1)
    assert [row for row in rows(database, "posts") if row["post_id"] != "p3"] == before
    with pytest.raises(Conflict, match="undone already by ada"):
        undoing.undo(database, 2, actor="ada")
    redone = undoing.redo(database, 2, actor="ada")
    assert (redone.rows, redone.restored, redone.left) == (1, 1, 0)
    assert [row for row in rows(database, "posts") if row["post_id"] != "p3"] == after[:2]
    with pytest.raises(Conflict, match="nothing to redo"):
        undoing.redo(database, 2, actor="ada")
    with pytest.raises(ImportRefused, match="no import 99"):
        undoing.undo(database, 99, actor="ada")
    said = [entry.action for entry in audit.entries(database, subject="history", subject_id=2)]
    assert said == ["redo import", "undo import", "import"]


_DAYS = st.sampled_from(["2026-01-01", "2026-01-02"])
_ROWS = st.lists(st.tuples(st.sampled_from(["/a", "/b"]), _DAYS, st.integers(0, 3) | st.none()), max_size=5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(_ROWS.filter(bool), min_size=1, max_size=3))
def test_imports_and_their_undoing_agree_with_a_plain_dictionary(
    database: Database, tmp_path: Path, files: list[list[tuple[str, str, int | None]]]
) -> None:
    with database.begin() as connection:
        connection.execute(text("TRUNCATE web_analytics, history_import_rows, history_imports"))
    states: list[tuple[int, dict[tuple[str, str], int | None]]] = []
    known: dict[tuple[str, str], int | None] = {}
    for number, lines in enumerate(files):
        content = "page,date,sessions\n" + "".join(
            f"{page},{day},{'' if sessions is None else sessions}\n" for page, day, sessions in lines
        )
        supply = written(tmp_path, content, f"{number}.csv")
        meant: dict[tuple[str, str], int | None] = {}
        if any(meant.setdefault((page, day), sessions) != sessions for page, day, sessions in lines):
            with pytest.raises(ImportRefused, match="contradicts"):
                imports.run(database, supply, actor="ada")
            continue
        done = imports.run(database, supply, actor="ada")
        assert done.new == len(meant.keys() - known.keys())
        assert done.changed == sum(key in known and known[key] != value for key, value in meant.items())
        assert done.duplicates == len(lines) - len(meant)
        if done.import_id:
            states.append((done.import_id, dict(known)))
        known |= meant
        assert _web(database) == known
    for import_id, state in reversed(states):
        undoing.undo(database, import_id, actor="ada")
        assert _web(database) == state


def _web(db: Database) -> dict[tuple[str, str], int | None]:
    return {(row["page_id"], str(row["tracked_date"])): row["sessions"] for row in rows(db, "web")}


def test_a_database_of_the_original_system_with_such_columns_of_its_own_is_taken_over(
    empty_database: Database, tmp_path: Path
) -> None:
    with empty_database.dedicated() as connection:
        connection.execute(
            "CREATE TABLE orchestrator_published_posts (id serial PRIMARY KEY, post_id varchar(255) UNIQUE, title text,"
            " slug varchar(90) NOT NULL, execution_id uuid, keywords text[] DEFAULT '{}', status varchar(20))"
        )
        connection.execute(
            "INSERT INTO orchestrator_published_posts (post_id, slug, execution_id, keywords)"
            " VALUES ('p1', 'oak', '7f1c8a52-0000-4000-8000-000000000000', '{a,b}')"
        )
    migrations.migrate(empty_database)
    (row,) = rows(empty_database, "posts")
    assert (row["slug"], row["keywords"]) == ("oak", ["a", "b"])
    assert row["execution_id"] == "7f1c8a52-0000-4000-8000-000000000000"
    done = imports.run(empty_database, written(tmp_path, FILES["posts"]), actor="ada")
    assert (done.new, done.changed) == (0, 1)
    assert rows(empty_database, "posts")[0]["title"] == "Oak"


@pytest.mark.parametrize("source", SHAPES)
def test_the_documentation_names_every_field_and_every_other_name(source: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
    section = page.partition(f"\n### {source}\n")[2].partition("\n### ")[0]
    fields = SHAPES[source].fields  # pyright: ignore[reportArgumentType]
    for name, field in fields.items():
        also = ", ".join(f"`{each}`" for each in field.also)
        assert f"| `{name}` | {field.expects} | {also} |" in section, name
