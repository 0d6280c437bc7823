"""First start, the demo company, and a database that is away."""

import pytest

from core.db import Database, workspaces
from core.runtime.process import RUNNING
from core.settings import get_settings
from tests.pages.conftest import Visit, text
from tests.served import add, forget
from ui import demo


def test_an_empty_workspace_offers_the_three_ways_to_begin(visit: Visit) -> None:
    seen = text(visit())

    assert "Load the demo company" in seen
    assert "Import my executions" in seen
    assert "Connect my database" in seen
    assert "Sends nothing anywhere" in seen


def test_a_workspace_with_examples_opens_on_its_data(visit: Visit, database: Database) -> None:
    add(database, {})

    app = visit()

    assert app.title[0].value == "Data"
    assert app.metric[0].value == "1"


def test_the_demo_company_is_loaded_shown_with_its_badge_and_dropped_whole(visit: Visit, database: Database) -> None:
    app = visit()

    app.button(key="demo_load").click().run()

    assert not app.exception
    assert app.metric[0].value == "2,000"
    assert "Demo company: invented data" in text(app)
    assert app.selectbox(key="workspace_choice").options == ["Company", "Demo company"]
    app.button(key="demo_drop").click().run()
    assert "dropped with everything in it" in text(app)
    assert workspaces.exists(database, "demo")
    app.button(key="modal_yes").click().run()
    assert not app.exception
    assert not workspaces.exists(database, "demo")
    assert "The demo company was removed" in text(app)


def test_a_company_with_data_of_its_own_can_still_load_the_demo(
    visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_EXAMPLES", 20)
    assert "demo_offer" not in [button.key for button in visit().button]  # the first page offers it
    add(database, {})
    app = visit("data")

    app.button(key="demo_offer").click().run()

    assert not app.exception
    assert app.metric[0].value == "20"
    assert "demo_offer" not in [button.key for button in app.button]


def test_the_sidebar_switches_between_the_company_and_the_demo(visit: Visit, database: Database) -> None:
    add(database, {})
    workspaces.create(database, "demo")
    app = visit("data")

    app.selectbox(key="workspace_choice").select("demo").run()

    assert not app.exception
    assert "Demo company: invented data" in text(app)
    assert "No examples yet" in text(app)


def test_a_link_to_a_workspace_that_is_gone_says_so_and_shows_the_company(visit: Visit, database: Database) -> None:
    add(database, {})

    app = visit(workspace="nowhere")

    assert "which does not exist here" in text(app)
    assert app.metric[0].value == "1"


def test_a_database_that_is_away_is_said_in_one_sentence_and_tried_again(
    visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    forget()
    app = visit()
    assert "The database nothing at 127.0.0.1:1 cannot be reached" in text(app)
    assert "secret" not in text(app)

    monkeypatch.setenv("DATABASE_URL", database.url)
    get_settings.cache_clear()
    app.button(key="retry").click().run()

    assert not app.exception
    assert "Load the demo company" in text(app)
    assert RUNNING.is_open


@pytest.mark.parametrize(
    ("page", "title"), [("training", "Fine-tuning"), ("queue", "Queue"), ("orchestrator", "Orchestrator")]
)
def test_addresses_of_the_original_system_lead_to_the_pages(visit: Visit, page: str, title: str) -> None:
    app = visit(page)
    assert [each.value for each in app.title] == [title]
