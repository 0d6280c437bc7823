"""What a person does, from the first start on, in a real browser."""

import datetime as dt
import re
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Download, expect

from core.db import Database
from core.examples import store
from core.examples.filters import EVERYTHING
from tests.browser.conftest import NARROW, WIDE, Visit, brush, fits, grid, pick_row, settled
from tests.served import START, add


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_first_start_leads_to_the_demo_company(visit_as_newcomer: Visit, viewport: dict[str, int]) -> None:
    page = visit_as_newcomer("/", viewport)
    expect(page.get_by_text("Import my executions")).to_be_visible()
    assert fits(page)

    page.get_by_role("button", name="Load the demo company").click()

    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    expect(page.get_by_text("Demo company: invented data")).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("2,000")
    expect(page.locator(".st-key-chart_quality .nsewdrag").first).to_be_attached()
    settled(page)
    assert fits(page)
    assert "workspace=demo" in page.url


def test_a_file_is_imported_and_looked_at(visit: Visit, database: Database, tmp_path: Path) -> None:
    rows = [
        {"user_request": f"Draft post {number}", "execution_result": "It is about lamps.", "quality_score": 0.7}
        for number in range(40)
    ]
    file = tmp_path / "runs.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    page = visit("/import")

    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Import 40 new rows").click()

    expect(page.get_by_text("Imported runs.jsonl: 40 new")).to_be_visible()
    assert store.count(database, EVERYTHING) == 40
    expect(page.get_by_text("1 to 40 of 40 examples")).to_be_visible()


def test_a_brush_over_a_chart_becomes_the_filter(visit: Visit, database: Database) -> None:
    add(database, *({"quality_score": number / 100} for number in range(100)))
    page = visit("/data")

    brush(page, "chart_quality", 0.71, 0.89)

    expect(page.get_by_text("1 to 21 of 21 examples")).to_be_visible()
    assert "q_min=0.7" in page.url
    assert "q_max=0.9" in page.url
    page.reload()
    settled(page)
    expect(page.get_by_text("1 to 21 of 21 examples")).to_be_visible()


def test_back_takes_a_brush_back_as_a_whole(visit: Visit, database: Database) -> None:
    add(database, *({"created_at": START + dt.timedelta(days=30 * number)} for number in range(6)))
    page = visit("/data")
    expect(page).to_have_title("Data · Whetstone")
    brush(page, "chart_months", 0.3, 0.7)
    assert "from=" in page.url
    assert "to=" in page.url

    page.go_back()

    expect(page.get_by_text("1 to 6 of 6 examples")).to_be_visible()
    assert "from=" not in page.url
    assert "to=" not in page.url


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_selected_rows_are_excluded_and_brought_back(
    visit: Visit, database: Database, viewport: dict[str, int]
) -> None:
    ids = add(database, *({} for _ in range(5)))
    page = visit("/data", viewport)

    pick_row(page, "examples_grid", 0)
    pick_row(page, "examples_grid", 2)
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Exclude", exact=True).click()

    expect(page.get_by_text("2 examples now have EXCLUDE")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Undo")).to_be_in_viewport()
    expect(page.get_by_text("1 to 3 of 3 examples")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 to 5 of 5 examples")).to_be_visible()
    assert all(store.get(database, number).tags == [] for number in ids)


def test_old_data_is_tagged_after_a_question_that_nothing_covers(visit: Visit, database: Database) -> None:
    ids = add(database, {"created_at": START - dt.timedelta(days=40)}, {})
    page = visit("/data")
    page.locator(".st-key-bulk_more button").click()
    settled(page)
    page.get_by_role("spinbutton", name="year, Created before (UTC)").click()
    page.keyboard.type(f"{START:%Y%m%d}")
    page.get_by_text("Tag old data as development").click()  # the date counts once its field is left
    expect(page.get_by_text(re.compile("^1 example from before"))).to_be_visible()

    page.get_by_role("button", name="Tag as DEVELOPMENT").click()
    page.get_by_role("button", name="Tag 1 example").click()

    expect(page.get_by_text("1 example now has DEVELOPMENT")).to_be_in_viewport()
    assert [store.get(database, number).tags for number in ids] == [["DEVELOPMENT"], []]


def test_a_whole_filter_is_tagged_from_the_bar(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {})
    page = visit("/data")
    page.get_by_role("button", name="Add tags").click()
    settled(page)
    page.locator(".st-key-bulk_add_names input").first.fill("TEST")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("Tab")  # out of the field, whose list lies over the button

    page.locator(".st-key-bulk_add_go button").click()
    page.locator(".st-key-modal_yes button").click()

    expect(page.get_by_text("2 examples now have TEST")).to_be_in_viewport()
    assert all(store.get(database, number).tags == ["TEST"] for number in ids)


def test_a_selection_is_downloaded(visit: Visit, database: Database) -> None:
    ids = add(database, *({} for _ in range(5)))
    page = visit("/data")
    pick_row(page, "examples_grid", 1)

    downloads: list[Download] = []  # the link opens a tab of its own, which closes as the download begins
    # Lambdas, because Playwright cannot wrap a method of a list.
    page.context.on("page", lambda tab: tab.on("download", lambda download: downloads.append(download)))
    page.on("download", lambda download: downloads.append(download))

    page.get_by_role("button", name="Export").click()
    page.get_by_role("link", name="JSON Lines").click()
    for _ in range(200):
        if downloads:
            break
        page.wait_for_timeout(100)

    (download,) = downloads
    assert download.suggested_filename == "examples-public.jsonl"
    assert [orjson.loads(line)["id"] for line in Path(download.path()).read_bytes().splitlines()] == [ids[3]]


def test_an_example_is_opened_edited_and_left_as_the_page_refreshes(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(3)))
    page = visit("/data")
    frame = grid(page, "examples_grid")
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 60, "y": 35 + 17})
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("A post about lamp 2.")).to_be_visible()
    drawer.get_by_text("Edit", exact=True).click()
    typed = drawer.get_by_label("Result")
    typed.fill("Half a thought")

    add(database, {"execution_id": "meanwhile"})
    page.wait_for_timeout(11_000)  # one look of the page at the database

    expect(typed).to_have_value("Half a thought")
    drawer.get_by_label("Why").fill("it was dull")
    drawer.get_by_role("button", name="Save as a new revision").click()
    expect(drawer.get_by_text("Saved as revision 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 to 4 of 4 examples")).to_be_visible()


def test_the_page_shows_what_others_add_and_keeps_the_selection(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(3)))
    page = visit("/data")
    pick_row(page, "examples_grid", 1)
    expect(page.get_by_text("1 selected")).to_be_visible()
    words = page.get_by_label("Words in the request")
    words.fill("half typed")

    add(database, {"execution_id": "meanwhile"})

    expect(page.get_by_text("1 to 4 of 4 examples")).to_be_visible()
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(words).to_have_value("half typed")


def test_captured_text_fetches_and_runs_nothing(visit: Visit, database: Database) -> None:
    bad = '![x](http://evil.example/x.png) <img src=http://evil.example/y.png> <script>document.title="bad"</script>'
    add(database, dict.fromkeys(("user_request", "intent", "execution_plan", "execution_result"), bad))
    page = visit("/data")
    frame = grid(page, "examples_grid")
    frame.scroll_into_view_if_needed()

    frame.click(position={"x": 60, "y": 35 + 17})

    expect(page.get_by_role("dialog").get_by_text("![x](http").first).to_be_visible()
    assert page.title() != "bad"  # and the fixture saw no request to elsewhere
