"""The description of the API: typed throughout, with a true example for every operation.

`WHETSTONE_RECORD=1` writes the examples anew, from the answers to the calls below.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from api import openapi
from api.rest import application
from core import models, patterns
from core.commands import claims
from core.datasets import snapshots
from core.db import Database
from core.settings import get_settings
from core.tuning.providers.protocol import TrainedModel
from tests.api.calling import Caller
from tests.api.test_traces import request_of, span
from tests.api.test_training import RUN
from tests.api.test_tuning import TUNE
from tests.orchestrator.driving import drive
from tests.served import add
from tests.tuning.conftest import freeze

FILE = Path(openapi.__file__).parent / "examples.json"
TRAINING, RUNS = "/orchestrator/training", "/orchestrator/executions"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return application().openapi()


def names(document: dict[str, Any]) -> list[str]:
    return [f"{method.upper()} {path}" for method, path, _ in openapi.operations(document)]


def schemas(value: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything in the document that describes a value, with the place where it stands."""
    if isinstance(value, dict):
        if "type" in value or "anyOf" in value:
            yield where, value
        for name, each in value.items():
            if name not in ("example", "examples", "default", "enum"):
                yield from schemas(each, f"{where}/{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from schemas(each, f"{where}/{number}")


def test_no_answer_and_no_body_is_a_bare_object(document: dict[str, Any]) -> None:
    bare = []
    for where, schema in schemas(document):
        is_object = schema.get("type") == "object" and not schema.get("properties") and "Any JSON" not in where
        says_what = isinstance(schema.get("additionalProperties"), dict) or "JSON object" in schema.get(
            "description", ""
        )
        # Inside of what may be any JSON there is one, too.
        if is_object and not says_what and "/anyOf/5" not in where:
            bare.append(where)
        if schema.get("type") == "array" and schema.get("items") == {}:
            bare.append(where)
    assert bare == []
    for _, path, operation in openapi.operations(document):
        for status, response in operation["responses"].items():
            if status < "400":
                assert all(each.get("schema") for each in response["content"].values()), path


def test_every_operation_has_words_and_an_example(document: dict[str, Any]) -> None:
    assert set(openapi.examples()) == set(names(document))
    for method, path, operation in openapi.operations(document):
        assert operation["summary"], path
        assert operation["description"].endswith("."), path
        example = openapi.examples()[f"{method.upper()} {path}"]
        assert ("body" in example) == ("requestBody" in operation), path


def test_every_example_is_what_the_description_says(document: dict[str, Any]) -> None:
    for method, path, operation in openapi.operations(document):
        example = openapi.examples()[f"{method.upper()} {path}"]
        if "body" in example:
            fits(document, operation["requestBody"]["content"]["application/json"]["schema"], example["body"])
        content = next(each["content"] for status, each in operation["responses"].items() if status < "400")
        if "application/json" in content and isinstance(example["answer"], dict):
            fits(document, content["application/json"]["schema"], example["answer"])


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, {**schema, "components": document["components"]})


def test_every_operation_answers_and_what_it_answers_is_recorded(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]
) -> None:
    call = Caller(client)
    freeze(database)
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    get_settings.cache_clear()
    call("GET /health")
    call("GET /metrics")
    examples(call)
    datasets(call, database)
    commands(call, database)
    tuning(call, database)
    orchestrator(call, database)
    learned(call, database)
    call("GET /similar", query="text=A+post+about+lamps&limit=2")
    call("POST /v1/traces", body=request_of(span()), is_enveloped=False)
    assert set(call.recorded) == set(names(document))
    if os.environ.get("WHETSTONE_RECORD"):
        told = json.dumps(call.recorded, indent=1, ensure_ascii=False, sort_keys=True)
        FILE.write_text(f"{told}\n", encoding="utf-8")


def examples(call: Caller) -> None:
    (saved,) = call(f"POST {TRAINING}/data", body={"examples": [RUN]})
    call(f"GET {TRAINING}/data", query="q_min=0.8&sort=best&limit=2")
    call(f"GET {TRAINING}/data/{{example_id}}", saved["id"])
    call(f"POST {TRAINING}/data/filter", body={"filter": {"intents": ["social_post"]}, "limit": 2})
    chosen = {"ids": [saved["id"]], "add": ["CHECKED"], "remove": ["PRODUCTION"], "reason": "read it"}
    added, _ = call(f"PATCH {TRAINING}/data/tag", body=chosen)
    day = {"tags": ["MAY"], "start": "2026-05-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"}
    call(f"POST {TRAINING}/data/tag-by-date", body=day)
    call(f"POST {TRAINING}/data/tag-by-quality", body={"tags": ["LOW_QUALITY"], "highest": 0.3})
    call(f"POST {TRAINING}/data/undo-tag", body={"change_id": added["id"]})
    call(f"GET {TRAINING}/stats", query="intent=social_post")
    call("GET /examples/export", query="intent=social_post")


