"""What finished long ago is removed; what happened stays on record."""

from core import audit
from core.commands import claims, store
from core.commands.filters import CommandFilter
from core.db import Database
from tests.commands.conftest import ask, claim, completed, enqueue, failed, run


def age(database: Database, command_id: int, days: int) -> None:
    run(
        database,
        "UPDATE commands SET finished_at = finished_at - make_interval(days => %s) WHERE id = %s",
        days,
        command_id,
    )


def test_what_finished_long_ago_is_removed_and_stays_on_record(database: Database) -> None:
    old, young, pending = completed(database), failed(database), enqueue(database)
    age(database, old, 8)
    age(database, young, 6)
    assert claims.retain(database, 7) == 1
    assert claims.retain(database, 7) == 0
    assert [row.id for row in store.page(database, CommandFilter(), sort="oldest").rows] == [young, pending]
    assert store.attempts(database, old) == []
    last = store.events(database, old)[-1]
    assert (last.event, last.actor) == ("deleted", "retention")
    (line,) = audit.entries(database, subject="commands")
    assert (line.actor, line.action, line.row_count) == ("retention", "remove", 1)
    assert line.reason == "finished more than 7 days ago"


def test_what_others_wait_for_is_kept_until_they_can_go_too(database: Database) -> None:
    first = enqueue(database)
    second = enqueue(database, waits_for=(first,))
    third = enqueue(database, waits_for=(second,))
    claims.fail(database, first, claim(database).token, "no", retry=False)
    ask(database, "cancel", second)
    for each in (first, second):
        age(database, each, 8)
    assert claims.retain(database, 7) == 0
    ask(database, "cancel", third)
    age(database, third, 8)
    assert claims.retain(database, 7) == 3
