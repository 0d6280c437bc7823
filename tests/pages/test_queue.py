"""The queue page: numbers, workers, filter, table."""

import re

import pytest
import streamlit as st

from core.commands import claims, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext
from core.commands.presence import seen, stopped
from core.db import Database
from tests.commands.conftest import claim, completed, enqueue, failed, run
from tests.pages.acting import click
from tests.pages.conftest import Visit, text
from tests.pages.queued import BAD, cards, listed, one_of_each, opened, parameter, rows


def test_the_cards_show_what_there_is(visit: Visit, database: Database) -> None:
    one_of_each(database)
    enqueue(database, waits_for=(enqueue(database),))
    run(database, "UPDATE commands SET created_at = now() - interval '3 minutes', "
                  "not_before = now() - interval '3 minutes' WHERE status = 'pending'")  # fmt: skip

    app = visit("queue")

    assert cards(app) == [
        "**8** in total",
        "**3** pending · oldest 3 min",
        "**1** running",
        "**1** completed",
        "**1** failed",
    ]
    explained = [button.help for button in app.button if (button.key or "").startswith("queue_show_")]
    for fact in ("8 new in 24 h", "3 starts in 24 h", "Done; 1 in 24 h", "retried; 1 in 24 h"):
        assert any(fact in each for each in explained)
    assert "Also: 1 paused, 1 cancelled, 1 waiting for others." in text(app)
    assert not app.get("plotly_chart"), "curves are folded, and read when they are opened"
    app.session_state["queue_charts"] = True
    app.run()
    assert len(app.get("plotly_chart")) == 2


@pytest.mark.parametrize(("card", "status"), [("failed", "failed"), ("pending", "pending"), ("running", "running")])
def test_a_card_shows_its_commands_and_the_total_shows_all(
    visit: Visit, database: Database, card: str, status: str
) -> None:
    found = one_of_each(database)
    app = click(visit("queue"), f"queue_show_{card}")
    assert rows(app) == listed(found[status])
    assert parameter(app, "status") == [status]
    click(app, f"queue_show_{card}")
    assert len(rows(app)) == len(found)
    assert "queue_show_total" in {button.key for button in app.button}


def test_failures_stand_by_cause_and_each_cause_shows_its_commands(visit: Visit, database: Database) -> None:
    ids = [failed(database) for _ in range(3)]
    run(database, f"UPDATE commands SET error = 'the well is dry' WHERE id = {ids[2]}")
    app = visit("queue")
    assert "“out of ink”" in text(app)
    assert "the well is dry" in text(app)
    click(app, "queue_cause_1")
    assert rows(app) == listed(ids[2])
    click(app, "queue_reset")
    assert len(rows(app)) == 3


def test_an_empty_queue_says_what_will_be_here_and_by_which_rules(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_KEEP_DAYS", "3")

    app = visit("queue")

    assert "No commands yet" in text(app)
    assert "first in, first out" in text(app)
    assert "tried again 3 times, after 2, 4, 8 seconds" in text(app)
    assert "removed after 3 days" in text(app)
    assert not app.dataframe
    assert cards(app)[0] == "**0** in total"


def test_the_table_says_each_status_with_icon_and_word(visit: Visit, database: Database) -> None:
    found = one_of_each(database)

    app = visit("queue")

    assert rows(app) == listed(*sorted(found.values(), reverse=True))
    assert set(rows(app, "status")) == {
        "○ pending", "► running", "✓ completed", "✗ failed", "‖ paused", "⊘ cancelled"
    }  # fmt: skip
    shown = dict(zip(rows(app), rows(app, "preview"), strict=True))
    assert shown[f"#{found['failed']}"] == "out of ink"
    assert shown[f"#{found['completed']}"] == '{"pages": 3}'
    assert dict(zip(rows(app), rows(app, "attempts"), strict=True))[f"#{found['failed']}"] == "1/4"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"status": ["failed", "completed"]}, [2, 1]),
        ({"agent": "writer"}, [3]),
        ({"run": "run-7"}, [3]),
        ({"status": "failed", "agent": "writer"}, []),
        ({"id": ["1", "3"]}, [3, 1]),
    ],
)
def test_a_link_holds_the_filter(
    visit: Visit, database: Database, parameters: dict[str, str | list[str]], expected: list[int]
) -> None:
    assert [completed(database), failed(database), enqueue(database, agent="writer", run="run-7")] == [1, 2, 3]

    app = visit("queue", **parameters)

    if expected:
        assert rows(app) == listed(*expected)
    else:
        assert "No command matches this filter" in text(app)


