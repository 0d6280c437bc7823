"""What a person does, from the first start on, in a real browser."""

import datetime as dt
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import expect

from core.db import Database
from core.examples import store
from core.examples.filters import EVERYTHING
from tests.browser.conftest import (
    NARROW,
    WIDE,
    Visit,
    click_bar,
    downloaded,
    drag,
    fits,
    grid,
    pick_row,
    resize,
    settled,
)
from tests.served import START, add


def test_the_first_start_leads_to_the_demo_company(visit_as_newcomer: Visit) -> None:
    page = visit_as_newcomer("/", NARROW)
    expect(page.get_by_text("Import my executions")).to_be_visible()
    assert fits(page)

    page.get_by_role("button", name="Load the demo company").click()

    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    expect(page.get_by_text("Demo company: invented data")).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("2,000")
    # Which are put away there, for they would push the table out of sight.
    page.get_by_role("button", name="Show charts").click()
    expect(page.locator(".st-key-chart_quality svg.marks").first).to_be_attached()
    settled(page)
    assert fits(page)
    assert "workspace=demo" in page.url
    resize(page, WIDE)
    page.reload()
    settled(page)
    expect(page.locator(".st-key-chart_quality svg.marks").first).to_be_attached()


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


def test_a_drag_over_a_chart_becomes_the_filter_and_the_rest_stays_in_sight(visit: Visit, database: Database) -> None:
    add(database, *({"quality_score": number / 100} for number in range(100)))
    page = visit("/data")

    drag(page, "chart_quality", 0.71, 0.89)

    expect(page.get_by_text("1 to 21 of 21 examples")).to_be_visible()
    assert "q_min=0.7" in page.url
    assert "q_max=0.9" in page.url
    page.reload()
    settled(page)
    expect(page.get_by_text("1 to 21 of 21 examples")).to_be_visible()


def test_back_takes_a_drag_back_as_a_whole(visit: Visit, database: Database) -> None:
    add(database, *({"created_at": START + dt.timedelta(days=30 * number)} for number in range(6)))
    page = visit("/data")
    expect(page).to_have_title("Data · Whetstone")
    drag(page, "chart_months", 0.3, 0.7)
    assert "from=" in page.url
    assert "to=" in page.url

    page.go_back()

    expect(page.get_by_text("1 to 6 of 6 examples")).to_be_visible()
    assert "from=" not in page.url
    assert "to=" not in page.url


