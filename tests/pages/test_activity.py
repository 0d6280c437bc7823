"""The activity page lists who did what."""

from core.db import Database
from core.examples import tagging
from tests.pages.conftest import Visit, text
from tests.served import add


def test_an_untouched_workspace_says_what_will_be_listed(visit: Visit) -> None:
    assert "Nothing happened in this workspace yet" in text(visit("activity"))


def test_acts_are_listed_and_older_ones_are_a_click_away(visit: Visit, database: Database) -> None:
    ids = add(database, {})
    for number in range(101):
        tagging.add_tags(database, ids, [f"T{number}"], actor="ada", reason=f"reason {number}")

    app = visit("activity")
    assert app.dataframe[0].value["why"].iloc[0] == "reason 100"
    app.button(key="activity_older").click().run()
    assert list(app.dataframe[0].value["why"]) == ["reason 0"]
    app.button(key="activity_newer").click().run()

    assert len(app.dataframe[0].value) == 100
