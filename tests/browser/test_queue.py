"""The queue page in a real browser: bulk acts, the drawer, an export, and what happens elsewhere meanwhile."""

import re
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import Page, expect

from core.commands import claims, store
from core.commands.filters import CommandFilter
from core.db import Database
from tests.browser.conftest import NARROW, Visit, downloaded, fits, grid, pick_row, settled
from tests.commands.conftest import claim, completed, enqueue, failed, status

GRID = "commands_grid"


def open_row(page: Page, row: int) -> Any:
    """The drawer of a row, by its button."""
    frame = grid(page, GRID)
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 60, "y": 35 * (row + 1) + 17})
    drawer = page.get_by_role("dialog")
    expect(drawer).to_be_visible()
    return drawer


def card(page: Page, said: str) -> Any:
    """A card that says this number and word."""
    return page.get_by_test_id("stGrid").get_by_role("button", name=re.compile(f"^{said}"))


def test_all_of_a_filter_is_cancelled_after_a_question_with_the_exact_count(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(60)]
    done = completed(database, priority=1)
    page = visit("/queue", NARROW)
    expect(page.get_by_text("1 to 50 of 61 commands")).to_be_visible()
    assert fits(page)

    pick_row(page, GRID, 1)
    expect(page.get_by_text("1 selected: 1 pending")).to_be_visible()
    page.get_by_role("button", name="Select all 61 matching").click()
    expect(page.get_by_text("All 61 matching selected: 60 pending, 1 completed")).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question.get_by_text("60 commands: 60 pending.")).to_be_visible()
    expect(question.get_by_text("Unchanged: 1 (1: it has completed).")).to_be_visible()
    assert fits(page)
    question.get_by_role("button", name="Cancel 60 commands").click()

    expect(page.get_by_text("60 commands cancelled.")).to_be_visible()
    expect(page.get_by_text("1 command was not changed: why")).to_be_visible()
    assert store.count(database, CommandFilter(statuses=("cancelled",))) == len(ids)
    assert status(database, done) == "completed"
    settled(page)
    assert fits(page)


