"""Generated files of every format: no traceback, nothing changed by a failure, and no row or column lost in silence.

WHETSTONE_FUZZ says how many files of each format; WHETSTONE_FUZZ_SEED, with which seed they are made.
"""

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from core.db import Database
from core.errors import WhetstoneError
from core.examples import importing
from core.examples.importing import ImportOptions, ImportResult, Preview
from tests.examples.importing.files import written

FILES = int(os.environ.get("WHETSTONE_FUZZ", "300"))
SEED = int(os.environ.get("WHETSTONE_FUZZ_SEED", "1"))

WORDS = [
    "Write a post",
    "Straße, Nr. 5",
    'He said "no"',
    "line\nbreak",
    "a;b|c\td",
    "=cmd()",
    "=> so",
    "naïve",
    "日本",
    " ",
    "x" * 300,
]
SCORES = ["", 5, 4, 1, 0, 0.5, -1, 7.5, 80, "85%", "0,85", "NaN", "👍", "good", 1e300, "7/10", True, None]
MOMENTS = ["", None, "2026-01-14 19:30:47 UTC", 1768419047, "1768419047123", "03/04/2026", "13/04/2026", "14.01.2026"]
MOMENTS += ["Wed, 14 Jan 2026 19:30:47 GMT", "1712-01-12", "soon", 46036.5, 1712011241234]
MIXED: list[Any] = [
    "",
    None,
    "true",
    0,
    1.0,
    "published",
    "a, b c",
    "['x']",
    "{A,B}",
    '{"a": 1}',
    "{'a': 1}",
    [1, "x"],
    {"k": None},
]
MIXED += [18446744073709551616, 0.1, "1,234", "12.7", "\ud83d", "-", "None", [], {}]
ROLES = ["system", "user", "assistant", "tool", "human", "gpt", "pope", None]
NAMES = {
    "user_request": WORDS, "execution_result": [*WORDS, *MIXED], "execution_id": ["e1", "e2", 1.0, 7, "", None],
    "quality_score": SCORES, "success": MIXED, "tags": MIXED, "created_at": MOMENTS, "updated_at": MOMENTS,
    "context": [*WORDS, *MIXED], "business_state": MIXED, "intent": ["a", "b", 3, "x" * 201, None],
    "execution_time_ms": [1, "1234.56", "1,234", -5, None, 2**63], "system_prompt": ["Be brief.", None, 5],
    "question": WORDS, "answer": [*WORDS, *MIXED], "Prompt": WORDS, "Completion": WORDS, "input": [*WORDS, *MIXED],
    "output": [*WORDS, *MIXED], "instruction": WORDS, "response": [*WORDS, *MIXED], "topic": MIXED, "": ["x", ""],
    "inputs": MIXED, "outputs": MIXED, "answers": MIXED, "custom_id": MIXED, "body": MIXED, "resourceSpans": MIXED,
    "chosen": [*WORDS, *MIXED], "rejected": [*WORDS, *MIXED], "prompt": WORDS, "completion": [*WORDS, *MIXED],
    "label": [True, False, 0, 1, "0", 2, "spam", None], "weight": [0, 1, 0.5, "0", None], "tools": MIXED,
    "history": [[["a", "b"]], *MIXED], "image": [None, "", "x.png"], "query": WORDS, "metadata": MIXED, "error": MIXED,
    "level": ["ERROR", None], "message_id": ["1", "2", "3", "4"], "parent_id": ["1", "2", "3", None, ""],
    "message_tree_id": ["1", "1", "1", "2", None],
    "role": ["prompter", "assistant", None], "text": WORDS,
}  # fmt: skip


def content(dice: random.Random) -> Any:
    parts = [{"type": "text", "text": dice.choice(WORDS)}, {"type": "image_url"}, "said", 5]
    return dice.choice([dice.choice(WORDS), None, [dice.choice(parts)], {"a": 1}])


