"""The chain of the audit log: what is changed, removed or put in by who gets around the database's rules is found."""

import json
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import audit
from core.audit import Fault, Proof
from core.db import Database, workspaces
from core.errors import AuditRefused
from tests.cli.test_commands import core


def act(db: Database, number: int = 1, **more: object) -> None:
    with db.begin() as connection:
        for each in range(number):
            audit.record(connection, actor="ada", action="add tags", subject="examples", subject_id=each, **more)  # type: ignore[arg-type]


def forge(db: Database, *statements: str) -> None:
    """As the server's owner, whom no trigger stops."""
    with db.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.exec_driver_sql(statement)


def ids(db: Database) -> list[int]:
    return [line.id for line in reversed(audit.entries(db, limit=1_000))]


@pytest.fixture
def log(database: Database) -> Database:
    act(database, 3)
    act(database, 2, before={"ü": 1}, after={"b": [1.50, None]}, reason="🙂", row_count=3)
    audit.extend_chain(database)
    return database


def test_an_empty_log_is_whole(database: Database) -> None:
    assert audit.verify(database) == Proof(0, "", (), None)


def test_a_log_as_it_was_written_is_whole_and_goes_on(log: Database) -> None:
    first = audit.verify(log)
    assert (first.lines, first.faults, first.head.split(":")[0]) == (5, (), "5")
    act(log)
    later = audit.verify(log, first.head)
    assert (later.ok, later.holds_noted, later.lines, later.head.split(":")[0]) == (True, True, 6, "6")


@pytest.mark.parametrize(
    "change",
    ["reason = 'x'", "actor = 'ben'", "at = at + interval '1 microsecond'", "after = '{}'", "row_count = 9",
     "subject_id = 'x'", "before = NULL"],
)  # fmt: skip
def test_a_changed_line_is_found_and_it_alone(log: Database, change: str) -> None:
    fourth = ids(log)[3]
    forge(log, f"UPDATE audit_log SET {change} WHERE id = {fourth}")
    assert audit.verify(log).faults == (Fault(fourth, "changed"),)


def test_a_removed_line_is_found(log: Database) -> None:
    second = ids(log)[1]
    forge(log, f"DELETE FROM audit_log WHERE id = {second}")
    assert audit.verify(log).faults == (Fault(second, "removed"),)


def test_a_line_removed_with_its_place_is_found(log: Database) -> None:
    _, second, third, *_ = ids(log)
    forge(log, *(f"DELETE FROM {table} = {second}" for table in ("audit_log WHERE id", "audit_chain WHERE audit_id")))
    assert audit.verify(log).faults == (Fault(third, "after a gap"),)


def test_a_line_that_was_put_in_is_found(log: Database) -> None:
    forge(log, "INSERT INTO audit_log (actor, action, subject) VALUES ('ada', 'approve', 'execution')")
    assert audit.verify(log).faults == (Fault(ids(log)[-1], "inserted"),)


def test_a_line_removed_before_it_had_its_place_is_found(log: Database) -> None:
    act(log)
    last = ids(log)[-1]
    forge(log, f"DELETE FROM audit_log WHERE id = {last}")
    assert audit.verify(log).faults == (Fault(last, "removed"),)


def cut_off(db: Database) -> None:
    last = ids(db)[-1]
    forge(db, f"DELETE FROM audit_log WHERE id = {last}", f"DELETE FROM audit_chain WHERE audit_id = {last}")


def made_anew(db: Database) -> None:
    forge(
        db, "UPDATE audit_log SET reason = 'x'", "DELETE FROM audit_chain",
        "INSERT INTO audit_unchained SELECT id FROM audit_log",
    )  # fmt: skip


@pytest.mark.parametrize("forged", [cut_off, made_anew])
def test_what_the_chain_alone_cannot_tell_an_end_noted_elsewhere_tells(
    log: Database, forged: Callable[[Database], None]
) -> None:
    noted = audit.verify(log).head
    forged(log)
    assert audit.verify(log).ok
    found = audit.verify(log, noted)
    assert (found.ok, found.holds_noted) == (False, False)


@pytest.mark.parametrize("noted", ["x", "5", "5:", "5:xyz", ":" + "0" * 64, f"{10**40}:{'0' * 64}", "-1:" + "0" * 64])
def test_what_is_no_head_is_told(log: Database, noted: str) -> None:
    with pytest.raises(AuditRefused, match="is no head of the audit log"):
        audit.verify(log, noted)


