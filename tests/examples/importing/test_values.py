"""One value of a file is read for what it means, the same in every format, or its row is refused."""

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions
from core.examples.importing.converting.moments import moment
from core.examples.importing.exact_json import WithoutConstants, loads
from core.examples.importing.models import Undecided, Unfit
from tests.examples.importing.files import execution, fingerprint, imported, only, stored, written

SAME = dt.datetime(2026, 1, 14, 19, 30, 47, tzinfo=dt.UTC)
LONG = "18446744073709551616123"


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-14 19:30:47 UTC",
        "2026-01-14 19:30:47.000000 UTC",
        "2026-01-14T19:30:47Z",
        "2026-01-14T19:30:47.000000000Z",
        "2026-01-14 20:30:47 +0100",
        "2026-01-14 20:30:47 GMT+01:00",
        "1768419047",
        "1768419047.0",
        "1768419047000",
        "1768419047000000",
        "1768419047000000000",
        1768419047,
        1768419047.0,
        1768419047000,
        "Wed, 14 Jan 2026 19:30:47 GMT",
        "Wed, 14 Jan 2026 14:30:47 EST",
        "14 Jan 2026 20:30:47 +0100",
        "Wed Jan 14 19:30:47 2026",
        "Wed Jan 14 19:30:47 UTC 2026",
        "Wed Jan 14 2026 20:30:47 GMT+0100 (CET)",
        "January 14, 2026 7:30:47 PM",
        "20260114193047",
        "20260114T193047Z",
        "2026/01/14 19:30:47",
        "14.01.2026 19:30:47",
        "14/01/2026 19:30:47",
        "1/14/2026 7:30:47 PM",
        "46036.81304398148",
        "46036,81304398148",
        "1.768419047E9",
        "1.768419047E12",
        "2026-01-14T20:30:47+01:00[Europe/Vienna]",
        {"$date": "2026-01-14T19:30:47Z"},
        {"$date": {"$numberLong": "1768419047000"}},
        dt.datetime(2026, 1, 14, 20, 30, 47, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    ],
)
def test_a_moment_is_read_in_every_way_tools_write_it(given: Any) -> None:
    assert dt.datetime.fromisoformat(moment(given) or "").replace(microsecond=0) == SAME


@given(st.integers(631_152_000, 4_133_980_799))
def test_an_epoch_is_the_same_in_every_unit(seconds: int) -> None:
    expected = dt.datetime.fromtimestamp(seconds, dt.UTC)
    for number in (seconds, seconds * 1000, seconds * 10**6):
        for value in (number, str(number)):
            assert dt.datetime.fromisoformat(moment(value) or "") == expected


@given(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 12, 31)))
def test_no_way_of_writing_a_moment_is_read_as_another(when: dt.datetime) -> None:
    when = when.replace(microsecond=0)
    for form in (
        "%Y-%m-%d %H:%M:%S",
        "%d %b %Y %H:%M:%S",
        "%b %d, %Y %I:%M:%S %p",
        "%Y%m%d%H%M%S",
        "%d.%m.%Y %H:%M:%S",
    ):
        assert moment(when.strftime(form)) == when.replace(tzinfo=dt.UTC).isoformat()
    for order, form in (("day-first", "%d/%m/%Y"), ("month-first", "%m/%d/%Y")):
        read = moment(when.strftime(form), order)  # pyright: ignore[reportArgumentType]
        assert read is not None
        if when.day <= 12:
            assert dt.datetime.fromisoformat(read).date() == when.date()


@pytest.mark.parametrize("name", ["runs.csv", "runs.json", "runs.jsonl"])
def test_dates_that_a_later_row_explains_are_read_by_it(database: Database, tmp_path: Path, name: str) -> None:
    rows = [
        execution(n, created_at=when, updated_at="")
        for n, when in enumerate(["03/04/2026", "02/03/2026", "25/12/2025"])
    ]
    imported(database, written(tmp_path, name, rows))
    assert [f"{row['created_at']:%m-%d}" for row in stored(database)] == ["04-03", "03-02", "12-25"]