def messages(dice: random.Random) -> Any:
    said = [{"role": dice.choice(ROLES[:4]), "content": content(dice)} for _ in range(dice.randrange(4))]
    if dice.random() < 0.7:
        said += [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Blue."}]
    return dice.choice([said, said, said, json.dumps(said), None, "hello", [dice.choice(ROLES)]])


def rows(dice: random.Random) -> list[dict[str, Any]]:
    """Rows of one file: mostly sound, with some of what files hold that they should not."""
    bases = [["user_request", "execution_result"], ["question", "answer"], ["Prompt", "Completion"], ["messages"]]
    bases += [
        ["instruction", "output"],
        ["input", "output", "created_at"],
        ["inputs", "outputs"],
        ["question", "context", "answers"],
    ]
    bases += [["custom_id", "body", "response"], ["resourceSpans"], []]
    bases += [["prompt", "completion", "label"], ["prompt", "chosen", "rejected"], ["query", "tools", "answers"]]
    bases += [["message_id", "parent_id", "message_tree_id", "role", "text"], ["instruction", "response", "input"]]
    names = list(dict.fromkeys([*dice.choice(bases), *dice.sample(list(NAMES), dice.randrange(5))])) or ["topic"]
    made = []
    for number in range(dice.randrange(1, 9)):
        row = {name: messages(dice) if name == "messages" else dice.choice(NAMES[name]) for name in names}
        if dice.random() < 0.5:
            row |= {
                name: f"{WORDS[0]} {number}" for name in names if name in ("user_request", "question", "instruction")
            }
        made.append(row)
    return made


def as_csv(dice: random.Random, table: list[dict[str, Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    if dice.random() < 0.1:
        buffer.write("sep=;\n")
    writer = csv.writer(buffer, delimiter=dice.choice(",;\t|"))
    names = [name.upper() if dice.random() < 0.1 else name for name in table[0]]
    writer.writerow(names)
    for row in table:
        cells = [
            json.dumps(cell) if isinstance(cell, dict | list) else "" if cell is None else cell for cell in row.values()
        ]
        writer.writerow(cells[: len(cells) - (dice.random() < 0.03)])
    encoding = dice.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "windows-1252", "utf-16"])
    return buffer.getvalue().encode(encoding, errors="replace")


def as_jsonl(dice: random.Random, table: list[dict[str, Any]]) -> bytes:
    lines = [json.dumps({name: cell for name, cell in row.items() if dice.random() > 0.1}) for row in table]
    return "\n".join(lines).encode(errors="replace") + b"\n" * dice.randrange(2)


def as_json(dice: random.Random, table: list[dict[str, Any]]) -> bytes:
    whole: Any = {dice.choice(["data", "rows", "items"]): table} if dice.random() < 0.2 else table
    return json.dumps(whole, indent=dice.choice([None, 1]), ensure_ascii=dice.random() < 0.5).encode(errors="replace")


def as_parquet(dice: random.Random, table: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    columns = {}
    for name in table[0]:
        cells = [None if row[name] == {} else row[name] for row in table]  # Parquet has no object without a field
        try:
            columns[name] = pa.array(cells)
        except (pa.ArrowException, OverflowError, UnicodeError):
            columns[name] = pa.array(
                [None if cell is None else str(cell).encode(errors="replace").decode() for cell in cells]
            )
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def damaged(dice: random.Random, whole: bytes) -> bytes:
    bytes_ = bytearray(whole)
    for _ in range(dice.choice([0, 0, 0, 0, 1, 3])):
        start = dice.randrange(len(bytes_) + 1)
        bytes_[start : start + dice.randrange(6)] = dice.randbytes(dice.randrange(5))
    return gzip.compress(bytes(bytes_)) if dice.random() < 0.05 else bytes(bytes_)


def options(dice: random.Random) -> ImportOptions:
    return ImportOptions(
        quality_scale=dice.choice(["auto", "auto", "mixed", "1-5", "thumbs", "100"]),
        encoding=dice.choice(["auto", "auto", "auto", "windows-1252", "utf-16"]),
        dates=dice.choice(["auto", "day-first"]),  # pyright: ignore[reportArgumentType]
        outcomes={"published": "success"},
        skip_invalid=dice.random() < 0.7,
        overwrite=dice.random() < 0.2,
        formulas=dice.choice(["refuse", "text"]),  # pyright: ignore[reportArgumentType]
    )


def state(database: Database) -> Any:
    with database.connect() as connection:
        query = "SELECT count(*), sum(revision), max(updated_at), (SELECT max(id) FROM imports),"
        query += " (SELECT max(id) FROM audit_log) FROM orchestrator_training_data"
        return tuple(connection.execute(text(query)).one())


def tried(database: Database, path: Path, chosen: ImportOptions) -> tuple[Preview, ImportResult] | str:
    """What the preview foresaw and the import did, or the words of the refusal."""
    before = state(database)
    try:
        importing.inspect(path, chosen)
        preview = importing.preview(database, path, chosen)
        assert state(database) == before
        return preview, importing.run(database, path, chosen, actor="ana")
    except WhetstoneError as error:
        return str(error)


@pytest.mark.parametrize(
    ("form", "write"), [("csv", as_csv), ("jsonl", as_jsonl), ("json", as_json), ("parquet", as_parquet)]
)
def test_no_generated_file_is_misused_or_lost(
    database: Database, tmp_path: Path, form: str, write: Callable[[random.Random, list[dict[str, Any]]], bytes]
) -> None:
    came_in = 0
    for number in range(FILES):
        dice = random.Random(f"{SEED} {form} {number}")
        table = rows(dice)
        path = written(tmp_path, f"{number}.{form}", damaged(dice, write(dice, table)))
        before = state(database)
        done = tried(database, path, options(dice))
        path.unlink()
        if isinstance(done, str):
            assert done.endswith((".", "?")), done
            assert state(database) == before, f"file {number} failed, and changed something"
            continue
        preview, result = done
        came_in += result.new
        told = (result.new, result.changed, result.same, result.duplicates, result.skipped, result.aside)
        assert sum(told) == result.rows, f"rows of file {number} are lost: {told} of {result.rows}"
        foreseen = (preview.new, preview.changed, preview.same, preview.duplicates, preview.failing, preview.aside)
        assert foreseen == told, f"the preview of file {number} foresaw something else"
        assert (preview.kept, preview.unused) == (result.kept, result.unused)
    assert came_in > FILES / 10, "most generated files shall be good enough to come in"
