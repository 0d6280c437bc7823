"""The orchestrator over the API: asked, planned, decided, carried out, learned from."""

import orjson
import pytest
from sqlalchemy import insert

from core import patterns
from core.db import Database
from core.db.tables import executions
from core.orchestrator.plans import to_json
from tests.api.calling import Caller
from tests.orchestrator.driving import drive, submitted
from tests.served import add

PATH = "/orchestrator/executions"


def test_a_request_is_planned_approved_and_carried_out(call: Caller, database: Database) -> None:
    asked = {"text": "Write a blog post about job scheduling for small workshops.", "platforms": ["LinkedIn"]}
    made = call("POST /orchestrator/process", body=asked, status=202)
    assert (made["status"], made["created_by"], made["platforms"]) == ("planning", "local", ["LinkedIn"])
    assert call("POST /orchestrator/process", body=asked, status=409)["error"] == "Duplicate"
    drive(database)
    one = made["execution_id"]
    waiting = call(f"GET {PATH}/{{execution_id}}", one)
    assert waiting["execution"]["status"] == "pending_approval"
    assert call(f"POST {PATH}/{{execution_id}}/approve", one, body={"reason": "good"})["status"] == "approved"
    drive(database)
    done = call(f"GET {PATH}/{{execution_id}}", one)
    assert done["execution"]["status"] == "completed"
    assert {step["status"] for step in done["steps"]} == {"completed"}
    assert call(f"POST {PATH}/{{execution_id}}/approve", one, body={}, status=409)["error"] == "Conflict"
    learned = call(f"GET {PATH}/{{execution_id}}/learnings", one)
    assert learned["example_id"]
    assert learned["similar"] == done["execution"]["context"]["similar"]
    (exported,) = orjson.loads(call(f"GET {PATH}/{{execution_id}}/export", one))
    assert exported["execution_id"] == one
    stats = call("GET /orchestrator/stats", query="days=3")
    assert (stats["counts"]["total"], len(stats["days"])) == (1, 3)


def test_a_plan_is_refused_with_a_reason_or_edited(call: Caller, database: Database) -> None:
    first, second = submitted(database, "A blog post, one"), submitted(database, "A blog post, two")
    call(f"POST {PATH}/{{execution_id}}/reject", first.execution_id, body={"reason": ""}, status=422)
    told = call(f"POST {PATH}/{{execution_id}}/reject", first.execution_id, body={"reason": "not now"})
    assert (told["status"], told["decision_reason"]) == ("rejected", "not now")
    assert second.plan is not None
    plan = to_json(second.plan)
    wrong = {**plan, "steps": [{**plan["steps"][0], "agent": "nobody"}]}
    refused = call(f"POST {PATH}/{{execution_id}}/approve", second.execution_id, body={"plan": wrong}, status=400)
    assert refused["error"] == "InvalidPlan"
    edited = {**plan, "steps": [{**plan["steps"][0], "reason": "changed by hand"}]}
    approved = call(f"POST {PATH}/{{execution_id}}/approve", second.execution_id, body={"plan": edited})
    assert [step["reason"] for step in approved["plan"]["steps"]] == ["changed by hand"]


def test_executions_are_listed_by_status_mark_and_offset(call: Caller, database: Database) -> None:
    ids = [submitted(database, f"A blog post, {number}").execution_id for number in range(3)]
    whole = call(f"GET {PATH}", query="sort=oldest")
    assert [row["execution_id"] for row in whole["rows"]] == ids
    page = call(f"GET {PATH}", query="sort=oldest&limit=2")
    after = page["next"].replace("+", "%2B")
    assert call(f"GET {PATH}", query=f"sort=oldest&after={after}")["rows"] == whole["rows"][2:]
    assert call(f"GET {PATH}", query="sort=oldest&offset=1&limit=1")["rows"] == whole["rows"][1:2]
    assert call(f"GET {PATH}", query="status=failed")["rows"] == []
    call(f"GET {PATH}", query="status=lost", status=422)
    for act in ("", "/export", "/learnings"):
        assert call(f"GET {PATH}/{{id}}{act}", "nobody", status=404)["error"] == "UnknownExecution"


def test_patterns_are_mined_listed_and_decided_on(call: Caller, database: Database) -> None:
    add(
        database,
        *({"intent": "blog" if good else "post", "quality_score": 0.9 if good else 0.3} for good in [0, 1] * 200),
    )
    waiting = call("POST /orchestrator/patterns/mine", body={}, status=202)["command_id"]
    assert call("POST /orchestrator/patterns/mine", body={}, status=202)["command_id"] == waiting
    patterns.mine(database, actor="ada")
    listed = call("GET /orchestrator/patterns", query="limit=1")
    (first,) = listed["rows"]
    assert first["items"][0].keys() == {"field", "value"}
    one = first["id"]
    assert call("POST /orchestrator/patterns/{pattern_id}/decide", one, body={"act": "accept"})["state"] == "accepted"
    found = call("GET /orchestrator/patterns/{pattern_id}", one)
    assert found["history"][0]["event"] == "accepted"
    assert call("GET /orchestrator/patterns", query="state=retired")["rows"] == []


def test_whether_patterns_help_is_told_with_its_interval(call: Caller, database: Database) -> None:
    path = "/orchestrator/patterns/experiment"
    before = call(f"GET {path}")
    assert (before["on"], before["with_n"], before["difference"]) == (False, 0, None)
    assert call(f"PUT {path}", body={"on": True, "reason": "does it help"})["on"]
    scores = [("a", False, 0.9), ("b", False, 0.8), ("c", True, 0.3), ("d", True, 0.4)]
    with database.begin() as connection:
        connection.execute(
            insert(executions),
            [
                {
                    "execution_id": name,
                    "request": "x",
                    "created_by": "ada",
                    "score": score,
                    "context": {"patterns": {"is_tried": True, "withheld": withheld}},
                }
                for name, withheld, score in scores
            ],
        )
    found = call(f"GET {path}")
    assert (found["on"], found["with_n"], found["without_n"]) == (True, 2, 2)
    assert (found["with_mean"], found["without_mean"]) == (pytest.approx(0.85), pytest.approx(0.35))
    assert found["difference"]["value"] == pytest.approx(0.5)
    assert found["difference"]["low"] < 0.5 < found["difference"]["high"]


def test_an_unknown_pattern_is_told(call: Caller) -> None:
    assert call("GET /orchestrator/patterns/{pattern_id}", "nothing", status=404)["error"] == "UnknownPattern"
