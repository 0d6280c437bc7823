"""The page Insights: patterns that are mined, looked at and decided on."""

from urllib.parse import parse_qs

import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from core import patterns
from core.commands import store as commands
from core.db import Database
from core.db.tables import examples, learning_patterns
from core.examples.filters import from_query
from core.patterns import experiment, running
from tests.orchestrator.driving import drive
from tests.pages.acting import click, keys, metrics
from tests.pages.conftest import Visit, text
from tests.patterns.test_store import plant

HOSTILE = "![x](http://evil.example/x.png) <b>bold</b> **loud** [link](http://evil.example)"


def table(app: AppTest, column: str) -> list[object]:
    """A column of the grid of patterns."""
    grid = next(each.value for each in app.dataframe if "rule" in each.value)
    return grid[column].tolist()


def figures(app: AppTest) -> dict[str, str]:
    found = next(each.value for each in app.dataframe if list(each.value) == ["figure", "value"])
    return dict(found.itertuples(index=False))


@pytest.fixture
def mined(database: Database) -> Database:
    plant(database)
    patterns.mine(database, actor="ada")
    return database


def test_without_examples_the_tab_says_what_it_will_show(visit: Visit) -> None:
    app = visit("insights")

    assert "what goes with good work" in text(app)
    assert "mine_now" not in keys(app)


def test_twenty_examples_can_show_nothing_and_the_page_says_so(visit: Visit, database: Database) -> None:
    with database.begin() as connection:
        connection.execute(
            insert(examples),
            [{"execution_id": str(n), "user_request": f"Say {n}", "quality_score": 0.9} for n in range(20)],
        )
    app = visit("insights")
    assert "Nothing was mined yet" in text(app)

    patterns.mine(database, actor="ada")
    app.run()

    assert not app.exception
    assert "Quality: 20 examples are scored; fewer than 200 can show nothing." in text(app)
    assert metrics(app)["Examples looked at"] == "20"


def test_mining_is_a_command_of_the_queue_that_is_followed_and_cancelled(visit: Visit, database: Database) -> None:
    plant(database)
    app = visit("insights")

    click(app, "mine_now")

    (waiting,) = commands.page(database, commands.CommandFilter(agents=("patterns",))).rows
    assert f"Mining is in the queue, as command #{waiting.id}." in text(app)
    assert "No worker that is alive mines" in text(app)
    click(app, "mine_cancel")
    assert commands.get(database, waiting.id).status == "cancelled"

    click(app, "mine_now")
    drive(database, running.registry())
    app.run()

    assert not app.exception
    assert metrics(app)["To decide on"] == "1"
    done = commands.page(database, commands.CommandFilter(agents=("patterns",)), limit=1).rows[0]
    assert [each.step for each in commands.steps(database, done.id)] == [
        "reading the examples",
        "patterns of quality",
        "patterns of success",
        "done",
    ]


def test_a_pattern_shows_its_figures_and_its_examples_both_ways(visit: Visit, mined: Database) -> None:
    (kept,) = patterns.patterns(mined)
    app = visit("insights")
    assert table(app, "rule") == ["Whose intent is thread"]
    assert table(app, "well") == ["quality from 0.8"]
    assert table(app, "n") == [200]
    assert table(app, "few") == [""]

    app = visit("insights", pattern=kept.id)

    assert kept.sentence in text(app)
    assert figures(app)["Did well, of those"] == "100 %"
    assert figures(app)["Difference in points (95 % interval)"] == "+90 (+86 to +93)"
    app.pills(key="pattern_view").set_value("Examples").run()
    assert not app.exception
    assert "200 examples that did well." in text(app)
    assert "0 examples that did not do well" in text(app)
    app.pills(key="pattern_view").set_value("History").run()
    assert "discovered" in next(each.value for each in app.dataframe if "event" in each.value)["event"].tolist()


def test_the_link_to_the_examples_is_a_filter_of_exactly_these(visit: Visit, mined: Database) -> None:
    (kept,) = patterns.patterns(mined)
    app = visit("insights", pattern=kept.id)
    app.pills(key="pattern_view").set_value("Examples").run()

    link = next(each.proto for each in app.get("page_link") if "page Data" in each.proto.label)

    chosen = from_query(parse_qs(link.query_string, keep_blank_values=True))
    assert chosen.ids == patterns.ids_of(mined, kept, did_well=True)
    assert chosen.exclude_tags == ()


def test_decisions_keep_their_reason_and_can_be_undone(visit: Visit, mined: Database) -> None:
    (kept,) = patterns.patterns(mined)
    app = visit("insights", pattern=kept.id)

    app.text_input(key="pattern_reason").set_value("threads are our craft").run()
    click(app, "pattern_accept")
    assert patterns.get(mined, kept.id).state == "accepted"
    assert table(app, "state") == ["✓ in use"]
    latest = patterns.history(mined, kept.id)[0]
    assert (latest.event, latest.reason) == ("accepted", "threads are our craft")
    click(app, "pattern_stop_telling")
    assert patterns.get(mined, kept.id).state == "new"
    click(app, "pattern_retire")
    assert patterns.get(mined, kept.id).state == "retired"
    assert "No pattern is in a state that is chosen above." in text(app)
    click(app, "pattern_restore")
    assert patterns.get(mined, kept.id).state == "new"
    click(app, "notice_undo")
    assert patterns.get(mined, kept.id).state == "retired"


def test_what_was_captured_is_never_read_as_markdown(visit: Visit, database: Database) -> None:
    """A pattern of the original system with few examples, and with a sentence that wants to be more than text."""
    with database.begin() as connection:
        connection.execute(
            insert(learning_patterns).values(
                pattern_id="old",
                pattern_description=HOSTILE,
                support_count=12,
                lift=1.4,
                confidence=0.7,
                is_active=True,
            )
        )
    app = visit("insights", pattern="old")

    assert HOSTILE in [each.value for each in app.text]
    assert not [each for each in (*app.markdown, *app.caption, *app.success) if "](http" in str(each.value)]
    assert table(app, "few") == ["under 30"]
    hover = app.get("plotly_chart")[0].proto.spec
    assert "&lt;b&gt;bold" in hover
    assert "<b>bold" not in hover
    app.pills(key="pattern_view").set_value("Examples").run()
    assert "its examples are not known" in text(app)
    click(app, "pattern_accept")
    assert not [each for each in app.success if "](http" in str(each.value)]


def test_a_link_to_no_pattern_says_so(visit: Visit, mined: Database) -> None:
    assert "There is no pattern 'nosuch'" in text(visit("insights", pattern="nosuch"))


def test_the_orchestrator_leads_to_the_patterns(visit: Visit, mined: Database) -> None:
    (kept,) = patterns.patterns(mined)
    patterns.accept(mined, kept.id, actor="ada", reason="threads are our craft")
    links = {each.proto.label: each.proto for each in visit("orchestrator").get("page_link")}
    assert links["View patterns"].page == "insights"
    assert links["View patterns"].query_string == "tab=patterns"


def test_the_experiment_is_switched_on_the_page(visit: Visit, mined: Database) -> None:
    app = visit("insights")
    assert "two on each side are the least" in text(app)

    app.toggle(key="hints_experiment").set_value(True).run()

    assert not app.exception
    assert experiment.is_on(mined)
    assert app.toggle(key="hints_experiment").value
