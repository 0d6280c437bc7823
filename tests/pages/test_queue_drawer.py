"""The drawer of one command."""

import orjson

from core.commands import claims, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext
from core.db import Database
from tests.commands.conftest import claim, enqueue, failed, status
from tests.pages.acting import click
from tests.pages.conftest import Visit, text
from tests.pages.queued import opened


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
    click(app, "queue_drawer_next")
    assert f"#{before} · 2 of 2" in text(app)
    assert "No result yet" in text(app)


def test_the_drawer_shows_every_attempt_step_and_event(visit: Visit, database: Database) -> None:
    command_id = enqueue(database)
    first = claim(database)
    CommandContext(database, first).step("draft", lambda: {"words": 3})
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

    click(app, "queue_drawer_retry")
    assert status(database, command_id) == "pending"
    click(app, "queue_drawer_pause")
    assert status(database, command_id) == "paused"
    click(click(app, "queue_drawer_cancel"), "modal_yes")
    assert status(database, command_id) == "cancelled"


def test_the_drawer_says_why_its_command_was_left_as_it_was(visit: Visit, database: Database) -> None:
    command_id = failed(database, dedupe_key="only")
    enqueue(database, dedupe_key="only")

    app = click(opened(visit, command_id), "queue_drawer_retry")

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
