"""Downloads: examples of a filter, and splits of a frozen dataset."""

import csv
import io

import orjson
import pytest
from starlette.testclient import TestClient

from api.routes.exports import file_name
from core.datasets import exporting, snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database, workspaces
from core.examples.exporting import CHUNK, export
from core.examples.filters import Filter
from tests.served import add


def test_jsonl_holds_the_examples_of_the_filter(client: TestClient, database: Database) -> None:
    add(database, {}, {"quality_score": 0.2}, {"tags": ["EXCLUDE"]})

    answer = client.get("/api/examples/export?q_min=0.5")

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="examples-public.jsonl"'
    assert [orjson.loads(line)["user_request"] for line in answer.content.splitlines()] == ["Draft post 0"]


def test_csv_has_a_header_and_the_same_rows(client: TestClient, database: Database) -> None:
    add(database, {}, {"user_request": 'A "quoted", line\nbreak'})

    answer = client.get("/api/examples/export?format=csv")

    assert answer.headers["content-type"].startswith("text/csv")
    read = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["user_request"] for row in read] == ["Draft post 0", 'A "quoted", line\nbreak']


def test_an_export_of_nothing_is_an_empty_file(client: TestClient) -> None:
    answer = client.get("/api/examples/export")

    assert answer.status_code == 200
    assert answer.content == b""


def test_a_selection_is_exported_by_its_ids(client: TestClient, database: Database) -> None:
    ids = add(database, {}, {}, {"tags": ["EXCLUDE"]})

    answer = client.get(f"/api/examples/export?id={ids[1]}&id={ids[2]}&without=")

    assert [orjson.loads(line)["id"] for line in answer.content.splitlines()] == ids[1:]


def test_each_workspace_has_its_own(client: TestClient, database: Database) -> None:
    add(workspaces.create(database, "demo"), {})

    assert client.get("/api/examples/export").content == b""
    assert len(client.get("/api/examples/export?workspace=demo").content.splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("q_min=much", 400, "InvalidFilter"),
        ("q_min=0.9&q_max=0.1", 400, "InvalidFilter"),
        ("tag=bad%20tag", 400, "InvalidFilter"),
        ("workspace=nowhere", 404, "WorkspaceRefused"),
        ("format=xml", 422, "BadRequest"),
        ("workspace=%00", 404, "WorkspaceRefused"),
        ("intent=%00", 400, "InvalidFilter"),
        ("words=%00", 400, "InvalidFilter"),
        ("id=9223372036854775808", 400, "InvalidFilter"),
        ("from=0001-01-01T00:00:00%2B14:00", 400, "InvalidFilter"),
    ],
)
def test_what_cannot_be_exported_is_said_with_its_status(
    client: TestClient, query: str, status: int, error: str
) -> None:
    answer = client.get(f"/api/examples/export?{query}")

    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["message"]


@pytest.mark.parametrize("form", ["openai", "alpaca", "parquet"])
def test_a_split_of_a_dataset_is_what_the_core_exports(client: TestClient, database: Database, form: str) -> None:
    add(database, *({} for _ in range(40)))
    snapshots.create(database, "support plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")

    answer = client.get(f"/api/datasets/support%20plans/1/export?format={form}&split=train")

    assert answer.status_code == 200
    ending = "parquet" if form == "parquet" else "jsonl"
    assert answer.headers["content-disposition"] == (f'attachment; filename="support-plans-v1-train-{form}.{ending}"')
    assert answer.content == b"".join(exporting.export(database, "support plans@1", "train", form))


def test_a_name_with_a_slash_is_reached(client: TestClient, database: Database) -> None:
    add(database, *({} for _ in range(40)))
    snapshots.create(database, "q3/plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")

    answer = client.get("/api/datasets/q3%2Fplans/1/export")

    assert answer.status_code == 200
    assert len(answer.content.splitlines()) == 40


def test_an_export_comes_in_large_blocks(database: Database) -> None:
    add(database, *({"execution_result": "x" * 100_000} for _ in range(25)))
    blocks = [len(block) for block in export(database, Filter())]
    assert len(blocks) == 3
    assert min(blocks[:-1]) >= CHUNK


def test_an_unknown_dataset_is_404(client: TestClient) -> None:
    answer = client.get("/api/datasets/nothing/1/export")

    assert answer.status_code == 404
    assert answer.json()["error"] == "UnknownDataset"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("support plans-v1", "support-plans-v1"),
        ('a"; filename="b.exe', "a-filename-b.exe"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\r\nX-Header: 1", "a-X-Header-1"),
        ("日本", "export"),
        ("x" * 300, "x" * 100),
    ],
)
def test_file_names_are_made_safe(name: str, expected: str) -> None:
    assert file_name(name) == expected
