"""First start, the demo company, and a database that is away."""

import pytest

from core import __version__
from core.db import Database, workspaces
from core.deployments.preferences import set_planner_model
from core.examples import tagging
from core.runtime.process import RUNNING
from core.settings import get_settings
from tests.pages.acting import click, keys
from tests.pages.conftest import Visit, text
from tests.served import add, forget
from ui import demo


def test_an_empty_workspace_offers_the_three_ways_to_begin(visit: Visit) -> None:
    seen = text(visit())

    assert "Look around" in seen
    assert "Import my executions" in seen
    assert "Connect my database" in seen
    assert "Sends nothing anywhere" in seen
    assert "First steps: 0 of 5 done" in seen


def test_one_button_of_an_empty_start_is_primary_and_no_label_is_there_twice(visit: Visit) -> None:
    app = visit()
    labels = [button.label for button in app.button]
    assert len(labels) == len(set(labels))
    assert [button.key for button in app.main.button if button.proto.type == "primary"] == ["demo_load"]


def test_the_third_card_has_a_command_to_copy(visit: Visit) -> None:
    assert "DATABASE_URL=postgresql://user@host/db python3 start.py" in [code.value for code in visit().code]


def test_the_first_steps_stay_reachable_and_know_what_is_done(visit: Visit, database: Database) -> None:
    ids = add(database, {})
    tagging.add_tags(database, ids, ["TEST"], actor="ada", reason="")
    app = visit("data")
    assert "First steps: 2 of 5" in [link.proto.label for link in app.sidebar.get("page_link")]

    app.switch_page("../../pages/start.py").run()

    assert not app.exception
    assert "First steps: 2 of 5 done" in text(app)
    assert [button.key for button in app.main.button if button.proto.type == "primary"] == ["step_frozen"]
    click(app, "step_frozen")
    assert app.title[0].value == "Datasets"


def test_every_page_of_an_empty_workspace_but_start_offers_the_demo(visit: Visit) -> None:
    assert "demo_offer" not in keys(visit())
    for page in ("data", "datasets", "importing", "activity", "queue"):
        assert "demo_offer" in keys(visit(page)), page


def test_the_sidebar_says_which_model_plans_and_has_help_and_version(visit: Visit, database: Database) -> None:
    set_planner_model(database, "ollama:qwen3:4b", actor="ada", reason="")
    app = visit("activity")
    assert "Planner: ollama\\:qwen3\\:4b" in [link.proto.label for link in app.sidebar.get("page_link")]
    assert f"Whetstone {__version__}" in "".join(caption.value for caption in app.sidebar.caption)
    click(app, "help")
    assert "Help, from anywhere" in str(app.table[0].value)


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
    assert "Look around" in text(app)
    assert RUNNING.is_open


@pytest.mark.parametrize(
    ("page", "title"), [("training", "Fine-tuning"), ("queue", "Queue"), ("orchestrator", "Orchestrator")]
)
def test_addresses_of_the_original_system_lead_to_the_pages(visit: Visit, page: str, title: str) -> None:
    app = visit(page)
    assert [each.value for each in app.title] == [title]
