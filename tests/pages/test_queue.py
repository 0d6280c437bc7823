"""The queue page: numbers, filter, table, acts on many, and the drawer."""

from typing import Any

import orjson
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import audit, workspaces
from core.commands import claims, store, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import Work
from core.commands.models import Status
from core.commands.presence import seen, stopped
from core.database import Database
from tests.commands.conftest import claim, completed, enqueue, failed, run, status
from tests.pages.conftest import Visit, text
from ui import queue_drawer

BAD = "![x](http://evil.example/x.png) <b>bold</b> :red[no] $x$"


def cards(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def below(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.delta for metric in app.metric}


def rows(app: AppTest, column: str = "id") -> list[Any]:
    return list(app.dataframe[0].value[column])


def listed(*ids: int) -> list[str]:
    return [f"#{each}" for each in ids]


def parameter(app: AppTest, name: str) -> list[str]:
    """A parameter of the URL; AppTest gives a list for what a link set, and may give text for what the app set."""
    value = app.query_params[name]
    return [value] if isinstance(value, str) else list(value)


def select(app: AppTest, *ids: int) -> AppTest:
    app.session_state["queue_selected"] = set(ids)
    return app.run()


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def opened(visit: Visit, command_id: int, **state: object) -> AppTest:
    """The page with the drawer of one command open."""
    app = visit("queue")
    app.session_state["queue_open_command"] = command_id
    app.session_state["modal"] = queue_drawer._open
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app


def cancelled(database: Database) -> int:
    command_id = enqueue(database)
    verbs.cancel(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    return command_id


def paused(database: Database) -> int:
    command_id = enqueue(database)
    verbs.pause(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    return command_id


def one_of_each(database: Database) -> dict[Status, int]:
    """A command in every status."""
    found: dict[Status, int] = {"completed": completed(database), "failed": failed(database)}
    found |= {"paused": paused(database), "cancelled": cancelled(database), "running": enqueue(database)}
    claim(database)
    found["pending"] = enqueue(database)
    return found


def test_the_cards_show_what_there_is(visit: Visit, database: Database) -> None:
    one_of_each(database)
    enqueue(database, waits_for=(enqueue(database),))
    run(database, "UPDATE commands SET created_at = now() - interval '3 minutes', "
                  "not_before = now() - interval '3 minutes' WHERE status = 'pending'")  # fmt: skip

    app = visit("queue")

    assert cards(app) == {"Total": "8", "Pending": "3", "Running": "1", "Completed": "1", "Failed": "1"}
    assert below(app) == {
        "Total": "8 new in 24 h",
        "Pending": "oldest 3 min",
        "Running": "3 starts in 24 h",
        "Completed": "1 in 24 h",
        "Failed": "1 in 24 h",
    }
    assert "1 paused, 1 cancelled, 1 pending after others" in text(app)
    assert len(app.get("plotly_chart")) == 2


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
    assert [page.label for page in app.metric] == ["Total", "Pending", "Running", "Completed", "Failed"]


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
    press(app, "queue_reset")
    assert len(rows(app)) == 3
    assert not any(name in app.query_params for name in ("status", "agent", "run"))


def test_the_filter_survives_a_visit_to_another_page(visit: Visit, database: Database) -> None:
    completed(database)
    wanted = failed(database)
    app = visit("queue", status="failed")

    app.query_params.clear()  # as the browser does on a change of pages
    app.switch_page("../pages/activity.py").run()
    app.switch_page("../pages/queue.py").run()

    assert rows(app) == listed(wanted)
    assert parameter(app, "status") == ["failed"]


def test_pages_of_the_table_go_forth_and_back_in_every_order(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(30)]
    done = failed(database, priority=1)
    app = visit("queue")

    app.selectbox(key="queue_size").select(25).run()
    press(app, "queue_next")
    assert rows(app) == listed(*reversed(ids[:6]))
    assert app.button(key="queue_next").disabled
    press(app, "queue_previous")
    assert rows(app)[0] == f"#{done}"
    app.selectbox(key="queue_sort").select("oldest").run()
    assert rows(app)[0] == f"#{ids[0]}"
    app.selectbox(key="queue_sort").select("status").run()
    assert rows(app)[:2] == listed(done, ids[-1])


def test_without_a_selection_the_bar_says_how_to_make_one(visit: Visit, database: Database) -> None:
    enqueue(database)

    app = visit("queue")

    assert "Nothing selected" in text(app)
    assert not [button for button in app.button if button.key == "queue_cancel"]


def test_selected_commands_are_paused_at_once_and_undone(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]
    app = select(visit("queue"), ids[0], ids[2])
    assert "2 selected: 2 pending" in text(app)

    press(app, "queue_pause")

    assert "2 commands paused." in text(app)
    assert [status(database, each) for each in ids] == ["paused", "pending", "paused"]
    assert "2 selected: 2 paused" in text(app)
    press(app, "notice_undo")
    assert "Undone: 2 commands resumed." in text(app)
    assert [status(database, each) for each in ids] == ["pending"] * 3
    assert {line.actor for line in audit.entries(database)} == {"local"}


def test_what_could_not_be_changed_is_listed_with_the_reason(visit: Visit, database: Database) -> None:
    found = one_of_each(database)
    app = select(visit("queue"), *found.values(), 99)

    press(app, "queue_retry")

    assert "2 commands put into the queue again." in text(app)
    why = dict(app.dataframe[1].value.itertuples(index=False))
    assert why == {
        found["pending"]: "Not retried: it is pending.",
        found["running"]: "Not retried: it is running.",
        found["paused"]: "Not retried: it is paused.",
        found["completed"]: "Not retried: it has completed.",
        99: "Not retried: it does not exist any more.",
    }
    assert "1 gone" in text(app)
    press(app, "queue_report_close")
    assert len(app.dataframe) == 1


def test_buttons_that_nothing_selected_can_take_are_grey_and_say_why(visit: Visit, database: Database) -> None:
    done = completed(database)

    app = select(visit("queue"), done)

    grey = {button.key for button in app.button if button.disabled}
    assert {"queue_resume", "queue_pause", "queue_retry", "queue_cancel"} <= grey
    assert "queue_delete" not in grey
    assert "Cancel needs one that is pending or running or paused" in text(app)


def test_a_running_command_is_asked_to_stop(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    claim(database)
    app = select(visit("queue"), command_id)

    press(press(app, "queue_cancel"), "modal_yes")

    assert "1 command cancelled. Of them 1 is running and asked to stop." in text(app)
    assert store.get(database, command_id).stop_requested == "cancel"
    assert rows(app, "status") == ["► running, cancelling"]


def test_cancelling_is_asked_with_the_exact_counts_and_done_to_exactly_those(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]
    done = completed(database, priority=1)
    app = visit("queue")
    press(press(app, "queue_select_all"), "queue_cancel")
    assert "3 commands: 3 pending." in text(app)
    assert "Left as they are: 1 (1: it has completed)." in text(app)
    assert [status(database, each) for each in ids] == ["pending"] * 3

    later = enqueue(database)
    first = claim(database)
    claims.complete(database, ids[0], first.token, {})
    press(app, "modal_yes")

    assert [status(database, each) for each in (*ids, later)] == ["completed", "cancelled", "cancelled", "pending"]
    assert "2 commands cancelled. Left as they were: 2 (2: it has completed)." in text(app)
    assert list(app.dataframe[1].value["command"]) == [ids[0], done]


def test_a_refused_question_changes_nothing(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    app = select(visit("queue"), command_id)

    press(press(app, "queue_delete"), "modal_no")

    assert status(database, command_id) == "pending"
    assert not [button for button in app.button if button.key == "modal_yes"]


def test_a_whole_filter_is_deleted_also_what_is_on_other_pages(visit: Visit, database: Database) -> None:
    for _ in range(30):
        enqueue(database)
    kept = completed(database, priority=1)
    app = visit("queue", status="pending")
    app.selectbox(key="queue_size").select(25).run()

    press(app, "queue_select_all")
    assert "All 30 of the filter selected: 30 pending" in text(app)
    press(press(app, "queue_delete"), "modal_yes")

    assert "30 commands deleted." in text(app)
    assert "No command matches this filter" in text(app)
    assert [row.id for row in store.page(database, CommandFilter()).rows] == [kept]


def test_the_last_commands_can_be_deleted(visit: Visit, database: Database) -> None:
    enqueue(database)
    app = visit("queue")

    press(press(press(app, "queue_select_all"), "queue_delete"), "modal_yes")

    assert "1 command deleted." in text(app)
    assert "No commands yet" in text(app)


def test_all_of_a_filter_is_no_choice_in_another_filter(visit: Visit, database: Database) -> None:
    enqueue(database)
    failed(database, priority=1)
    app = visit("queue", status="failed")
    press(app, "queue_select_all")
    assert "All 1 of the filter selected" in text(app)

    press(app, "queue_reset")
    assert "Nothing selected" in text(app)
    press(app, "queue_select_all")
    press(app, "queue_deselect")
    assert "Nothing selected" in text(app)


def test_retrying_a_whole_filter_is_asked(visit: Visit, database: Database) -> None:
    ids = [failed(database), cancelled(database)]
    app = visit("queue")

    press(press(app, "queue_select_all"), "queue_retry")
    assert "2 commands: 1 failed, 1 cancelled." in text(app)
    press(app, "modal_yes")

    assert [status(database, each) for each in ids] == ["pending", "pending"]


def test_the_export_link_holds_the_filter_or_the_selection(visit: Visit, database: Database) -> None:
    ids = [failed(database), failed(database)]
    app = select(visit("queue", status="failed"), *ids)
    (link,) = app.get("link_button")
    assert link.proto.url == f"/api/commands/export?id={ids[0]}&id={ids[1]}"

    press(app, "queue_select_all")

    (link,) = app.get("link_button")
    assert link.proto.url == "/api/commands/export?status=failed"


def test_more_ids_than_fit_into_a_link_are_not_linked(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)

    app = select(visit("queue"), command_id, *range(10_000, 12_001))

    (link,) = app.get("link_button")
    assert link.proto.disabled
    assert "Select all of a filter instead" in link.proto.help


def test_acts_in_one_workspace_leave_the_other_alone(visit: Visit, database: Database) -> None:
    demo = workspaces.create(database, "demo")
    ours, invented = enqueue(database), enqueue(demo)
    app = visit("queue", workspace="demo")

    press(press(app, "queue_select_all"), "queue_pause")

    assert (status(database, ours), status(demo, invented)) == ("pending", "paused")
    (link,) = app.get("link_button")
    assert link.proto.url == "/api/commands/export?workspace=demo"


def test_workers_are_shown_with_their_heartbeat(visit: Visit, database: Database) -> None:
    seen(database, "here", threads=2, agents=["clerk", "writer"], running=1)
    seen(database, "lost", threads=2, agents=["clerk"], running=1)
    seen(database, "ended", threads=2, agents=["clerk"], running=0)
    stopped(database, "ended")
    run(database, "UPDATE workers SET seen_at = now() - interval '5 minutes' WHERE name = 'lost'")

    app = visit("queue")

    assert "1 worker alive" in text(app)
    assert "● here · heartbeat 0 s ago · 1 of 2 threads busy · clerk, writer" in text(app)
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
    Work(database, claimed).step(BAD, lambda: {BAD: BAD})
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


def test_the_drawer_shows_payload_result_and_error(visit: Visit, database: Database) -> None:
    before = enqueue(database)
    command_id = failed(database, payload={"topic": "lamps"}, priority=1, run="run-7", step="two", dedupe_key="only")

    app = opened(visit, command_id)

    assert f"#{command_id} · 1 of 2 on this page" in text(app)
    assert "✗ failed · clerk · file" in text(app)
    assert "Asked for by ada, just now" in text(app)
    assert "Attempt 1 of 4" in text(app)
    assert "Execution run-7, step two" in text(app)
    assert "Dedupe key: only" in text(app)
    assert [orjson.loads(each.value) for each in app.json] == [{"topic": "lamps"}]
    assert [each.value for each in app.code] == ["out of ink"]
    press(app, "queue_drawer_next")
    assert f"#{before} · 2 of 2" in text(app)
    assert "No result yet" in text(app)


def test_the_drawer_shows_every_attempt_step_and_event(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    first = claim(database)
    Work(database, first).step("draft", lambda: {"words": 3})
    claims.fail(database, command_id, first.token, "out of ink", retry=False)
    verbs.retry(database, CommandFilter(ids=(command_id,)), actor="ada", reason="new ink")
    claims.complete(database, command_id, claim(database, worker="w2").token, {"done": True})

    app = opened(visit, command_id, queue_view="Attempts")
    assert "Attempt 2: ✓ completed" in text(app)
    assert "Attempt 1: ✗ failed" in text(app)
    assert [each.value for each in app.code] == ["out of ink"]
    app = opened(visit, command_id, queue_view="Steps")
    assert "✓ draft" in text(app)
    assert [orjson.loads(each.value) for each in app.json] == [{"words": 3}]
    app = opened(visit, command_id, queue_view="Events")
    assert "retried, attempt 1, on w1, by ada\nnew ink" in text(app)
    assert "retry by ada: new ink" in text(app)


def test_the_drawer_acts_on_its_command(visit: Visit, database: Database) -> None:
    command_id = failed(database)
    app = opened(visit, command_id)
    assert not [button for button in app.button if button.key == "queue_drawer_pause"]

    press(app, "queue_drawer_retry")
    assert status(database, command_id) == "pending"
    press(app, "queue_drawer_pause")
    assert status(database, command_id) == "paused"
    press(press(app, "queue_drawer_cancel"), "modal_yes")
    assert status(database, command_id) == "cancelled"


def test_the_drawer_says_why_its_command_was_left_as_it_was(visit: Visit, database: Database) -> None:
    command_id = failed(database, dedupe_key="only")
    enqueue(database, dedupe_key="only")

    app = press(opened(visit, command_id), "queue_drawer_retry")

    assert "Not retried: another command with the same dedupe key is open or newer." in text(app)
    assert status(database, command_id) == "failed"


def test_a_command_that_was_removed_is_said_with_what_is_left_of_it(visit: Visit, database: Database) -> None:
    command_id = failed(database)
    app = opened(visit, command_id)
    verbs.delete(database, CommandFilter(ids=(command_id,)), actor="ada", reason="tidy")

    app.run()

    assert not app.exception
    assert f"There is no command {command_id}" in text(app)
    assert "deleted, attempt 1, on w1, by ada" in text(app)
