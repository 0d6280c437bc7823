"""From a request to its example, in a real browser, with one who decides and another who watches."""

import re
import time
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import Locator, Page, expect

from core.db import Database
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request, to_json
from core.orchestrator.records import Execution
from tests.browser.conftest import NARROW, WIDE, Visit, downloaded, fits, grid, resize, settled
from tests.served import add

WORDS = "Write a blog post about job scheduling."
HOSTILE = "![x](http://evil.example/a.png) <b>bold</b> [l](http://evil.example) " + "W" * 300


def submitted(database: Database, words: str, **more: Any) -> Execution:
    """A request, planned by the worker of the app."""
    execution = executions.submit(database, Request(words, **more), actor="ada")
    for _ in range(600):
        execution = queries.get(database, execution.execution_id)
        if execution.status != "planning":
            break
        time.sleep(0.1)
    return execution


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_one_approves_while_another_watches_it_end_and_opens_the_example(visit: Visit, database: Database) -> None:
    add(database, *({"user_request": WORDS, "execution_result": "Plan the week on Monday. Leave room."} for _ in "abc"))
    other = visit("/orchestrator", NARROW)
    page = visit("/orchestrator", WIDE)
    page.get_by_label("What should be done?").fill(WORDS)
    page.get_by_role("button", name="Plan it").click()

    for window in (page, other):
        expect(window.get_by_text("Waiting for you: 1 plan")).to_be_visible()
        settled(window)
        assert fits(window)
    (row,) = queries.page(database).rows
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("steps queued"))).to_be_visible()

    expect(other.get_by_text(re.compile("^Run completed, not scored"))).to_be_visible()
    other.get_by_role("button", name="Open", exact=True).first.click()
    expect(drawer(other).get_by_text("Did this answer the request?")).to_be_visible()
    assert f"run={row.execution_id}" in other.url
    settled(other)
    assert fits(other)
    drawer(other).get_by_role("link", name="Open as example").click()
    other.wait_for_url("**/data?*")
    example = executions.example_id(database, row.execution_id)
    assert f"id={example}" in other.url
    expect(other.get_by_text("1 to 1 of 1 example")).to_be_visible()


def test_a_plan_is_rejected_with_a_reason(visit: Visit, database: Database) -> None:
    execution = submitted(database, "Write a blog post. " + HOSTILE, constraints=HOSTILE)
    page = visit("/orchestrator", NARROW)
    page.get_by_role("button", name="Reject").click()
    drawer(page).get_by_role("textbox", name="Why is it rejected?").fill("nobody asked for it")
    page.wait_for_timeout(2_500)  # the drawer looks again meanwhile, and nothing that was written is lost
    drawer(page).get_by_role("button", name="Reject the plan").click()

    expect(drawer(page).get_by_text(re.compile("^Requested by ada.*nobody asked for it", re.DOTALL))).to_be_visible()
    settled(page)
    assert fits(page)
    rejected = queries.get(database, execution.execution_id)
    assert (rejected.status, rejected.decision_reason) == ("rejected", "nobody asked for it")
    page.keyboard.press("Escape")
    expect(drawer(page)).to_be_hidden()
    expect(page.get_by_text("⊘ rejected 1")).to_be_visible()
    assert "run=" not in page.url


def test_a_plan_is_edited_and_approved_although_the_page_looks_again(visit: Visit, database: Database) -> None:
    execution = submitted(database, WORDS)
    assert execution.plan is not None
    page = visit(f"/orchestrator?run={execution.execution_id}")
    drawer(page).get_by_role("button", name="Edit").click()
    grid(page, "orch_edit_table")
    drawer(page).get_by_text("JSON", exact=True).click()
    box = drawer(page).get_by_label("The plan as JSON")
    values = to_json(execution.plan)
    values["steps"][0]["action"] = "sing"
    box.fill(orjson.dumps(values).decode())
    box.press("Control+Enter")
    expect(drawer(page).get_by_text(re.compile("action: .* has no action"))).to_be_visible()
    expect(drawer(page).get_by_role("button", name="Approve the edited plan")).to_be_disabled()

    values = to_json(execution.plan)
    values["steps"][0]["reason"] = "because I say so"
    box.fill(orjson.dumps(values).decode())
    page.wait_for_timeout(2_500)
    box.press("Control+Enter")
    expect(drawer(page).get_by_text("This plan can be run.")).to_be_visible()
    drawer(page).get_by_role("button", name="Approve the edited plan").click()

    expect(drawer(page).get_by_text(re.compile("because I say so"))).to_be_visible()
    expect(drawer(page).get_by_text(re.compile(r"^(\d) of \1 steps done"))).to_be_visible()
    edited = queries.get(database, execution.execution_id)
    assert edited.plan is not None
    assert edited.plan.steps[0].reason == "because I say so"


def test_a_plan_stands_at_the_top_within_a_moment_with_approve_in_view(visit: Visit) -> None:
    page = visit("/orchestrator", {**NARROW, "height": 800})
    page.get_by_label("What should be done?").fill(WORDS)
    page.get_by_role("button", name="Plan it").click()
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_visible()
    settled(page)
    for width in (NARROW["width"], WIDE["width"]):
        resize(page, {"width": width, "height": 800})
        box, asked = approve.bounding_box(), page.get_by_label("What should be done?").bounding_box()
        assert box
        assert asked
        assert box["y"] + box["height"] < 800, "without scrolling"
        assert box["y"] < asked["y"], "what waits comes first"
    expect(page.get_by_text("Why: No past work on this topic.")).to_be_visible()
    assert fits(page)


def test_what_one_writes_outlives_what_others_do(visit: Visit, database: Database) -> None:
    page = visit("/orchestrator")
    page.get_by_label("What should be done?").fill("Half a sent")
    submitted(database, "A blog post on something else")
    expect(page.get_by_text("Waiting for you: 1 plan")).to_be_visible()
    expect(page.get_by_label("What should be done?")).to_have_value("Half a sent")


def test_executions_are_exported_one_and_many(visit: Visit, database: Database) -> None:
    first, second = submitted(database, "A blog post, one"), submitted(database, "A blog post, two")
    page = visit("/orchestrator?execution_status=pending_approval")
    expect(page.get_by_text("1 to 2 of 2 executions")).to_be_visible()
    assert ids(downloaded(page, "Export JSON").path()) == [first.execution_id, second.execution_id]

    page = visit(f"/orchestrator?run={second.execution_id}")
    link = drawer(page).get_by_role("link", name="Export JSON").get_attribute("href")
    assert link == f"/api/executions/export?id={second.execution_id}"


def ids(path: str | Path) -> list[str]:
    return [each["execution_id"] for each in orjson.loads(Path(path).read_bytes())]


def test_approval_is_turned_off_after_a_question(visit: Visit, database: Database) -> None:
    page = visit("/orchestrator", NARROW)
    page.get_by_text("Plans wait for approval", exact=True).click()
    drawer(page).get_by_role("button", name="Turn approval off").click()
    expect(page.get_by_text("Approval is off: new plans are carried out at once")).to_be_visible()
    settled(page)
    assert fits(page)
    execution = executions.submit(database, Request(WORDS), actor="ada")
    expect(page.get_by_text("✓ completed 1")).to_be_visible()
    assert queries.get(database, execution.execution_id).decided_by == "orchestrator"
