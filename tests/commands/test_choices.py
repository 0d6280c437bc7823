"""What is said about a choice before anything is done to it."""

import datetime as dt
import threading
from typing import get_args

import pytest

from core import audit
from core.commands import choices, store, verbs
from core.commands.filters import CommandFilter
from core.commands.models import STATUSES
from core.commands.presence import seen, stopped
from core.db import Database
from tests.commands.conftest import claim, completed, enqueue, failed, happened, run

CHOSEN = CommandFilter(agents=("clerk",))


def mixed(database: Database) -> None:
    """Two commands or more of each status, and one of another agent."""
    for _ in range(2):
        completed(database)
        failed(database)
        verbs.cancel(database, CommandFilter(ids=(enqueue(database),)), actor="ada", reason="")
        verbs.pause(database, CommandFilter(ids=(enqueue(database),)), actor="ada", reason="")
    for _ in range(2):
        enqueue(database)
        claim(database)
    waited = failed(database)
    enqueue(database, waits_for=(waited,))
    enqueue(database)
    enqueue(database, agent="other")


def test_every_status_is_counted(database: Database) -> None:
    mixed(database)

    assert choices.by_status(database, CHOSEN) == {
        "pending": 2,
        "running": 2,
        "completed": 2,
        "failed": 3,
        "paused": 2,
        "cancelled": 2,
    }
    assert choices.by_status(database, CommandFilter(ids=())) == dict.fromkeys(STATUSES, 0)


@pytest.mark.parametrize("verb", get_args(verbs.Verb))
def test_what_is_foreseen_is_what_is_done(database: Database, verb: verbs.Verb) -> None:
    mixed(database)

    foreseen = verbs.foresee(database, verb, CHOSEN)

    assert foreseen.changed
    assert foreseen.refused
    assert getattr(verbs, verb)(database, CHOSEN, actor="ada", reason="") == foreseen


@pytest.mark.parametrize("verb", get_args(verbs.Verb))
def test_a_verb_changes_only_statuses_that_are_named_as_able(database: Database, verb: verbs.Verb) -> None:
    mixed(database)
    unable = tuple(status for status in STATUSES if status not in choices.ABLE[verb])

    assert verbs.foresee(database, verb, CommandFilter(statuses=unable)).changed == ()
    for status in choices.ABLE[verb]:
        if (verb, status) != ("resume", "running"):  # only those that were asked to pause
            assert verbs.foresee(database, verb, CommandFilter(statuses=(status,))).changed


def test_foreseeing_changes_nothing_and_waits_for_nobody(database: Database) -> None:
    command_id = enqueue(database)
    before = happened(database, command_id), len(audit.entries(database))
    seen: list[object] = []
    looking = threading.Thread(target=lambda: seen.append(verbs.foresee(database, "cancel", CHOSEN)))

    with database.begin() as connection:
        connection.exec_driver_sql("SELECT FROM commands FOR UPDATE")
        looking.start()
        looking.join(60)

    assert seen == [verbs.Change((command_id,), ())]
    assert store.get(database, command_id).status == "pending"
    assert (happened(database, command_id), len(audit.entries(database))) == before


def test_ids_that_are_gone_are_foreseen_too(database: Database) -> None:
    change = verbs.foresee(database, "delete", CommandFilter(ids=(77,)))

    assert change == verbs.Change((), ((77, "Not deleted: it does not exist any more."),))


def test_the_version_grows_with_whatever_happens(database: Database) -> None:
    seen = [choices.version(database)]

    command_id = enqueue(database)
    seen.append(choices.version(database))
    claim(database)
    seen.append(choices.version(database))
    verbs.pause(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    seen.append(choices.version(database))
    run(
        database, "UPDATE commands SET status = 'paused', outcome = 'paused', stop_requested = NULL, lease_until = NULL"
    )
    seen.append(choices.version(database))
    verbs.delete(database, CommandFilter(ids=(command_id,)), actor="ada", reason="")
    seen.append(choices.version(database))

    assert seen[0] == 0
    assert seen == sorted(set(seen))


def test_agents_without_anybody_to_do_their_commands_are_named_with_their_number(database: Database) -> None:
    seen(database, "here", threads=1, agents=["clerk"], running=0)
    seen(database, "gone", threads=1, agents=["singer"], running=0)
    seen(database, "lost", threads=1, agents=["dancer"], running=0)
    stopped(database, "gone")
    run(database, "UPDATE workers SET seen_at = now() - interval '1 minute' WHERE name = 'lost'")
    enqueue(database)
    for agent in ("singer", "dancer", "dancer", "outsider"):
        enqueue(database, agent=agent)
    enqueue(database, agent="later", not_before=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    enqueue(database, agent="waiting", waits_for=(1,))

    assert choices.unserved(database) == {"dancer": 2, "outsider": 1, "singer": 1}


def test_an_agent_of_the_outside_that_holds_a_command_is_there(database: Database) -> None:
    enqueue(database, agent="outsider")
    enqueue(database, agent="outsider")

    claim(database, agents=["outsider"])

    assert choices.unserved(database) == {}
