"""What is exported and imported again changes nothing, here or elsewhere."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.db import Database, workspaces
from core.db.tables import CONTENT, examples
from core.examples import store
from core.examples.exporting import COLUMNS, export
from core.examples.filters import EVERYTHING, Filter
from core.examples.importing.converting.values import duration_ms
from tests.examples.importing.files import execution, fingerprint, imported, stored, written

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.text(
    "=+-@' \t\r\nab(1)|!", max_size=6
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
rows = st.fixed_dictionaries(
    {
        "user_request": words.filter(str.strip),
        "intent": words,
        "business_state": st.dictionaries(words, json_values, max_size=3),
        "context": st.none() | st.dictionaries(words, json_values, max_size=3),
        "execution_plan": st.none() | words.filter(bool),
        "execution_result": st.none() | words.filter(bool),
        "quality_score": st.none() | st.floats(0, 1),
        "success": st.none() | st.booleans(),
        "tags": st.sets(st.from_regex(r"[A-Z0-9_]{1,8}", fullmatch=True), max_size=3).map(sorted),
        "created_at": st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 12, 31), timezones=st.just(dt.UTC)),
        "source_agent": words,
        "source_model": words,
        "execution_time_ms": st.none() | st.integers(0, 2**63 - 1),
    }
)


@pytest.fixture
def elsewhere(database: Database) -> Database:
    """An empty workspace beside the one that is exported from."""
    return workspaces.create(database, "elsewhere")


def comparable(db: Database) -> list[dict[str, Any]]:
    return [{name: row[name] for name in COLUMNS if name != "id"} for row in stored(db)]


@settings(
    max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(rows, min_size=1, max_size=4), form=st.sampled_from(["jsonl", "csv"]))
def test_an_export_is_the_same_here_and_becomes_the_same_elsewhere(
    database: Database, elsewhere: Database, tmp_path: Path, values: list[dict[str, Any]], form: Any
) -> None:
    for db in (database, elsewhere):
        empty(db)
    with database.begin() as connection:
        connection.execute(examples.insert(), [{"execution_id": f"run-{n}", **row} for n, row in enumerate(values)])
    path = written(tmp_path, f"export.{form}", b"".join(export(database, EVERYTHING, form)))
    before = fingerprint(database)
    assert imported(database, path).same == len(values)
    assert fingerprint(database) == before
    assert imported(elsewhere, path).new == len(values)
    assert comparable(elsewhere) == comparable(database)
    assert b"".join(export(elsewhere, EVERYTHING, form)).count(b"\n") == path.read_bytes().count(b"\n")


def test_no_cell_of_a_csv_export_runs_in_a_spreadsheet(database: Database, tmp_path: Path) -> None:
    hostile = [
        "=cmd|' /C calc'!A0",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        " =1",
        "'=1",
        "\r\n=1",
        "- a list",
    ]
    rows = [execution(number, user_request=f"Say {text}", execution_plan=text) for number, text in enumerate(hostile)]
    imported(database, written(tmp_path, "runs.jsonl", rows))
    exported = b"".join(export(database, EVERYTHING, "csv")).decode()
    cells = [row["execution_plan"] for row in csv.DictReader(io.StringIO(exported, newline=""))]
    assert cells == [f"'{text}" for text in hostile]
    assert imported(database, written(tmp_path, "export.csv", exported.encode())).same == len(hostile)


def test_a_quote_in_front_of_a_sign_stays_in_the_files_of_others(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(execution_plan="'-5 degrees', she said")]))
    assert stored(database)[0]["execution_plan"] == "'-5 degrees', she said"


def empty(db: Database) -> None:
    """Forget all examples, past the trigger that refuses it."""
    with db.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM orchestrator_training_data"))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_was_edited_here_comes_back_as_the_same(database: Database, tmp_path: Path, form: Any) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(1, quality_score="7.5"), execution(2)]))
    one, two = stored(database)
    store.edit(database, one["id"], {"user_request": "Mine"}, expected_revision=1, actor="ana", reason="clearer")
    store.set_score(database, two["id"], score=0.33, success=None, actor="ana", reason="read it")
    path = written(tmp_path, f"export.{form}", b"".join(export(database, EVERYTHING, form)))
    result = imported(database, path)
    assert (result.same, result.changed, result.new) == (2, 0, 0)


def test_an_export_holds_the_examples_of_its_filter_only(database: Database, tmp_path: Path) -> None:
    rows = [execution(1), execution(2, tags="{EXCLUDE}"), execution(3, user_request="Write a post")]
    imported(database, written(tmp_path, "runs.csv", rows))
    chosen = Filter(words="launch")
    lines = b"".join(export(database, chosen, "jsonl")).splitlines()
    assert len(lines) == 1
    assert b'"execution_id":"run-1"' in lines[0]
    assert set(CONTENT) <= set(COLUMNS)


def test_an_export_that_is_broken_off_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(number) for number in range(3_000)]))
    blocks = export(database, EVERYTHING)
    next(blocks)
    blocks.close()  # pyright: ignore[reportAttributeAccessIssue]
    with database.connect() as connection:
        busy = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (%' AND state = 'active'")
        assert connection.execute(busy).scalar_one() == 0


@pytest.mark.parametrize("duration", [2**53 + 1, 2**63 - 1, str(2**63 - 1)])
def test_a_duration_of_any_length_is_read_to_its_last_bit(duration: int | str) -> None:
    assert duration_ms(duration) == int(duration)