def test_the_database_refuses_to_change_the_chain(log: Database) -> None:
    for statement in ("UPDATE audit_chain SET place = 9", "DELETE FROM audit_chain", "TRUNCATE audit_chain"):
        with pytest.raises(Exception, match="the audit log only grows"), log.begin() as connection:
            connection.exec_driver_sql(statement)


def test_an_act_that_is_not_committed_stops_nobody_and_gets_its_place_later(log: Database) -> None:
    with log.begin() as connection:
        audit.record(connection, actor="ben", action="import", subject="import")
        act(log)
        assert audit.extend_chain(log) == 1
        assert audit.verify(log).ok
    assert audit.extend_chain(log) == 1
    assert audit.verify(log).ok
    with log.connect() as connection:
        places = connection.exec_driver_sql("SELECT audit_id FROM audit_chain ORDER BY place").scalars().all()
    assert list(places) == [*ids(log)[:5], ids(log)[6], ids(log)[5]]


def test_many_who_extend_it_at_once_give_each_line_one_place(log: Database) -> None:
    added: list[int] = []

    def acts() -> None:
        for _ in range(10):
            act(log)
            added.append(audit.extend_chain(log))

    threads = [threading.Thread(target=acts) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    proof = audit.verify(log)
    assert (sum(added), proof.lines, proof.ok, proof.head.split(":")[0]) == (60, 65, True, "65")


def test_no_setting_of_a_session_changes_a_hash(log: Database) -> None:
    with log.begin() as connection:
        for setting in ("TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German'", "extra_float_digits = -5"):
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        query = "SELECT count(*) FROM audit_chain c JOIN audit_log a ON a.id = c.audit_id WHERE place = 1"
        assert connection.exec_driver_sql(f"{query} AND hash = audit_hash('', a)").scalar_one() == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(said=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40), more=st.booleans())
def test_whatever_a_line_says_it_stays_whole_and_one_letter_is_found(database: Database, said: str, more: bool) -> None:
    act(database, after={"said": said} if more else None, reason=said)
    assert audit.verify(database).ok
    line = ids(database)[-1]
    forge(database, f"UPDATE audit_log SET reason = reason || 'x' WHERE id = {line}")
    assert audit.verify(database).faults == (Fault(line, "changed"),)
    forge(database, f"UPDATE audit_log SET reason = left(reason, -1) WHERE id = {line}")


def test_each_workspace_has_a_chain_of_its_own(log: Database) -> None:
    demo = workspaces.create(log, "demo")
    act(demo)
    assert audit.verify(demo).lines == len(ids(demo))
    forge(demo, "UPDATE audit_log SET reason = 'x'")
    assert (audit.verify(log).ok, audit.verify(demo).ok) == (True, False)


def test_the_command_says_what_it_found(log: Database) -> None:
    head = audit.verify(log).head
    done = core(log, "verify-audit", "--noted", head)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "5 lines, each as it was written. It holds the end that was noted. The chain ends at 5:"
    )
    third = ids(log)[2]
    forge(log, f"UPDATE audit_log SET actor = 'ben' WHERE id = {third}")
    done = core(log, "verify-audit", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"], said["faults"]) == (1, False, [{"audit_id": third, "what": "changed"}])
    assert core(log, "verify-audit").stdout == f"Line {third}: changed.\n"


def test_the_command_tells_of_an_empty_log_of_many_faults_and_of_an_end_that_is_gone(database: Database) -> None:
    assert core(database, "verify-audit").stdout == "The audit log is empty.\n"
    act(database, 25)
    head = audit.verify(database).head
    cut_off(database)
    done = core(database, "verify-audit", "--noted", head)
    told = "The end that was noted is not in the chain: it was made anew, or cut off before it.\n"
    assert (done.returncode, done.stdout) == (1, told)
    forge(database, "UPDATE audit_log SET reason = 'x'")
    lines = core(database, "verify-audit").stdout.splitlines()
    assert lines == [
        *(f"Line {each}: changed." for each in ids(database)[:20]),
        "Perhaps more: only the first are told.",
    ]
    done = core(database, "verify-audit", "--noted", "yesterday")
    assert (done.returncode, done.stderr) == (1, "'yesterday' is no head of the audit log, such as 120:5f0c….\n")