def test_dates_that_nothing_explains_are_asked_about(database: Database, tmp_path: Path) -> None:
    rows = [execution(1, created_at="03/04/2026 10:00"), execution(2, created_at="05/06/2026 10:00")]
    path = written(tmp_path, "runs.csv", rows)
    before = fingerprint(database)
    for act in (imported, importing.preview):
        with pytest.raises(
            Undecided, match=r"'03/04/2026 10:00' or .* Say it with --dates day-first or --dates month-first"
        ) as asked:
            act(database, path)
        assert asked.value.choices["month-first"] == "The month first: 03/04/2026 10:00 is 2026-03-04"
    assert fingerprint(database) == before
    imported(database, path, dates="month-first")
    assert [f"{row['created_at']:%m-%d}" for row in stored(database)] == ["03-04", "05-06"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
def test_a_number_beyond_64_bits_keeps_every_digit(database: Database, tmp_path: Path, name: str) -> None:
    number = f'{{"n": {LONG}, "m": -{LONG}, "x": 18446744073709551615}}'
    if name.endswith(("json", "jsonl")):
        line = f'{{"user_request": "a", "execution_result": {LONG}, "business_state": {number}}}'.encode()
        path = written(tmp_path, name, b"[%b]" % line if name.endswith("json") else line + b"\n")
    else:
        path = written(tmp_path, name, [{"user_request": "a", "execution_result": LONG, "business_state": number}])
    imported(database, path)
    row = only(database)
    assert row["execution_result"] == LONG
    assert row["business_state"] == {"n": LONG, "m": f"-{LONG}", "x": 18446744073709551615}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    try:
        text = orjson.dumps(value)
    except TypeError:
        return  # half of a surrogate pair
    if b"null" not in text:
        assert loads(text) == loads(text.decode()) == value


@given(
    st.lists(
        st.sampled_from(["NaN", "-Infinity", "Infinity", "1", '"NaN"', '"a\\"NaN\\\\"', '"\\\\"', '"[NaN, "', "{}"])
    ),
    st.integers(1, 7),
)
def test_constants_of_python_are_null_and_texts_stay(parts: list[str], size: int) -> None:
    document = f"[{', '.join(parts)}]".encode()
    left = [document[start : start + size] for start in range(0, len(document), size)]
    reading = WithoutConstants(lambda _: left.pop(0) if left else b"")
    read = b""
    while block := reading.read():
        read += block
    assert orjson.loads(read) == loads(document)
    assert [each for each in orjson.loads(read) if isinstance(each, str)] == [
        orjson.loads(p) for p in parts if p[0] == '"'
    ]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_what_python_writes_for_no_number_is_not_scored(database: Database, tmp_path: Path, name: str) -> None:
    rows = [
        b'{"execution_id": "%d", "user_request": "Say NaN", "execution_result": "NaN, it said", "quality_score": %b,'
        b' "success": NaN}' % (number, constant)
        for number, constant in enumerate((b"NaN", b"Infinity", b"-Infinity", b"0.5"))
    ]
    content = b"[%b]" % b",\n".join(rows) if name.endswith(".json") else b"\n".join(rows)
    imported(database, written(tmp_path, name, content))
    found = stored(database)
    assert [each["quality_score"] for each in found] == [None, None, None, 0.5]
    assert {(each["user_request"], each["execution_result"]) for each in found} == {("Say NaN", "NaN, it said")}


def test_a_column_of_floats_with_gaps_is_read_as_what_it_was(database: Database, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "execution_id": 1.0,
            "user_request": "a",
            "quality_score": float("nan"),
            "success": 1.0,
            "execution_time_ms": 12.5,
        },
        {
            "execution_id": 2.0,
            "user_request": "b",
            "quality_score": 0.5,
            "success": float("nan"),
            "execution_time_ms": None,
        },
    ]
    imported(database, written(tmp_path, "rows.parquet", rows))
    found = stored(database)
    assert [row["execution_id"] for row in found] == ["1", "2"]
    assert [row["quality_score"] for row in found] == [None, 0.5]
    assert [row["success"] for row in found] == [True, None]
    assert [row["execution_time_ms"] for row in found] == [13, None]