@pytest.mark.parametrize("parameters", [{"status": "lost"}, {"id": "first"}, {"agent": "\0"}])
def test_a_broken_link_is_said_and_shows_everything(
    visit: Visit, database: Database, parameters: dict[str, str]
) -> None:
    enqueue(database)

    app = visit("queue", **parameters)

    assert "The link holds a filter that cannot be used" in text(app)
    assert rows(app) == ["#1"]
    assert not any(name in app.query_params for name in parameters)


def test_widgets_change_the_filter_and_the_url(visit: Visit, database: Database) -> None:
    completed(database)
    failed(database)
    wanted = failed(database, agent="writer", run="run-7")
    app = visit("queue")

    app.pills(key="q_statuses").select("failed").run()
    app.multiselect(key="q_agents").select("writer").run()
    app.text_input(key="q_run").set_value(" run-7 ").run()

    assert rows(app) == listed(wanted)
    assert [parameter(app, name) for name in ("status", "agent", "run")] == [["failed"], ["writer"], ["run-7"]]
    assert "failed, agent writer, of the execution run-7" in text(app)
    click(app, "queue_reset")
    assert len(rows(app)) == 3
    assert not any(name in app.query_params for name in ("status", "agent", "run"))


def test_the_filter_survives_a_visit_to_another_page(visit: Visit, database: Database) -> None:
    completed(database)
    wanted = failed(database)
    app = visit("queue", status="failed")

    app.query_params.clear()  # as the browser does on a change of pages
    app.switch_page("../../pages/activity.py").run()
    app.switch_page("../../pages/queue.py").run()

    assert rows(app) == listed(wanted)
    assert parameter(app, "status") == ["failed"]


def test_pages_of_the_table_go_forth_and_back_in_every_order(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(30)]
    done = failed(database, priority=1)
    app = visit("queue")

    app.selectbox(key="queue_size").select(25).run()
    click(app, "queue_next")
    assert rows(app) == listed(*reversed(ids[:6]))
    assert app.button(key="queue_next").disabled
    click(app, "queue_previous")
    assert rows(app)[0] == f"#{done}"
    app.selectbox(key="queue_sort").select("oldest").run()
    assert rows(app)[0] == f"#{ids[0]}"
    app.selectbox(key="queue_sort").select("status").run()
    assert rows(app)[:2] == listed(done, ids[-1])


def test_workers_are_shown_with_their_heartbeat(visit: Visit, database: Database) -> None:
    seen(database, "here", threads=2, agents=["clerk", "writer"], running=1)
    seen(database, "lost", threads=2, agents=["clerk"], running=1)
    seen(database, "ended", threads=2, agents=["clerk"], running=0)
    stopped(database, "ended")
    run(database, "UPDATE workers SET seen_at = now() - interval '5 minutes' WHERE name = 'lost'")

    app = visit("queue")

    assert "1 worker alive" in text(app)
    assert re.search(r"● here · heartbeat \d+ s ago · 1 of 2 threads busy · clerk, writer", text(app))
    assert "1 worker stopped answering, the last one 5 min ago" in text(app)
    assert "ended" not in text(app)


def test_pending_commands_that_nobody_works_on_are_said_in_a_sentence(visit: Visit, database: Database) -> None:
    seen(database, "here", threads=2, agents=["clerk"], running=0)
    enqueue(database)
    assert "cannot start" not in text(visit("queue"))

    enqueue(database, agent=BAD)
    st.cache_data.clear()  # what a few seconds do for a visitor
    app = visit("queue")

    assert "1 pending command cannot start: no worker that is alive works for this agent." in text(app)
    assert any("![x](http://evil.example" in each.value for each in app.text)


def test_captured_text_is_never_read_as_markdown(visit: Visit, database: Database) -> None:
    words = {"agent": BAD, "action": BAD, "payload": {BAD: BAD}, "run": BAD, "step": BAD, "dedupe_key": BAD}
    command_id = enqueue(database, **words)
    claimed = claim(database, worker=BAD)
    CommandContext(database, claimed).step(BAD, lambda: {BAD: BAD})
    claims.fail(database, command_id, claimed.token, BAD, retry=False)
    verbs.retry(database, CommandFilter(), actor=BAD, reason=BAD)
    claims.complete(database, command_id, claim(database, worker=BAD).token, {BAD: BAD})
    seen(database, BAD, threads=1, agents=[BAD], running=0)
    enqueue(database, agent=BAD)

    pages = [visit("queue", agent=BAD, run=BAD), visit("queue")]
    pages += [opened(visit, command_id, queue_view=view) for view in ("Command", "Attempts", "Steps", "Events")]

    for app in pages:
        assert not app.exception
        for kind in (app.markdown, app.caption, app.info, app.success, app.error, app.warning, app.subheader):
            for part in kind:
                assert "![x]" not in part.value
                assert "<b>" not in part.value
                assert ":red[" not in part.value
        for widget in [*app.button, *app.multiselect, *app.selectbox]:
            assert BAD not in widget.label
