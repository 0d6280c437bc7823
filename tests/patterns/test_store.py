"""Patterns as they are kept, decided on and told to the planner."""

import datetime as dt

import pytest
from sqlalchemy import insert, text

from core import audit, patterns
from core.commands.models import NewCommand
from core.commands.store import enqueue
from core.commands.store import get as command
from core.db import Database
from core.db.tables import examples, executions, learning_patterns
from core.errors import UnknownPattern
from core.examples import tagging
from core.examples.filters import Filter
from core.orchestrator.material import context
from core.orchestrator.plans import Request
from core.patterns import experiment, running, store
from tests.orchestrator.driving import drive

_EVERYTHING = Filter(exclude_tags=())


@pytest.fixture
def planted(database: Database) -> Database:
    plant(database)
    return database


def plant(db: Database) -> None:
    """600 examples; those of the intent `thread` do well, and the rest does not."""
    _write(db, 600)


def _write(db: Database, rows: int, *, swapped: bool = False) -> None:
    made = [
        {
            "execution_id": f"{swapped}-{number}",
            "user_request": f"Say {number}",
            "intent": "thread" if number % 3 == 0 else "memo",
            "quality_score": (0.9 if (number % 3 == 0) != swapped else 0.3) if number % 10 else 0.85,
            "created_at": dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC),
        }
        for number in range(rows)
    ]
    with db.begin() as connection:
        connection.execute(insert(examples), made)


def _of_thread(db: Database, states: tuple[patterns.State, ...] = ("new", "accepted")) -> patterns.Kept:
    found = [each for each in patterns.patterns(db, states=states) if ("intent", "thread") in each.items]
    assert len(found) == 1
    return found[0]


def test_what_is_found_is_kept_with_every_figure(planted: Database) -> None:
    run = patterns.mine(planted, _EVERYTHING, actor="ada", reason="to see")
    assert (run.discovered, run.validated, run.decayed) == (1, 0, 0)
    assert run.examples == {"quality": 600, "success": 0}
    assert run.refused == {"success": "0 examples have a known outcome; fewer than 200 can show nothing."}
    kept = _of_thread(planted)
    assert (kept.state, kept.outcome, kept.threshold, kept.n) == ("new", "quality", 0.8, 200)
    assert kept.confidence == pytest.approx(1.0)
    assert kept.rest == pytest.approx(0.1)
    assert kept.sentence == (
        "Examples whose intent is thread reach a quality of 0.8 in 100% of 200 cases, and the others in 10%: "
        "2.50 times as often as all, +86 to +93 points."
    )
    with planted.connect() as connection:
        row = connection.execute(learning_patterns.select()).one()
    assert row.related_intents == ["thread"]
    assert row.related_tags == []
    assert row.improves_quality
    assert row.avg_quality_improvement == pytest.approx(kept.quality)
    assert row.validation_count == 1
    assert all(row._mapping[name] is not None for name in ("discovered_at", "last_validated_at", "support_count"))
    line = audit.entries(planted, subject="patterns")[0]
    assert (line.actor, line.action, line.reason) == ("ada", "mine", "to see")


