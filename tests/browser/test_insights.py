"""What works for us, in a real browser: patterns decided on, topics looked at, history brought in."""

import re
from pathlib import Path

from playwright.sync_api import expect

from core import history, patterns
from core.db import Database
from tests.browser.conftest import NARROW, Visit, fits, grid, settled
from tests.patterns.test_store import plant

_POSTS = "".join(
    f"p{number},Oak {number},{'oak' if number % 3 else 'elm'},blog,{100 + number},{number % 9},2026-01-{number:02d}\n"
    for number in range(1, 31)
)


def test_a_pattern_is_opened_with_its_examples_and_accepted_as_a_hint(visit: Visit, database: Database) -> None:
    plant(database)
    patterns.mine(database, actor="ada")
    page = visit("/insights", NARROW)
    assert fits(page)
    frame = grid(page, "pattern_table")
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 25, "y": 35 + 17})

    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("An association, and not a cause.")).to_be_visible()
    page.wait_for_url("**pattern=**")
    pattern = patterns.get(database, re.findall(r"pattern=([^&]+)", page.url)[0])
    expect(drawer.get_by_text(pattern.sentence)).to_be_visible()
    drawer.get_by_text("Examples", exact=True).click()
    for did_well in (True, False):
        number = len(patterns.ids_of(database, pattern, did_well=did_well))
        expect(drawer.get_by_text(re.compile(rf"^{number:,} examples? that did "))).to_be_visible()
    settled(page)
    assert fits(page)

    drawer.get_by_role("textbox", name=re.compile("^Why")).fill("it is what we see")
    drawer.get_by_role("button", name="Accept").click()
    expect(drawer.get_by_role("button", name="Stop telling")).to_be_visible()
    settled(page)
    decided = patterns.get(database, pattern.id)
    assert (decided.state, patterns.history(database, pattern.id)[0].reason) == ("accepted", "it is what we see")


def test_history_is_previewed_imported_and_tells_of_topics(visit: Visit, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_text(f"post_id,title,topic,platform,views,engagement,published_at\n{_POSTS}", "utf-8")
    page = visit("/insights?tab=history", NARROW)
    expect(page.get_by_text(re.compile("^No history yet"))).to_be_visible()
    page.locator("input[type=file]").set_input_files(file)

    expect(page.get_by_text("Each row is a post.")).to_be_visible()
    settled(page)
    assert fits(page)
    assert history.posts(database).rows == []
    page.get_by_role("button", name="Import 30 new rows").click()

    expect(page.get_by_text("Imported posts.csv: 30 new, 0 changed, 0 unchanged.").first).to_be_visible()
    settled(page)
    assert fits(page)
    assert len(history.posts(database).rows) == 30
    page.get_by_role("radio", name="Topics").click()

    expect(page.get_by_role("figure", name=re.compile("^Engagement of each topic"))).to_be_visible()
    assert "tab=topics" in page.url
    settled(page)
    assert fits(page)
