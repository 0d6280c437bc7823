"""From the data page's filter to a frozen version, its file, its check and its comparison, in a real browser."""

import re
from pathlib import Path

from playwright.sync_api import expect

from core.datasets import snapshots, versions
from core.datasets.exporting import export
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import Filter
from tests.browser.conftest import NARROW, Visit, downloaded, fits, pick_row, settled
from tests.served import add


def some(database: Database) -> None:
    add(
        database,
        *(
            {
                "execution_plan": f"plan {number}: naïve “quotes” and \\ and \u2028",
                "intent": ("content", "finance")[number % 2],
                "quality_score": 0.5 + number % 5 / 10,
            }
            for number in range(120)
        ),
    )


def test_a_filter_becomes_a_frozen_version_with_files(visit: Visit, database: Database) -> None:
    some(database)
    page = visit("/data?intent=finance", NARROW)

    page.get_by_role("button", name="Review first").click()
    expect(page.get_by_text("60 examples would be taken")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("finance-plans")
    settled(page)
    assert fits(page)
    page.get_by_role("button", name="Freeze version 1 of finance-plans").click()

    expect(page.get_by_role("button", name="Verify")).to_be_visible()
    assert "dataset=finance-plans" in page.url
    assert "version=1" in page.url
    expect(page.locator(".st-key-version_splits .nsewdrag").first).to_be_attached()
    settled(page)
    assert fits(page)
    version = versions.get(database, "finance-plans@1")
    assert (version.status, version.example_count) == ("frozen", 60)

    page.get_by_role("button", name="Export").click()
    download = downloaded(page, re.compile(r"^Train: \d+ records"))
    expected = b"".join(export(database, version, "train", "openai"))
    assert expected.count(b"\n") > 30
    assert Path(download.path()).read_bytes() == expected


def test_one_click_freezes_at_once_and_undo_archives(visit: Visit, database: Database) -> None:
    some(database)
    add(database, *({"execution_id": f"failed {number}", "success": False} for number in range(5)))
    page = visit("/data", NARROW)
    assert fits(page)

    page.get_by_role("button", name="Freeze 120 → dataset").click()

    page.wait_for_url("**dataset=good-plans**")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()
    assert versions.get(database, "good-plans@1").example_count == 120
    expect(page.get_by_text("Creating good-plans@1 from 120 of 125 examples")).to_be_visible()
    settled(page)
    assert fits(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("good-plans@1 is archived")).to_be_visible()
    assert versions.versions(database) == []


def test_a_build_goes_on_when_the_browser_is_closed(visit: Visit, database: Database) -> None:
    some(database)
    page = visit("/datasets?new=1")
    page.get_by_role("button", name="Freeze version 1 of good-plans").click()
    page.wait_for_url("**dataset=good-plans**")
    page.close()

    page = visit("/datasets?dataset=good-plans")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()
    assert versions.get(database, "good-plans").status == "frozen"


def test_two_versions_are_compared_and_one_is_verified(visit: Visit, database: Database) -> None:
    some(database)
    for chosen in (Filter(), Filter(quality_min=0.6)):
        snapshots.create(database, "plans", filter=chosen, recipe=Recipe(), split=Split(), actor="ada")
    page = visit("/datasets", NARROW)

    pick_row(page, "versions_grid", 0)
    pick_row(page, "versions_grid", 1)
    page.get_by_role("button", name="Compare", exact=True).click()

    expect(page.get_by_text("24 removed")).to_be_visible()
    expect(page.get_by_text("96 the same, in the same split")).to_be_visible()
    expect(page.locator(".st-key-compare_quality .nsewdrag").first).to_be_attached()
    settled(page)
    assert fits(page)
    page.get_by_role("button", name="Open", exact=True).last.click()

    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Verified: all 96 records match the frozen version.")).to_be_visible()
    assert versions.get(database, "plans@2").verified_at is not None
    page.go_back()
    expect(page.get_by_text("24 removed")).to_be_visible()


def test_a_row_of_the_list_opens_its_version(visit: Visit, database: Database) -> None:
    some(database)
    snapshots.create(database, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    page = visit("/datasets")
    frame = page.locator(".st-key-versions_grid")
    frame.locator("canvas").first.wait_for()
    frame.get_by_test_id("stDataFrame").click(position={"x": 60, "y": 35 + 17})
    page.wait_for_url("**dataset=plans**")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()