def test_a_click_on_a_bar_filters_by_it_and_another_with_shift_adds(visit: Visit, database: Database) -> None:
    add(database, *({"intent": "content"} for _ in range(6)))
    add(database, *({"intent": "finance", "execution_id": f"f{number}"} for number in range(4)))
    add(database, *({"intent": "seo", "execution_id": f"s{number}"} for number in range(2)))
    page = visit("/data")

    click_bar(page, "chart_groups", 0)
    settled(page)
    expect(page.get_by_text("1 to 6 of 6 examples")).to_be_visible()
    click_bar(page, "chart_groups", 1, modifiers=["Shift"])
    settled(page)

    expect(page.get_by_text("1 to 10 of 10 examples")).to_be_visible()
    assert "intent=content&intent=finance" in page.url
    expect(page.locator(".st-key-chart_groups .mark-rect path")).to_have_count(3)
    click_bar(page, "chart_groups", 2)
    expect(page.get_by_text("1 to 2 of 2 examples")).to_be_visible()


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

    expect(page.get_by_text("Tagged 2 examples with EXCLUDE.")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Undo")).to_be_in_viewport()
    expect(page.get_by_text("1 to 3 of 3 examples")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 to 5 of 5 examples")).to_be_visible()
    assert all(store.get(database, number).tags == [] for number in ids)


def test_what_stands_in_a_popover_shows_the_filter_after_other_acts(visit: Visit, database: Database) -> None:
    add(database, {}, {"tags": ["EXCLUDE"]}, {"intent": "finance"})
    page = visit("/data")
    click_bar(page, "chart_groups", 0)
    expect(page.get_by_text("1 to 1 of 1 example")).to_be_visible()

    page.locator(".st-key-filter_more button").first.click()

    expect(page.get_by_text("EXCLUDE 1", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".st-key-filter_quality button").first.click()
    expect(page.get_by_role("radio", name="keep")).to_be_checked()


def test_old_data_is_tagged_in_two_clicks_and_brought_back(visit: Visit, database: Database) -> None:
    now = dt.datetime.now(dt.UTC)
    ids = add(database, {"created_at": now - dt.timedelta(days=100)}, {"created_at": now})
    page = visit("/data")
    page.locator(".st-key-bulk_more button").click()
    settled(page)

    page.get_by_role("button", name="1 older than 90 days").click()

    expect(page.get_by_text("Tagged 1 example with DEVELOPMENT.")).to_be_in_viewport()
    assert [store.get(database, number).tags for number in ids] == [["DEVELOPMENT"], []]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 1 example as before.")).to_be_visible()
    assert all(store.get(database, number).tags == [] for number in ids)


def test_the_acts_on_what_is_ticked_stick_to_the_lower_edge(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(60)))
    page = visit("/data", NARROW)
    expect(page.locator(".st-key-action_bar_bulk")).to_have_count(0)

    pick_row(page, "examples_grid", 0)

    for viewport in (NARROW, {"width": 1280, "height": 800}):
        resize(page, viewport)
        page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
        expect(page.get_by_text("1 selected")).to_be_in_viewport()
        page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
        expect(page.get_by_text("1 to 50 of 60 examples")).to_be_in_viewport()
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_in_viewport()
    assert fits(page)
    page.locator(".st-key-bulk_clear button").click()
    expect(page.locator(".st-key-action_bar_bulk")).to_have_count(0)


def test_the_first_row_stands_high_on_a_laptop(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(60)))
    page = visit("/data", {"width": 1280, "height": 800})
    box = grid(page, "examples_grid").bounding_box()
    assert box
    assert box["y"] + 36 <= 620


def test_a_click_on_a_header_sorts_the_whole_filter(visit: Visit, database: Database) -> None:
    add(database, *({"quality_score": number / 100, "user_request": f"Number {number}"} for number in range(80)))
    page = visit("/data")
    expect(page.get_by_label("Sort by")).to_have_value("Newest first")
    frame = grid(page, "examples_grid")

    frame.click(position={"x": 130, "y": 17})

    settled(page)
    expect(page.get_by_label("Sort by")).to_have_value("Oldest first")
    page.get_by_test_id("stDataFrame").first.hover()
    expect(page.get_by_role("button", name="Download as CSV")).to_be_hidden()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_hidden()


def test_one_key_scores_an_example_and_shows_the_next(visit: Visit, database: Database) -> None:
    ids = add(database, *({"quality_score": None} for _ in range(3)))
    page = visit(f"/data?example={ids[2]}")
    drawer = page.get_by_role("dialog")
    # Its text stands there before its keys are heard.
    expect(drawer.get_by_role("button", name="1.00")).to_be_visible()

    for example, key in ((ids[2], "5"), (ids[1], "2")):
        expect(drawer.get_by_text(f"#{example} ·")).to_be_visible()
        settled(page)
        page.keyboard.press(key)

    expect(drawer.get_by_text(f"#{ids[0]} ·")).to_be_visible()
    assert [store.get(database, number).quality_score for number in ids] == [None, 0.25, 1.0]
    assert f"example={ids[0]}" in page.url
    page.keyboard.press("u")
    expect(drawer.get_by_text(f"#{ids[1]} ·")).to_be_visible()
    assert store.get(database, ids[1]).quality_score is None


def test_a_draft_survives_escape_and_a_reload(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    page = visit(f"/data?example={example}")
    drawer = page.get_by_role("dialog")
    drawer.get_by_text("Edit", exact=True).click()
    settled(page)
    drawer.get_by_label("Result").fill("Half a thought")

    page.keyboard.press("Escape")

    expect(drawer.get_by_label("Result")).to_have_value("Half a thought")
    drawer.get_by_role("button", name="Close", exact=True).click()
    expect(drawer).to_have_count(0)
    page.goto(f"{page.url.split('?')[0]}?example={example}")
    settled(page)
    drawer.get_by_text("Edit", exact=True).click()
    expect(drawer.get_by_label("Result")).to_have_value("Half a thought")


def test_a_whole_filter_is_tagged_from_the_bar(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {})
    page = visit("/data")
    page.locator(".st-key-bulk_all button").first.click()
    settled(page)
    page.locator(".st-key-bulk_add_names input").first.fill("TEST")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("Tab")  # out of the field, whose list lies over the button

    page.locator(".st-key-bulk_add_go button").click()
    page.locator(".st-key-modal_yes button").click()

    expect(page.get_by_text("Tagged 2 examples with TEST.")).to_be_in_viewport()
    assert all(store.get(database, number).tags == ["TEST"] for number in ids)


def test_a_selection_is_downloaded(visit: Visit, database: Database) -> None:
    ids = add(database, *({} for _ in range(5)))
    page = visit("/data")
    pick_row(page, "examples_grid", 1)

    page.locator(".st-key-bulk_export_selected button").first.click()
    download = downloaded(page, "JSON Lines")

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
    drawer.get_by_label("Reason").fill("it was dull")
    drawer.get_by_role("button", name="Save as a new revision").click()
    expect(drawer.get_by_text("Saved as revision 2")).to_be_visible()
    drawer.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text("1 to 4 of 4 examples")).to_be_visible()


def test_the_page_shows_what_others_add_and_keeps_the_selection(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(3)))
    page = visit("/data")
    pick_row(page, "examples_grid", 1)
    expect(page.get_by_text("1 selected")).to_be_visible()
    words = page.get_by_label("Search requests")
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
