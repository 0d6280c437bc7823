"""Whatever is wrong with a file, the error says where, and nothing changes."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.db import Database
from core.errors import ImportRefused, WhetstoneError
from core.examples import importing
from core.examples.importing import ImportOptions
from tests.examples.importing.files import (
    as_csv,
    as_jsonl,
    as_parquet,
    execution,
    fingerprint,
    imported,
    stored,
    written,
)

GOOD = execution(1)
DEEP = "[" * 1000 + "]" * 1000
LONG = "x" * 10_000_000
QA = '{"question": "a", "answer": "b"}\n'


def csv_with(**changes: Any) -> bytes:
    """A good row and then one with these changes."""
    return as_csv([GOOD, execution(2, **changes)])


def jsonl_with(row: Any) -> bytes:
    return QA.encode() + (row if isinstance(row, bytes) else orjson.dumps(row)) + b"\n"


def chat(*messages: Any) -> bytes:
    return jsonl_with({"messages": list(messages)}).replace(QA.encode(), b"", 1)


USER, ANSWER = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}

#: Name of the file, its bytes, and what the message has to say.
BROKEN: list[tuple[str, bytes, str]] = [
    # The file as a whole.
    ("empty.csv", b"", "empty: it holds 0 bytes"),
    ("blank.csv", b" \n\n  ", "nothing but white space"),
    ("header.csv", b"question,answer\n", "has no rows"),
    ("none.json", b"[]", "has no rows"),
    ("nothing.jsonl", b"{}\n{}\n", "Nothing says which of the columns .none. is the request"),
    ("blank.jsonl", b"\n\n", "has no rows"),
    ("zip.csv", b"PK\x03\x04rest", "is a ZIP archive and cannot be unpacked: File is not a zip file. Is it cut"),
    ("cut.csv.gz", gzip.compress(b"question,answer\na,b\n" * 99)[:-9], "packed with gzip and cannot be unpacked.*cut"),
    ("no.csv.gz", b"\x1f\x8b nothing", "packed with gzip and cannot be unpacked"),
    ("no.csv.zst", b"\x28\xb5\x2f\xfd nothing", "packed with zstd and cannot be unpacked"),
    ("packed.parquet.gz", gzip.compress(b"PAR1"), "a Parquet file packed with gzip; unpack it first"),
    ("cut.arrow", b"\xff\xff\xff\xff\x10", "Arrow file cannot be read at row 1"),
    ("utf16.csv", "question,answer\na,b\n".encode("utf-16"), "looks like UTF-16. It begins 'question,answer a,b'"),
    ("utf16le.csv", "question,answer\na,b\n".encode("utf-16-le"), "UTF-16"),
    ("utf16be.jsonl", QA.encode("utf-16-be"), "UTF-16"),
    # Bytes.
    ("latin.csv", b"question,answer\nok,fine\ncaf\xe9,b\n", "Row 2 .line 3. is not UTF-8: byte 0xe9 at byte 27"),
    ("latin.jsonl", QA.encode() + b'{"question": "caf\xe9"}\n', "Row 2 .line 2. is not UTF-8: byte 0xe9 at byte 50"),
    (
        "latin.json",
        b'[{"question": "caf\xe9", "answer": "b"}]',
        "not UTF-8 at byte 18 of the file. As Windows-1252 it says .*café",
    ),
    ("nul.csv", b"question,answer\na,b\nc\0,d\n", "Row 2 .line 3. holds a NUL byte at byte 21"),
    ("nul.jsonl", QA.encode() + b'{"question": "a\0"}\n', "Row 2 .line 2. holds a NUL byte"),
    ("nul.json", b'[{"question": "a\0", "answer": "b"}]', "a NUL byte at byte 16"),
    ("escaped.jsonl", jsonl_with({"question": "a\0b", "answer": "c"}), "Row 2, field user_request.*without NUL"),
    ("escaped.csv", csv_with(business_state='{"a": "\\u0000"}'), "Row 2, field business_state: .* without NUL"),
    ("surrogate.jsonl", jsonl_with(b'{"question": "\\ud800", "answer": "b"}'), "Row 2, field line"),
    # Tables.
    ("one.csv", b"question\na\nb\n", "one column only, 'question'.*comma, semicolon, tab"),
    ("colon.csv", b"question:answer\na:b\n", "one column only, 'question:answer'"),
    ("twice.csv", b"question,answer,question\na,b,c\n", "names the column 'question' 2 times"),
    ("short.csv", b"question,answer\na,b\nc\n", "Row 2, field row: 1 cells on line 3 is not .* 2"),
    ("wide.csv", b"question,answer\na,b\nc,d\ne,f,g\n", "Row 3, field row: 3 cells on line 4"),
    ("open.csv", b'question,answer\na,b\n"c,d\ne,f\n', "Row 2 .* a quoted field is never closed"),
    ("quote.csv", b'question,answer\na,b\n"c"c,d\n', "Row 2 .* text follows a closing quote"),
    ("mac.csv", b"question,answer\ra,b\rc,d\r", "lone carriage return|one column"),
    ("long.csv", csv_with(execution_result=LONG), "Row 2, field execution_result: 'xxx.*10,000,000 long.*1 MiB"),
    ("endless.csv", csv_with(execution_result=LONG * 2), "Row 2 .line 3. is longer than 16 MiB"),
    ("formula.csv", csv_with(user_request="=cmd()"), "Row 2, field user_request: '=cmd.*like a formula"),
    ("dde.csv", csv_with(intent="=cmd|' /C calc'!A0"), "Row 2, field intent: .*=cmd.*like a formula"),
    ("plus.csv", csv_with(intent="+cmd|' /C calc'!A0"), "Row 2, field intent: .*like a formula"),
    ("sum.csv", csv_with(execution_plan="@SUM(1+1)"), "Row 2, field execution_plan: '@SUM.*like a formula"),
    ("tab.csv", csv_with(user_request="\t=1+1"), "Row 2, field user_request: .*like a formula"),
    # JSON.
    ("cut.json", b'[{"question": "a", "answer": "b"}, {"question": "a', "JSON cannot be read at row 2: .*cut"),
    ("cut2.json", b'[{"question": "a", "answer": "b"}', "JSON cannot be read at row 2"),
    ("cut.jsonl", QA.encode() + b'{"question": "a"', "Row 2, field line: .* is not a whole JSON object"),
    (
        "more.json",
        b'[{"question": "a", "answer": "b"}] x',
        "JSON cannot be read at row 2: .*several objects belong into a list",
    ),
    ("object.json", b'{"question": "a",\n "answer": "b"}', "no list of rows: expected .* data, examples, rows"),
    ("number.json", b"17", "no list of rows|JSON"),
    ("words.json", b"hello", "JSON cannot be read at row 1"),
    ("mixed.json", b'[{"question": "a", "answer": "b"}, 17]', "Row 2, field row: 17 is not a JSON object"),
    ("lists.json", b'[{"question": "a", "answer": "b"}, [{"a": 1}]]', "Row 2, field row: a list is not"),
    ("lists.jsonl", jsonl_with([1, 2]), "Row 2, field line: .* is not a JSON object"),
    ("twice.jsonl", jsonl_with(b'{"question": "a", "answer": "b", "question": "c"}'), "Row 2, field question: .*once"),
    ("hidden.jsonl", jsonl_with(b'{"question": "a", "answer": "b", "\\u0071uestion": "c"}'), "Row 2, field question"),
    ("twice.json", b'[{"question": "a", "answer": "b", "question": "c"}]', "Row 1, field question: .*once"),
    ("deep.jsonl", jsonl_with(b'{"question": "a", "answer": %b}' % DEEP.encode()), "Row 2, .*100 levels deep"),
    ("deep.json", b'[{"question": "a", "answer": %b}]' % DEEP.encode(), "Row 1, field answer: .*100 levels deep"),
    ("deeper.jsonl", jsonl_with(b'{"a": %b}' % (DEEP.encode() * 2)), "Row 2, field line"),
    ("abyss.jsonl", jsonl_with(b"[" * 100_000), "Row 2, field line: .*100 levels deep"),
    ("deep.csv", csv_with(business_state=f'{{"a": {DEEP}}}'), "Row 2, field business_state: .*100 levels deep"),
    ("long.jsonl", jsonl_with({"question": "a", "answer": LONG}), "Row 2, field execution_result .*1 MiB"),
    ("long.json", orjson.dumps([{"question": LONG, "answer": "a"}]), "Row 1, field user_request .*1 MiB"),
    ("endless.json", b'[{"question": "' + b"x" * (20 << 20) + b'"}]', "Row 1 is longer than 16 MiB"),
    # Parquet.
    ("cut.parquet", as_parquet([GOOD])[:-20], "Parquet file cannot be read at row 1"),
    ("noise.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1", "Parquet file cannot be read at row 1"),
    # Values.
    ("request.csv", csv_with(user_request="  "), "Row 2, field user_request: '  ' is not a text; .*required"),
    ("request.jsonl", jsonl_with({"answer": "b"}), "Row 2, field user_request .column question.: None"),
    ("id.csv", csv_with(execution_id="x" * 256), "Row 2, field execution_id: .* at most 255 characters"),
    ("intent.csv", csv_with(intent="x" * 201), "Row 2, field intent: .* at most 200 characters"),
    ("agent.csv", csv_with(source_agent="x" * 201), "Row 2, field source_agent: .* at most 200 characters"),
    ("state.csv", csv_with(business_state="{'a': 1}"), "Row 2, field business_state: .* is not a JSON object"),
    ("scalar.csv", csv_with(business_state="7"), "Row 2, field business_state: '7' is not a JSON object"),
    ("score.csv", csv_with(quality_score="good"), "Row 2, field quality_score: 'good' is not a number from 0 to 100"),
    ("comma.csv", csv_with(quality_score="1.000,8"), "Row 2, field quality_score: '1.000,8' is not a number"),
    ("minus.csv", csv_with(quality_score="-0.1"), "Row 2, field quality_score: '-0.1' is not a number from 0 to 100"),
    ("much.csv", csv_with(quality_score="101"), "Row 2, field quality_score: '101' is not a number from 0 to 100"),
    ("inf.csv", csv_with(quality_score="1e999"), "Row 2, field quality_score: '1e999' is not a number"),
    ("success.csv", csv_with(success="perhaps"), "Row 2, field success: 'perhaps' is not t, f, true"),
    (
        "differing.jsonl",
        QA.encode() + QA.replace("}", ', "quality_score": 0.2}').encode(),
        "Row 2, .*row 1 has the same request and answer with another score",
    ),
    ("tags.csv", csv_with(tags="{???}"), "Row 2, field tags: '{...}' is not tags: names"),
    ("tags2.csv", csv_with(tags='{"a,b}'), "Row 2, field tags"),
    ("tags3.csv", csv_with(tags="x" * 65), "Row 2, field tags"),
    ("tags.jsonl", jsonl_with({"question": "a", "answer": "b", "tags": [{}]}), "Row 2, field tags"),
    ("when.csv", csv_with(created_at="yesterday"), "Row 2, field created_at: 'yesterday' is not a date and time"),
    ("when2.csv", csv_with(created_at="0001-01-01 00:00:00+14:00"), "Row 2, field created_at"),
    ("when3.csv", csv_with(updated_at="2026-02-30"), "Row 2, field updated_at: '2026-02-30' is not a date"),
    (
        "time.csv",
        csv_with(execution_time_ms="fast"),
        "Row 2, field execution_time_ms: 'fast' is not a number of milliseconds",
    ),
    ("when4.csv", csv_with(created_at="1712-01-12"), "Row 2, field created_at: .* in the years 1990 to 2100"),
    ("when5.csv", csv_with(created_at="2101-01-01"), "Row 2, field created_at: .* in the years 1990 to 2100"),
    ("when6.csv", csv_with(created_at="12345"), "Row 2, field created_at: '12345' is not a date"),
    ("when7.csv", csv_with(created_at="1.76842E+12"), "Row 2, field created_at: .* is not a date"),
    ("time3.csv", csv_with(execution_time_ms="1,234"), "Row 2, field execution_time_ms: '1,234' is not a number"),
    ("time2.csv", csv_with(execution_time_ms=str(2**63)), "Row 2, field execution_time_ms"),
    (
        "same.csv",
        as_csv([GOOD, GOOD | {"intent": "other"}]),
        "Row 2, field execution_id: 'run-1' .* row 1 has the same",
    ),
    # Conversations.
    ("cut.chat.jsonl", chat(USER, ANSWER, USER), "Row 1, field messages: .* ends with the assistant's answer"),
    ("alone.chat.jsonl", chat(ANSWER), "Row 1, field messages: .*message of the user before the answer"),
    ("role.chat.jsonl", chat(USER, {"role": "pope", "content": "b"}), "Row 1, field messages: .*not of 'pope'"),
    ("none.chat.jsonl", chat(), "Row 1, field messages: .* a list of messages"),
    ("text.chat.jsonl", chat("hello"), "Row 1, field messages: .* each an object"),
    (
        "image.chat.jsonl",
        chat({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, ANSWER),
        "Row 1, field messages: .*such as images",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_file_is_refused_and_changes_nothing(
    database: Database, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    before = fingerprint(database)
    with pytest.raises(ImportRefused, match=message) as refused:
        imported(database, written(tmp_path, name, content))
    assert len(str(refused.value)) < 700
    assert fingerprint(database) == before


@pytest.mark.parametrize("row", ["=> so it goes", "== Title ==", "- a list\n- of things", "@ana said so", "-5", "+1"])
def test_text_that_only_looks_a_little_like_a_formula_is_text(database: Database, tmp_path: Path, row: str) -> None:
    imported(database, written(tmp_path, "runs.csv", csv_with(execution_result=row)))
    assert stored(database)[1]["execution_result"] == row


def test_formulas_can_be_kept_as_plain_text(database: Database, tmp_path: Path) -> None:
    imported(database, written(tmp_path, "runs.csv", csv_with(execution_result="=cmd()")), formulas="text")
    assert stored(database)[1]["execution_result"] == "=cmd()"


def test_an_error_tells_programs_the_row_the_field_the_value_and_what_was_expected(
    database: Database, tmp_path: Path
) -> None:
    path = written(tmp_path, "runs.csv", csv_with(success="perhaps"))
    with pytest.raises(ImportRefused) as refused:
        imported(database, path)
    error = refused.value
    assert (error.row, error.field, error.value) == (2, "success", "'perhaps'")
    assert error.expected.startswith("t, f, true")


def test_every_failing_row_is_counted_and_the_first_hundred_are_told(database: Database, tmp_path: Path) -> None:
    rows = [execution(number, success="perhaps" if number % 2 else "t") for number in range(300)]
    path = written(tmp_path, "runs.csv", rows)
    with pytest.raises(ImportRefused, match=r"Row 2, field success: .* 149 more rows fail too"):
        imported(database, path)
    preview = importing.preview(database, path)
    assert (preview.rows, preview.failing, preview.new, len(preview.errors)) == (300, 150, 150, 100)


def test_failing_rows_can_be_left_out(database: Database, tmp_path: Path) -> None:
    rows = [execution(1), execution(2, success="perhaps"), execution(3), execution(3, intent="other")]
    result = imported(database, written(tmp_path, "runs.csv", rows), skip_invalid=True)
    assert (result.new, result.skipped, [error.row for error in result.errors]) == (2, 2, [2, 4])
    assert [row["execution_id"] for row in stored(database)] == ["run-1", "run-3"]


def test_a_request_with_too_many_different_words_to_index_fails_its_row(database: Database, tmp_path: Path) -> None:
    words = " ".join(f"{number:x}q" for number in range(150_000))
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, user_request=words)])
    with pytest.raises(ImportRefused, match=r"Row 2, field user_request: .*fewer different words"):
        imported(database, path)
    assert imported(database, path, skip_invalid=True).new == 1


@pytest.mark.parametrize(
    ("path", "message"), [("nothing.csv", "There is no file"), (".", "The folder .* holds no file to import")]
)
def test_what_is_not_a_file_is_refused(database: Database, tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        imported(database, tmp_path / path)


SEEDS = [as_csv([GOOD]), as_jsonl([GOOD]), orjson.dumps([GOOD]), chat(USER, ANSWER), as_parquet([GOOD])]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file with some of its bytes replaced, removed or repeated."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        content[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(content)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=st.binary(max_size=200) | damaged(), name=st.sampled_from(["a.csv", "a.json", "a.jsonl", "a"]))
@example(content=b"\xef\xbb\xbf", name="a.csv")
@example(content=b'""', name="a.json")
@example(content=b"a,b\n\xef\xbb\xbf", name="a.csv")
@example(content=b"{", name="a")
@example(content=b"\n\x00", name="a.csv")
@example(content=b"\n\n\na", name="a.csv")
def test_arbitrary_bytes_raise_only_our_errors_and_then_change_nothing(
    database: Database, tmp_path: Path, content: bytes, name: str
) -> None:
    path = written(tmp_path, name, content)
    before = fingerprint(database)
    try:
        importing.inspect(path)
        imported(database, path, quality_scale="mixed")
    except WhetstoneError:
        assert fingerprint(database) == before


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.dictionaries(
        st.sampled_from([*GOOD, "messages", "conversations", "context", "question"]),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63) | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["role", "content", "from", "a", ""]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_arbitrary_values_raise_only_our_errors(database: Database, tmp_path: Path, row: dict[str, Any]) -> None:
    path = written(tmp_path, "rows.jsonl", orjson.dumps({"user_request": "a"} | row) + b"\n")
    before = fingerprint(database)
    try:
        importing.preview(database, path, ImportOptions(mapping={"user_request": "user_request"}))
        imported(database, path, quality_scale="mixed")
    except WhetstoneError:
        assert fingerprint(database) == before
