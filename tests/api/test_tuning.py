"""Fine-tuning over the API: a job is checked, started, followed and ended, and its model deployed."""

import math

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from core import deployments, models
from core.db import Database
from core.db.tables import tuning_metrics
from core.settings import get_settings
from core.tuning.providers.protocol import PROVIDER_IDS, TrainedModel
from tests.api.calling import Caller
from tests.tuning.conftest import freeze

PATH = "/orchestrator/training"
TUNE = {"dataset": "plans@1", "provider": "openai", "base_model": "gpt-4.1-mini-2025-04-14"}


def test_a_dry_run_says_what_stands_in_the_way_and_makes_no_job(call: Caller, database: Database) -> None:
    freeze(database)
    found = call(f"POST {PATH}/fine-tune", body=TUNE | {"dry_run": True}, status=202)
    assert found["job"] is None
    assert found["checked"]["can_start"] is False
    assert "key_missing" in {each["code"] for each in found["checked"]["obstacles"]}
    assert call(f"GET {PATH}/jobs")["rows"] == []
    told = call(f"POST {PATH}/fine-tune", body=TUNE, status=400)
    assert told["error"] == "TuningRefused"
    call(f"POST {PATH}/fine-tune", body=TUNE | {"provider": "nobody"}, status=422)
    assert call(f"POST {PATH}/fine-tune", body=TUNE | {"dataset": "none"}, status=404)["error"] == "UnknownDataset"


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch, database: Database, client: TestClient) -> None:
    """A job can be started; nothing is sent before an engine takes it up."""
    freeze(database)
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    get_settings.cache_clear()


@pytest.mark.usefixtures("with_key")
def test_a_job_is_started_once_and_cancelled(call: Caller) -> None:
    job = call(f"POST {PATH}/fine-tune", body=TUNE, status=202)["job"]
    assert (job["state"], job["provider"], job["created_by"]) == ("validating", "openai", "local")
    assert "remote" not in job
    assert call(f"POST {PATH}/fine-tune", body=TUNE, status=409)["error"] == "AlreadyTrained"
    assert call(f"GET {PATH}/jobs/{{job_id}}", job["id"]) == job
    cancelled = call(f"POST {PATH}/jobs/{{job_id}}/cancel", job["id"], body={"reason": "too dear"})
    assert cancelled["job"]["state"] == "cancelled"
    assert cancelled["words"]
    events = call(f"GET {PATH}/jobs/{{job_id}}/events", job["id"])
    assert [each["state"] for each in events["rows"] if each["kind"] == "state"][-1] == "cancelled"
    first = call(f"GET {PATH}/jobs/{{job_id}}/events", job["id"], query="limit=1")
    rest = call(f"GET {PATH}/jobs/{{job_id}}/events", job["id"], query=f"after={first['next']}")
    assert first["rows"] + rest["rows"] == events["rows"]
    assert call(f"POST {PATH}/jobs/{{job_id}}/cancel", job["id"], body={}, status=400)["error"] == "TuningRefused"


@pytest.mark.usefixtures("with_key")
def test_series_come_by_name_and_what_is_no_number_is_null(call: Caller, database: Database) -> None:
    job_id = call(f"POST {PATH}/fine-tune", body=TUNE, status=202)["job"]["id"]
    with database.begin() as connection:
        rows = [{"job_id": job_id, "name": "loss", "step": step, "value": 1 / step} for step in (1, 2, 4)]
        connection.execute(insert(tuning_metrics), [*rows, {**rows[0], "step": 5, "value": math.nan}])
    found = call(f"GET {PATH}/jobs/{{job_id}}/metrics", job_id)
    assert [(each["step"], each["value"]) for each in found["loss"]] == [(1, 1.0), (2, 0.5), (4, 0.25), (5, None)]
    assert call(f"GET {PATH}/jobs/{{job_id}}/metrics", job_id, query="name=speed") == {}
    assert call(f"GET {PATH}/jobs/{{job_id}}/metrics", 10**9, status=404)["error"] == "UnknownJob"


@pytest.mark.usefixtures("with_key")
def test_the_model_of_a_job_is_deployed_and_rolled_back(call: Caller, database: Database) -> None:
    job_id, other = (
        call(f"POST {PATH}/fine-tune", body=TUNE | {"again": True}, status=202)["job"]["id"] for _ in range(2)
    )
    made = TrainedModel("tuned", "ollama:planner", serving="ready")
    with database.begin() as connection:
        model_id = models.register_in(
            connection,
            job_id=job_id,
            dataset_id=None,
            provider="openai",
            base_model="tiny",
            name="planner",
            made=made,
            actor="ada",
        )
    base = models.add_base(database, "ollama:base-one", name="base-one", actor="ada").id
    told = call(f"POST {PATH}/jobs/{{job_id}}/deploy", other, body={}, status=400)
    assert "has not made a model" in told["message"]
    assert call(f"PUT {PATH}/models/active", body={"model": "base-one"})["now"]["model_id"] == base
    call(f"POST {PATH}/jobs/{{job_id}}/rollback", job_id, body={}, status=409)
    assert call(f"POST {PATH}/jobs/{{job_id}}/deploy", job_id, body={"reason": "better"})["model_name"] == "planner"
    call(f"POST {PATH}/jobs/{{job_id}}/deploy", job_id, body={}, status=409)
    assert call(f"POST {PATH}/jobs/{{job_id}}/rollback", job_id, body={})["now"]["model_id"] == base
    assert call(f"PUT {PATH}/models/active", body={"model": None})["now"] is None
    assert deployments.current(database) is None
    listed = call(f"GET {PATH}/models", query="kind=tuned")
    assert [row["name"] for row in listed["rows"]] == ["planner"]
    pages = [call(f"GET {PATH}/models", query="limit=1"), call(f"GET {PATH}/models", query="limit=1&offset=1")]
    assert [page["rows"][0]["name"] for page in pages] == ["base-one", "planner"]
    assert call(f"GET {PATH}/models", query=f"after={pages[0]['next']}")["rows"] == pages[1]["rows"]
    assert call(f"GET {PATH}/models/{{which}}", "planner")["id"] == model_id
    assert call(f"GET {PATH}/models/{{which}}", "nobody", status=404)["error"] == "UnknownModel"
    assert call(f"GET {PATH}/models", query="after=x", status=400)["error"] == "InvalidFilter"


def test_providers_come_with_their_bases(call: Caller) -> None:
    found = call(f"GET {PATH}/providers")
    assert {each["facts"]["id"] for each in found} == set(PROVIDER_IDS)
    assert any(base["name"] == TUNE["base_model"] for each in found for base in each["bases"])