def test_a_question_that_is_refused_leaves_everything(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    page = visit("/queue")
    pick_row(page, GRID, 0)

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Keep it").click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("1 selected: 1 pending")).to_be_visible()
    assert status(database, command_id) == "pending"


def test_a_failed_command_is_opened_read_and_retried(visit: Visit, database: Database) -> None:
    enqueue(database)
    command_id = failed(database, priority=1, payload={"topic": "lamps"})
    page = visit("/queue?status=failed")

    drawer = open_row(page, 0)
    expect(drawer.get_by_text("✗ failed · clerk · file")).to_be_visible()
    expect(drawer.get_by_text("lamps")).to_be_visible()
    drawer.get_by_text("Attempts", exact=True).click()
    expect(drawer.get_by_text("Attempt 1: ✗ failed")).to_be_visible()
    settled(page)  # until then what was shown before stands there, too
    expect(drawer.get_by_text("out of ink")).to_be_visible()
    drawer.get_by_role("button", name="Retry").click()
    expect(drawer.get_by_text("○ pending · clerk · file")).to_be_visible()
    assert status(database, command_id) == "pending"

    # The drawer stays where its reader left it, and follows its command.
    claimed = claim(database)
    expect(drawer.get_by_text("► running · clerk · file")).to_be_visible()
    claims.complete(database, command_id, claimed.token, {"pages": 3})
    expect(drawer.get_by_text("✓ completed · clerk · file")).to_be_visible()
    expect(drawer.get_by_text("Attempt 2: ✓ completed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("No command matches this filter")).to_be_visible()


def test_a_selection_is_downloaded_as_json(visit: Visit, database: Database) -> None:
    ids = [enqueue(database, payload={"number": each}) for each in range(3)]
    page = visit("/queue")
    pick_row(page, GRID, 0)
    pick_row(page, GRID, 2)
    expect(page.get_by_text("2 selected: 2 pending")).to_be_visible()

    download = downloaded(page, "Export JSON")

    assert download.suggested_filename == "commands-public.json"
    got = orjson.loads(Path(download.path()).read_bytes())
    assert [(command["id"], command["payload"]) for command in got] == [
        (ids[0], {"number": 0}), (ids[2], {"number": 2})
    ]  # fmt: skip


def test_another_window_s_act_appears_and_nothing_of_this_one_is_lost(visit: Visit, database: Database) -> None:
    for _ in range(3):
        enqueue(database)
    page, other = visit("/queue"), visit("/queue")
    pick_row(page, GRID, 1)
    expect(page.get_by_text("1 selected: 1 pending")).to_be_visible()
    settled(page)  # a grid that is drawn again takes the focus
    typed = page.get_by_label("Execution")
    typed.fill("half typed")

    pick_row(other, GRID, 1)
    other.get_by_role("button", name="Pause", exact=True).click()
    expect(other.get_by_text("1 command paused.")).to_be_visible()
    enqueue(database)

    expect(page.get_by_text("1 selected: 1 paused")).to_be_visible()
    expect(page.get_by_text("1 to 4 of 4 commands")).to_be_visible()
    expect(card(page, "3 pending")).to_be_visible()
    expect(page.get_by_role("link", name="Queue (3)")).to_be_visible()
    expect(typed).to_have_value("half typed")
    other.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 selected: 1 pending")).to_be_visible()


def test_the_numbers_go_on_under_an_open_drawer(visit: Visit, database: Database) -> None:
    enqueue(database)
    page = visit("/queue")
    drawer = open_row(page, 0)
    drawer.get_by_text("Events", exact=True).click()
    expect(drawer.get_by_text("enqueued, by ada")).to_be_visible()

    enqueue(database)

    expect(card(page, "2 in total")).to_be_visible()
    expect(drawer.get_by_text("enqueued, by ada")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 to 2 of 2 commands")).to_be_visible()


def test_the_first_command_replaces_the_empty_page(visit: Visit, database: Database) -> None:
    page = visit("/queue")
    expect(page.get_by_text("No commands yet")).to_be_visible()

    enqueue(database)

    expect(page.get_by_text("1 to 1 of 1 command")).to_be_visible()
    expect(page.get_by_text("1 pending command cannot start")).to_be_visible()


def test_the_first_row_is_in_view_and_a_card_filters(visit: Visit, database: Database) -> None:
    enqueue(database)
    failed(database, priority=1)
    page = visit("/queue", {"width": 1280, "height": 800})
    box = grid(page, GRID).bounding_box()
    assert box
    assert box["y"] + 35 <= 600, "the first row"
    card(page, "1 failed").click()
    expect(page.get_by_text("1 to 1 of 1 command")).to_be_visible()
    expect(page).to_have_url(re.compile("status=failed"))


def test_the_filter_lives_in_the_address(visit: Visit, database: Database) -> None:
    enqueue(database)
    failed(database, priority=1)
    page = visit("/queue")

    page.get_by_role("button", name="✗ failed").click()
    expect(page.get_by_text("1 to 1 of 1 command")).to_be_visible()
    expect(page).to_have_url(re.compile("status=failed"))
    page.reload()
    settled(page)
    expect(page.get_by_text("1 to 1 of 1 command")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("1 to 2 of 2 commands")).to_be_visible()


def test_captured_text_fetches_and_runs_nothing(visit: Visit, database: Database) -> None:
    bad = '![x](http://evil.example/x.png) <img src=http://evil.example/y.png> <script>document.title="bad"</script>'
    command_id = enqueue(database, agent=bad, action=bad, payload={bad: bad}, run=bad, step=bad)
    claims.fail(database, command_id, claim(database, worker=bad).token, bad, retry=False)
    enqueue(database, agent=bad)
    page = visit("/queue?status=failed")

    drawer = open_row(page, 0)

    for view in ("Attempts", "Steps", "Events", "Command"):
        drawer.get_by_role("radio", name=view, exact=True).click()
        settled(page)
    expect(drawer.get_by_text("![x](http").first).to_be_visible()
    assert page.title() != "bad"  # and the fixture saw no request to elsewhere
    expect(page.locator("a[href*='evil.example']")).to_have_count(0)
