"""The bar of the queue page: acts on a selection and on a whole filter."""

from core import audit
from core.commands import claims, store
from core.commands.filters import CommandFilter
from core.db import Database, workspaces
from tests.commands.conftest import claim, completed, enqueue, failed, status
from tests.pages.acting import click
from tests.pages.conftest import Visit, text
from tests.pages.queued import cancelled, one_of_each, rows, select


def test_without_a_selection_the_bar_says_how_to_make_one(visit: Visit, database: Database) -> None:
    enqueue(database)

    app = visit("queue")

    assert "No rows selected" in text(app)
    assert not [button for button in app.button if button.key == "queue_cancel"]


def test_selected_commands_are_paused_at_once_and_undone(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]
    app = select(visit("queue"), ids[0], ids[2])
    assert "2 selected: 2 pending" in text(app)

    click(app, "queue_pause")

    assert "2 commands paused." in text(app)
    assert [status(database, each) for each in ids] == ["paused", "pending", "paused"]
    assert "2 selected: 2 paused" in text(app)
    click(app, "notice_undo")
    assert "Undone: 2 commands resumed." in text(app)
    assert [status(database, each) for each in ids] == ["pending"] * 3
    assert {line.actor for line in audit.entries(database)} == {"local"}


def test_what_could_not_be_changed_is_listed_with_the_reason(visit: Visit, database: Database) -> None:
    found = one_of_each(database)
    app = select(visit("queue"), *found.values(), 99)

    click(app, "queue_retry")

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
    click(app, "queue_report_close")
    assert len(app.dataframe) == 1


def test_buttons_that_nothing_selected_can_take_are_grey_and_say_why(visit: Visit, database: Database) -> None:
    done = completed(database)

    app = select(visit("queue"), done)

    grey = {button.key for button in app.button if button.disabled}
    assert {"queue_resume", "queue_pause", "queue_retry", "queue_cancel"} <= grey
    assert "queue_delete" not in grey
    assert app.button(key="queue_cancel").help == "Select a pending or running or paused command."


def test_a_running_command_is_asked_to_stop(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    claim(database)
    app = select(visit("queue"), command_id)

    click(click(app, "queue_cancel"), "modal_yes")

    assert "1 command cancelled. Of them 1 is running and asked to stop." in text(app)
    assert store.get(database, command_id).stop_requested == "cancel"
    assert rows(app, "status") == ["► running, cancelling"]


def test_cancelling_is_asked_with_the_exact_counts_and_done_to_exactly_those(visit: Visit, database: Database) -> None:
    ids = [enqueue(database) for _ in range(3)]
    done = completed(database, priority=1)
    app = visit("queue")
    click(click(app, "queue_select_all"), "queue_cancel")
    assert "3 commands: 3 pending." in text(app)
    assert "Unchanged: 1 (1: it has completed)." in text(app)
    assert [status(database, each) for each in ids] == ["pending"] * 3

    later = enqueue(database)
    first = claim(database)
    claims.complete(database, ids[0], first.token, {})
    click(app, "modal_yes")

    assert [status(database, each) for each in (*ids, later)] == ["completed", "cancelled", "cancelled", "pending"]
    assert "2 commands cancelled. Unchanged: 2 (2: it has completed)." in text(app)
    assert list(app.dataframe[1].value["command"]) == [ids[0], done]


def test_a_refused_question_changes_nothing(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    app = select(visit("queue"), command_id)

    click(click(app, "queue_delete"), "modal_no")

    assert status(database, command_id) == "pending"
    assert not [button for button in app.button if button.key == "modal_yes"]


def test_a_whole_filter_is_deleted_also_what_is_on_other_pages(visit: Visit, database: Database) -> None:
    for _ in range(30):
        enqueue(database)
    kept = completed(database, priority=1)
    app = visit("queue", status="pending")
    app.selectbox(key="queue_size").select(25).run()

    click(app, "queue_select_all")
    assert "All 30 matching selected: 30 pending" in text(app)
    click(click(app, "queue_delete"), "modal_yes")

    assert "30 commands deleted." in text(app)
    assert "No command matches this filter" in text(app)
    assert [row.id for row in store.page(database, CommandFilter()).rows] == [kept]


def test_the_last_commands_can_be_deleted(visit: Visit, database: Database) -> None:
    enqueue(database)
    app = visit("queue")

    click(click(click(app, "queue_select_all"), "queue_delete"), "modal_yes")

    assert "1 command deleted." in text(app)
    assert "No commands yet" in text(app)


def test_all_of_a_filter_is_no_choice_in_another_filter(visit: Visit, database: Database) -> None:
    enqueue(database)
    failed(database, priority=1)
    app = visit("queue", status="failed")
    click(app, "queue_select_all")
    assert "All 1 matching selected" in text(app)

    click(app, "queue_reset")
    assert "No rows selected" in text(app)
    click(app, "queue_select_all")
    click(app, "queue_deselect")
    assert "No rows selected" in text(app)


def test_retrying_a_whole_filter_is_asked(visit: Visit, database: Database) -> None:
    ids = [failed(database), cancelled(database)]
    app = visit("queue")

    click(click(app, "queue_select_all"), "queue_retry")
    assert "2 commands: 1 failed, 1 cancelled." in text(app)
    click(app, "modal_yes")

    assert [status(database, each) for each in ids] == ["pending", "pending"]


def test_the_export_link_holds_the_filter_or_the_selection(visit: Visit, database: Database) -> None:
    ids = [failed(database), failed(database)]
    app = select(visit("queue", status="failed"), *ids)
    (link,) = app.get("link_button")
    assert link.proto.url == f"/api/commands/export?id={ids[0]}&id={ids[1]}"

    click(app, "queue_select_all")

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

    click(click(app, "queue_select_all"), "queue_pause")

    assert (status(database, ours), status(demo, invented)) == ("pending", "paused")
    (link,) = app.get("link_button")
    assert link.proto.url == "/api/commands/export?workspace=demo"