def datasets(call: Caller, database: Database) -> None:
    new = {"name": "support-plans", "filter": {"quality_min": 0.5}, "description": "for planning"}
    for more in ({}, {"include": ["failed"]}):
        asked = call(f"POST {TRAINING}/datasets", body=new | more, status=202)
        snapshots.build(database, asked["version"]["id"])
    call(f"GET {TRAINING}/datasets", query="limit=1")
    call(f"GET {TRAINING}/datasets/compare", query="left=support-plans@1&right=support-plans@2")
    call(f"GET {TRAINING}/datasets/{{which}}", "support-plans@1")
    call(f"GET {TRAINING}/datasets/{{which}}/lineage", "support-plans@1")
    call(f"GET {TRAINING}/datasets/{{which}}/files/{{split}}", "support-plans@1", "train")
    call(f"POST {TRAINING}/datasets/export", body={"dataset": "support-plans@1", "split": "test", "format": "gemini"})
    call(f"POST {TRAINING}/datasets/{{which}}/verify", "support-plans@1")
    call("GET /datasets/{name}/{version}/export", "support-plans", 1, query="split=test")


def commands(call: Caller, database: Database) -> None:
    new = {"agent": "printer", "action": "print", "payload": {"pages": 3}}
    first, second, third = (call("POST /commands", body=new, status=201)["id"] for _ in range(3))
    call("GET /commands", query="agent=printer&limit=2")
    claimed = call("POST /commands/claim", body={"worker": "printer-1", "agents": ["printer"], "limit": 2})
    tokens = {each["command"]["id"]: each["token"] for each in claimed}
    call("POST /commands/{command_id}/heartbeat", first, body={"token": tokens[first]})
    call("POST /commands/{command_id}/complete", first, body={"token": tokens[first], "result": {"paper": "A4"}})
    failure = {"token": tokens[second], "error": "out of ink", "retry": False}
    call("POST /commands/{command_id}/fail", second, body=failure)
    call("POST /commands/{command_id}/retry", second, body={"reason": "ink came"})
    (mine,) = claims.claim(database, worker="printer-1", agents=["printer"], limit=1)
    call("POST /commands/{command_id}/hand-back", mine.command.id, body={"token": str(mine.token)})
    call("GET /commands/{command_id}", first)
    call("GET /commands/export", query="agent=printer")
    call("POST /tasks/bulk", body={"action": "cancel", "filter": {"agents": ["printer"]}, "reason": "no paper"})
    call("DELETE /commands/{command_id}", third, query="reason=printed by hand".replace(" ", "%20"))


def tuning(call: Caller, database: Database) -> None:
    job_id = call(f"POST {TRAINING}/fine-tune", body=TUNE | {"reason": "a first try"}, status=202)["job"]["id"]
    call(f"GET {TRAINING}/jobs", query="limit=1")
    call(f"GET {TRAINING}/jobs/{{job_id}}", job_id)
    call(f"GET {TRAINING}/jobs/{{job_id}}/events", job_id)
    call(f"GET {TRAINING}/jobs/{{job_id}}/metrics", job_id, query="name=loss")
    call(f"GET {TRAINING}/providers")
    models.add_base(database, "ollama:qwen3:4b", name="qwen3", actor="ada")
    with database.begin() as connection:
        models.register_in(
            connection,
            job_id=job_id,
            dataset_id=None,
            provider="openai",
            base_model="tiny",
            name="planner",
            made=TrainedModel("tuned", "ollama:planner", serving="ready"),
            actor="ada",
        )
    call(f"PUT {TRAINING}/models/active", body={"model": "qwen3", "reason": "to compare"})
    call(f"POST {TRAINING}/jobs/{{job_id}}/deploy", job_id, body={"reason": "it plans better"})
    call(f"POST {TRAINING}/jobs/{{job_id}}/rollback", job_id, body={"reason": "it does not"})
    call(f"PUT {TRAINING}/models/active", body={"model": None})
    call(f"GET {TRAINING}/models", query="limit=2")
    call(f"GET {TRAINING}/models/{{which}}", "planner")
    call(f"POST {TRAINING}/jobs/{{job_id}}/cancel", job_id, body={"reason": "too dear"})


def orchestrator(call: Caller, database: Database) -> None:
    words = ("Write a blog post about job scheduling for small workshops.", "A second post, about lamps")
    one, other = (call("POST /orchestrator/process", body={"text": text}, status=202)["execution_id"] for text in words)
    drive(database)
    call(f"POST {RUNS}/{{execution_id}}/approve", one, body={"reason": "good plan"})
    call(f"POST {RUNS}/{{execution_id}}/reject", other, body={"reason": "not now"})
    drive(database)
    call(f"GET {RUNS}", query="status=completed")
    for act in ("", "/export", "/learnings"):
        call(f"GET {RUNS}/{{execution_id}}{act}", one)
    call("GET /orchestrator/stats", query="days=2")
    call("GET /executions/export", query="status=rejected")


def learned(call: Caller, database: Database) -> None:
    good = {"intent": "blog", "quality_score": 0.9}
    add(database, *({"execution_id": f"p-{n}", **(good if n % 2 else {"quality_score": 0.3})} for n in range(400)))
    call("POST /orchestrator/patterns/mine", body={"threshold": 0.7}, status=202)
    patterns.mine(database, actor="ada")
    (kept,) = call("GET /orchestrator/patterns", query="limit=1")["rows"]
    call("POST /orchestrator/patterns/{pattern_id}/decide", kept["id"], body={"act": "accept", "reason": "so it is"})
    call("GET /orchestrator/patterns/{pattern_id}", kept["id"])
    call("PUT /orchestrator/patterns/experiment", body={"on": True, "reason": "does it help"})
    call("GET /orchestrator/patterns/experiment")
