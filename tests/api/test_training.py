"""Examples over the API: captured once, listed, tagged, counted."""

from core import audit
from core.db import Database
from core.examples import store
from tests.api.calling import Caller
from tests.served import add

DATA = "/orchestrator/training/data"
RUN = {
    "execution_id": "run-1",
    "user_request": "Draft a post about the new lamp",
    "intent": "social_post",
    "business_state": {"stock": 40},
    "execution_plan": {"steps": [{"agent": "content", "action": "draft"}]},
    "execution_result": "Light, wherever you read.",
    "quality_score": 0.9,
    "success": True,
    "tags": ["PRODUCTION"],
    "created_at": "2026-05-01T12:00:00Z",
    "source_agent": "content",
    "source_model": "base",
    "execution_time_ms": 1200,
}


def test_an_execution_is_captured_once_and_read_whole(call: Caller, database: Database) -> None:
    (saved,) = call(f"POST {DATA}", body=RUN)
    assert saved["outcome"] == "new"
    assert [each["outcome"] for each in call(f"POST {DATA}", body={"examples": [RUN]})] == ["same"]
    read = call(f"GET {DATA}/{{id}}", saved["id"])
    plan = '{"steps":[{"agent":"content","action":"draft"}]}'
    assert {name: read[name] for name in RUN} == RUN | {"execution_plan": plan}
    assert audit.entries(database)[0].actor == "local"


def test_of_several_all_are_saved_or_none(call: Caller, database: Database) -> None:
    told = call(f"POST {DATA}", body={"examples": [RUN, RUN | {"execution_id": "b", "quality_score": 3}]}, status=400)
    assert told["error"] == "InvalidExample"
    assert "Row 2, field quality_score" in told["message"]
    assert store.choices(database).total == 0


MALFORMED: list[tuple[object, str]] = [
    ({"user_request": "no id"}, "execution_id"),
    ({**RUN, "scroe": 1}, "scroe"),
    ({"examples": []}, "examples"),
    ([RUN], "The body"),
]


def test_a_body_of_another_form_is_422_and_names_the_field(call: Caller) -> None:
    for body, said in MALFORMED:
        assert said in call(f"POST {DATA}", body=body, status=422)["message"]


def test_lists_are_paged_by_mark_and_by_offset(call: Caller, database: Database) -> None:
    ids = add(database, *({"quality_score": (number % 7) / 10} for number in range(9)))
    for sort in store.SORTS:
        whole = [row["id"] for row in call(f"GET {DATA}", query=f"sort={sort}&limit=10000")["rows"]]
        assert sorted(whole) == ids
        walked, after = [], ""
        while True:
            page = call(f"GET {DATA}", query=f"sort={sort}&limit=2{after}")
            walked += [row["id"] for row in page["rows"]]
            if page["next"] is None:
                break
            after = f"&after={page['next'].replace('+', '%2B')}"
        assert walked == whole
        part = call(f"GET {DATA}", query=f"sort={sort}&limit=4&offset=3")
        assert [row["id"] for row in part["rows"]] == whole[3:7]
    assert call(f"GET {DATA}", query="offset=10000")["rows"] == []
    assert "limit" in call(f"GET {DATA}", query="limit=10001", status=422)["message"]
    assert "offset" in call(f"GET {DATA}", query="offset=10001", status=422)["message"]


def test_a_filter_in_the_body_chooses_as_one_in_the_address(call: Caller, database: Database) -> None:
    add(database, {"quality_score": 0.2}, {"quality_score": 0.9}, {"tags": ["EXCLUDE"], "quality_score": 1.0})
    inside = call(f"POST {DATA}/filter", body={"filter": {"quality_min": 0.5}})
    assert inside == call(f"GET {DATA}", query="q_min=0.5")
    assert [row["quality_score"] for row in inside["rows"]] == [0.9]
    everything = call(f"POST {DATA}/filter", body={"filter": {"exclude_tags": []}, "sort": "best"})
    assert len(everything["rows"]) == 3
    assert "quality_min" in call(f"POST {DATA}/filter", body={"filter": {"quality_min": 2}}, status=422)["message"]


def test_tags_are_added_removed_and_taken_back(call: Caller, database: Database) -> None:
    first, second, _ = add(database, {"tags": ["TEST"]}, {"quality_score": 0.1}, {"quality_score": 0.5})
    added, removed = call(
        f"PATCH {DATA}/tag", body={"ids": [first, second], "add": ["checked"], "remove": ["TEST"], "reason": "seen"}
    )
    assert (added["count"], removed["count"]) == (2, 1)
    assert store.get(database, first).tags == ["CHECKED"]
    assert call(f"POST {DATA}/undo-tag", body={"change_id": removed["id"]})["count"] == 1
    assert store.get(database, first).tags == ["CHECKED", "TEST"]
    assert "undone already" in call(f"POST {DATA}/undo-tag", body={"change_id": removed["id"]}, status=409)["message"]
    low = call(f"POST {DATA}/tag-by-quality", body={"tags": ["LOW_QUALITY"], "highest": 0.3})
    assert low["count"] == 1
    by_date = {"tags": ["JANUARY"], "start": "2026-01-02T00:00:00Z", "end": "2026-01-03T00:00:00Z"}
    assert call(f"POST {DATA}/tag-by-date", body=by_date)["count"] == 1
    assert store.get(database, second).tags == ["CHECKED", "JANUARY", "LOW_QUALITY"]


REFUSED: list[tuple[str, object, int]] = [
    ("PATCH /tag", {"add": ["A"]}, 422),
    ("PATCH /tag", {"ids": [1], "filter": {}, "add": ["A"]}, 422),
    ("PATCH /tag", {"ids": [10**9], "add": ["A"]}, 404),
    ("PATCH /tag", {"filter": {}, "add": ["bad tag"]}, 400),
    ("PATCH /tag", {"filter": {}}, 400),
    ("POST /tag-by-date", {"tags": ["A"]}, 400),
    ("POST /tag-by-quality", {"tags": ["A"]}, 400),
    ("POST /tag-by-quality", {"tags": ["A"], "lowest": 0.9, "highest": 0.1}, 400),
    ("POST /undo-tag", {"change_id": 7}, 409),
]


def test_tagging_that_cannot_be_is_refused(call: Caller) -> None:
    for operation, body, status in REFUSED:
        call(operation.replace(" ", f" {DATA}"), body=body, status=status)


def test_statistics_are_those_of_the_page(call: Caller, database: Database) -> None:
    add(database, {"quality_score": 0.2, "success": False}, {"quality_score": 0.9})
    found = call("GET /orchestrator/training/stats", query="q_min=0.5")
    assert (found["total"], found["filtered"], found["average_quality"]) == (2, 1, 0.9)
    assert len(found["histogram"]) == 20
    assert (
        "Filter field 'intents.0'"
        in call("GET /orchestrator/training/stats", query="intent=%00", status=400)["message"]
    )