def test_it_is_validated_by_each_run_decays_and_comes_back(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    first = _of_thread(planted)
    assert patterns.mine(planted, _EVERYTHING, actor="ada").validated == 1
    assert _of_thread(planted).validations == 2
    _write(planted, 600, swapped=True)
    assert patterns.mine(planted, _EVERYTHING, actor="ada").decayed == 1
    gone = patterns.get(planted, first.id)
    assert gone.state == "decayed"
    with planted.begin() as connection:
        connection.execute(
            text("UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE execution_id LIKE 'True%'")
        )
    patterns.mine(planted, _EVERYTHING, actor="ada")
    assert _of_thread(planted).id == first.id
    events = [change.event for change in patterns.history(planted, first.id)]
    assert events == ["validated", "decayed", "validated", "discovered"]


def test_what_could_show_nothing_decays_nothing(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    with planted.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE id > 100"))
    run = patterns.mine(planted, _EVERYTHING, actor="ada")
    assert run.decayed == 0
    assert "fewer than 200" in run.refused["quality"]
    assert _of_thread(planted).state == "new"


def test_another_score_says_nothing_against_what_was_found(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    run = patterns.mine(planted, _EVERYTHING, threshold=0.87, actor="ada")
    assert (run.discovered, run.decayed) == (1, 0)
    assert sorted(each.threshold or 0 for each in patterns.patterns(planted)) == [0.8, 0.87]


def test_another_filter_has_patterns_of_its_own(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    run = patterns.mine(planted, Filter(intents=("thread", "memo")), actor="ada")
    assert (run.discovered, run.decayed) == (1, 0)
    assert len(patterns.patterns(planted)) == 2


def test_a_retired_pattern_stays_retired_and_can_be_taken_back(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    kept = patterns.retire(planted, _of_thread(planted).id, actor="bob", reason="of no use")
    assert kept.state == "retired"
    patterns.mine(planted, _EVERYTHING, actor="ada")
    assert patterns.get(planted, kept.id).state == "retired"
    assert patterns.patterns(planted) == []
    assert patterns.restore(planted, kept.id, actor="bob", reason="after all").state == "new"
    line = audit.entries(planted, subject="pattern")[0]
    assert (line.actor, line.action, line.before, line.after) == (
        "bob",
        "restored",
        {"state": "retired"},
        {"state": "new"},
    )


def test_a_pattern_that_had_decayed_is_not_in_use_again_because_it_was_taken_back(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    kept = patterns.accept(planted, _of_thread(planted).id, actor="bob", reason="of use")
    with planted.begin() as connection:
        connection.execute(text("UPDATE orchestrator_training_data SET quality_score = 0.3 + 0.6 * (id % 2)"))
    assert patterns.mine(planted, _EVERYTHING, actor="ada").decayed == 1
    before = patterns.get(planted, kept.id).state
    patterns.retire(planted, kept.id, actor="bob", reason="of no use")
    assert (before, patterns.restore(planted, kept.id, actor="bob", reason="after all").state) == ("decayed", "decayed")


def test_an_unknown_pattern_is_told_as_such(database: Database) -> None:
    for act in (patterns.accept, patterns.unaccept, patterns.retire, patterns.restore):
        with pytest.raises(UnknownPattern, match="There is no pattern 'nothere'"):
            act(database, "nothere", actor="ada", reason="")
    with pytest.raises(UnknownPattern):
        patterns.history(database, "nothere")


def test_it_opens_its_examples_and_those_against_it(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    kept = _of_thread(planted)
    assert len(patterns.ids_of(planted, kept)) == 200
    shown = patterns.examples_of(planted, kept, limit=10)
    assert len(shown) == 10
    assert {row.intent for row in shown} == {"thread"}
    assert patterns.examples_of(planted, kept, did_well=False) == []
    assert len(patterns.ids_of(planted, kept, did_well=True)) == 200
    act = tagging.add_tags(planted, list(patterns.ids_of(planted, kept)), ["THREADS"], actor="ada", reason="a pattern")
    assert act.count == 200


def test_the_planner_is_told_of_what_a_person_accepted(planted: Database) -> None:
    patterns.mine(planted, _EVERYTHING, actor="ada")
    asked = Request("Say something", intent="thread")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    assert context.gather(planted, asked, as_of=later).patterns.n == 0
    kept = patterns.accept(planted, _of_thread(planted).id, actor="bob", reason="plausible")
    assert (kept.state, kept.accepted_by) == ("accepted", "bob")
    told = context.gather(planted, asked, as_of=later).patterns
    assert [item["pattern_id"] for item in told.items] == [kept.id]
    assert context.gather(planted, Request("Say something", intent="memo"), as_of=later).patterns.n == 0
    patterns.unaccept(planted, kept.id, actor="bob", reason="no")
    assert context.gather(planted, asked, as_of=later).patterns.n == 0


class TestTheExperiment:
    def test_half_of_the_executions_do_without(self, planted: Database) -> None:
        patterns.mine(planted, _EVERYTHING, actor="ada")
        patterns.accept(planted, _of_thread(planted).id, actor="bob", reason="plausible")
        later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        asked = Request("Say something", intent="thread")
        assert experiment.switch(planted, True, actor="ada", reason="does it help")
        assert not experiment.switch(planted, True, actor="ada", reason="again")
        seen = {}
        for number in range(40):
            name = f"execution {number}"
            known = context.gather(planted, asked, as_of=later, leave_out=name).patterns
            assert known.is_tried
            assert known.n == 1
            assert bool(known.items) != known.withheld
            seen[name] = known.withheld
            assert known.withheld == experiment.is_withheld(name)
        assert 10 <= sum(seen.values()) <= 30
        assert not context.gather(planted, asked, as_of=later).patterns.is_tried

    def test_its_effect_is_the_difference_of_the_means(self, database: Database) -> None:
        assert "two on each side" in experiment.effect(database).sentence
        scores = {False: [0.9, 0.8, 0.85, 0.9], True: [0.3, 0.4, 0.35]}
        rows = [
            _execution(f"{withheld}{number}", withheld, score)
            for withheld, values in scores.items()
            for number, score in enumerate(values)
        ]
        rows.append(_execution("not scored", False, None))
        with database.begin() as connection:
            connection.execute(insert(executions), rows)
        found = experiment.effect(database)
        assert (found.with_n, found.without_n) == (4, 3)
        assert found.difference is not None
        assert found.difference.value == pytest.approx(0.8625 - 0.35)
        assert "hints help" in found.sentence


def _execution(name: str, withheld: bool, score: float | None) -> dict[str, object]:
    return {
        "execution_id": name,
        "request": "x",
        "created_by": "test",
        "score": score,
        "context": {"patterns": {"is_tried": True, "withheld": withheld}},
    }


class TestInTheQueue:
    def test_a_worker_mines(self, planted: Database) -> None:
        number = running.request(planted, _EVERYTHING, actor="ada")
        assert running.request(planted, _EVERYTHING, actor="bob") == number
        drive(planted, agents=["patterns"])
        done = command(planted, number)
        assert done.status == "completed"
        assert done.result["discovered"] == 1
        assert patterns.runs(planted)[0].actor == "ada"

    @pytest.mark.parametrize("payload", [{"threshold": 3}, {"threshold": "x"}, {"filter": {"nope": 1}}, {"filter": 3}])
    def test_a_command_that_makes_no_sense_is_refused(self, database: Database, payload: dict[str, object]) -> None:
        number = enqueue(database, NewCommand("patterns", "mine", payload), actor="ada")
        drive(database, agents=["patterns"])
        assert command(database, number).status == "failed"
        assert patterns.runs(database) == []

    def test_it_is_due_after_so_many_executions(self, planted: Database) -> None:
        assert running.due(planted) == []
        patterns.mine(planted, _EVERYTHING, actor="ada")
        assert running.due(planted, every=3) == []
        with planted.begin() as connection:
            connection.execute(
                insert(executions),
                [
                    {"execution_id": str(at), "request": "x", "created_by": "t", "status": "completed"}
                    for at in range(3)
                ],
            )
        assert [each.action for each in running.due(planted, every=3)] == ["mine"]
        assert store.ended_since(planted) == 3