@pytest.mark.parametrize("given", ["1.76842E+12", "1.76842e9", {"$date": []}, {"$oid": "2026-01-14"}])
def test_a_moment_of_which_digits_are_gone_is_none(given: Any) -> None:
    with pytest.raises(Unfit, match="a date and time"):
        moment(given)


def test_text_that_a_columnar_file_keeps_as_bytes_is_text(database: Database, tmp_path: Path) -> None:
    rows = [{"execution_id": b"a", "user_request": "Café?".encode(), "execution_result": b"yes", "intent": "x"}]
    imported(database, written(tmp_path, "rows.parquet", rows))
    row = only(database)
    assert (row["execution_id"], row["user_request"], row["execution_result"]) == ("a", "Café?", "yes")
    with pytest.raises(ImportRefused, match=r"field execution_result: .* it holds bytes that are no UTF-8"):
        imported(database, written(tmp_path, "odd.parquet", [rows[0] | {"execution_result": b"\xff"}]))


def test_several_passages_are_one(database: Database, tmp_path: Path) -> None:
    row = {"question": "When?", "answer": "1999", "context": ["It opened.", "It was 1999."]}
    imported(database, written(tmp_path, "rows.jsonl", [row]))
    assert only(database)["context"] == {"passage": "It opened.\n\nIt was 1999."}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("1234.56", 1235), ("1234,56", 1235), ("1,234.5", 1235), ("1.234,5", 1235), ("1,234,567", 1234567), ("12 ms", 12)],
)
def test_a_duration_is_rounded_to_milliseconds(database: Database, tmp_path: Path, given: str, kept: int) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(execution_time_ms=given)]))
    assert only(database)["execution_time_ms"] == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("customer-support, v1.2", ["CUSTOMER_SUPPORT", "V1_2"]),
        ("Blog Post", ["BLOG_POST"]),
        ("Blog Post; Sale|x", ["BLOG_POST", "SALE_X"]),
        ("a|b", ["A", "B"]),
        ("#sale #new", ["NEW", "SALE"]),
        ("['Blog Post', 'b']", ["B", "BLOG_POST"]),
        ('["Blog Post", 2024]', ["2024", "BLOG_POST"]),
        ('["Blog Post", null]', ["BLOG_POST"]),
        ('{"Blog Post",b}', ["B", "BLOG_POST"]),
        ("team:sales", ["TEAM_SALES"]),
        ("Straße", ["STRA_E"]),
    ],
)
def test_tags_are_folded_as_the_database_folds_them(
    database: Database, tmp_path: Path, given: str, kept: list[str]
) -> None:
    imported(database, written(tmp_path, "runs.csv", [execution(tags=given)]))
    assert only(database)["tags"] == kept


def test_the_preview_and_the_result_list_what_became_of_each_tag(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1, tags="Blog Post, test"), execution(2, tags="v1.2")])
    became = {"Blog Post": "BLOG_POST", "v1.2": "V1_2"}
    assert importing.preview(database, path).tags_became == became
    assert imported(database, path).tags_became == became


def test_words_of_an_outcome_are_given_a_meaning(database: Database, tmp_path: Path) -> None:
    words = ["Published", "rejected", "1.0", "success", "in review", ""]
    path = written(tmp_path, "runs.csv", [execution(n, success=word) for n, word in enumerate(words)])
    said = r"'Published' is not .* --outcome published=success.*a meaning: published, rejected, .in review.\."
    with pytest.raises(ImportRefused, match=said):
        imported(database, path)
    assert importing.preview(database, path).outcome_words == {"published": 1, "rejected": 1, "in review": 1}
    outcomes = {"published": "success", "rejected": "failed", "In Review": "unknown"}
    assert importing.preview(database, path, ImportOptions(outcomes=outcomes)).failing == 0  # pyright: ignore[reportArgumentType]
    imported(database, path, outcomes=outcomes)
    assert [row["success"] for row in stored(database)] == [True, False, True, True, None, None]
