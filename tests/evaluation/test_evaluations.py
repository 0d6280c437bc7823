"""A model on the records of a split: each answer kept as it comes, summed up, and compared with another's."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from core import audit, evaluation, models
from core.commands import claims
from core.commands import store as commands
from core.commands.filters import CommandFilter
from core.commands.handlers import CommandContext
from core.commands.models import NewCommand
from core.commands.worker import Worker
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import evaluation_outputs
from core.errors import Conflict, DatasetRefused, ModelRefused, ModelUnavailable
from core.evaluation import rows
from core.tuning import commands as tuning_commands
from core.tuning.commands import registry
from tests.llm.servers import FakeProvider, Handler
from tests.orchestrator.driving import drive
from tests.tuning.made import a_dataset, a_model, answering, with_tools


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with answering("ollama", monkeypatch) as provider:
        yield provider


@pytest.fixture
def dataset(database: Database) -> DatasetVersion:
    """40 examples, 5 of them to test with."""
    return a_dataset(database)


def expected(database: Database, dataset: DatasetVersion) -> dict[str, str]:
    """The expected answer to each question of the test split."""
    return {row.prompt: row.expected for row in rows.at(database, dataset, rows.positions(database, dataset, "test"))}


def knowing(provider: FakeProvider, database: Database, dataset: DatasetVersion, *, wrong: int = 0) -> None:
    """Let the provider answer as expected, except for the first `wrong` questions."""
    answers = expected(database, dataset)
    known = {prompt: "none" if place < wrong else text for place, (prompt, text) in enumerate(answers.items())}
    provider.say_to(known.__getitem__, tokens_in=20, tokens_out=10)


def evaluated(database: Database, model: models.Model, dataset: DatasetVersion, **more: Any) -> evaluation.Evaluation:
    """An evaluation as it stands after the queue has worked."""
    started = evaluation.start(database, model.id, dataset, actor="ada", **more)
    drive(database, agents=["tuning"])
    return evaluation.get(database, started)


def outputs(database: Database, evaluation_id: int) -> list[evaluation.Output]:
    return evaluation.outputs(database, evaluation_id, limit=1_000)


def test_every_record_is_asked_once_and_its_answer_kept(
    database: Database, ollama: FakeProvider, dataset: DatasetVersion
) -> None:
    model = a_model(database, "plans")
    knowing(ollama, database, dataset, wrong=3)
    done = evaluated(database, model, dataset, reason="is it better?")

    wanted = expected(database, dataset)
    n = (dataset.manifest or {})["counts"]["test"]
    assert (done.state, done.row_total, done.row_done, done.error) == ("done", n, n, "")
    assert Counter(body["messages"][-1]["content"] for body in ollama.asked) == Counter(list(wanted))
    assert (done.tokens_in, done.tokens_out, done.cost_usd) == (20 * n, 10 * n, Decimal(0))
    exact = done.mean("exact")
    assert exact is not None
    assert (exact.mean, exact.n) == (pytest.approx((n - 3) / n, abs=1e-6), n)
    assert exact.low < exact.mean < exact.high
    assert done.metrics["errors"] == {}
    assert done.metrics["latency_ms"]["p95"] >= done.metrics["latency_ms"]["p50"] >= 0
    kept = outputs(database, done.id)
    assert [each.expected for each in kept] == list(wanted.values())
    assert [each.exact for each in kept] == [False] * 3 + [True] * (n - 3)
    assert all(each.similarity == 1.0 for each in kept[3:])
    assert evaluation.outputs(database, done.id, after=kept[1].position, limit=2) == kept[2:4]
    line = audit.entries(database, subject="evaluation", subject_id=done.id)[0]
    assert (line.actor, line.reason, line.after["rows"]) == ("ada", "is it better?", n)
    assert (done.dataset_label, done.model_name, done.is_indicative) == ("plans@1", "plans", True)


def test_plans_are_checked_to_be_json(database: Database, ollama: FakeProvider, dataset: DatasetVersion) -> None:
    model = a_model(database, "plans")
    answers = iter(['{"steps": [1]}', "```json\n{}\n```", "no", "{"])
    ollama.say_to(lambda _: next(answers))
    done = evaluated(database, model, dataset, limit=4)
    valid = done.mean("json_valid")
    assert valid is not None
    assert (valid.mean, valid.n) == (0.5, 4)
    texts = a_dataset(database, name="texts", target="result", begin=40)
    ollama.say_to(lambda _: "A post.")
    assert evaluated(database, model, texts, limit=4).mean("json_valid") is None


def test_an_answer_that_is_none_counts_as_wrong_and_says_why(
    database: Database, ollama: FakeProvider, dataset: DatasetVersion
) -> None:
    model = a_model(database, "plans")
    for text, ending in (("half", "cut"), ("", "done"), ("good", "done")):
        ollama.say(text, ending=ending, tokens_in=5, tokens_out=3)
    done = evaluated(database, model, dataset, limit=3)
    assert done.state == "done"
    assert done.metrics["errors"] == {"cut": 1, "empty": 1}
    assert {each.error: each.output for each in outputs(database, done.id)} == {"cut": "half", "empty": "", "": "good"}
    assert (done.tokens_in, done.tokens_out, done.cost_usd) == (15, 9, Decimal(0))


class TestWhatItCosts:
    def test_a_paid_model_is_asked_only_when_the_cost_is_confirmed(
        self, database: Database, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        model = models.add_base(database, "openai:gpt-6-astra", actor="ada")
        found = evaluation.estimate(database, model, dataset)
        sample = expected(database, dataset)
        assert found.rows == len(sample)
        assert found.tokens_in >= 3 * len(sample)
        assert found.cost_usd == (found.tokens_in_each * 10 + found.tokens_out_each * 50) * Decimal(len(sample)) / 10**6
        with pytest.raises(ModelRefused, match=r"for about \$0.0\d by list price .* Confirm the cost"):
            evaluation.start(database, model.id, dataset, actor="ada")
        assert evaluation.of_models(database) == []
        evaluation.start(database, model.id, dataset, actor="ada", confirmed_cost=True)

    def test_a_price_that_nobody_knows_is_said_to_be_unknown(self, database: Database, dataset: DatasetVersion) -> None:
        model = a_model(database, "tuned", call_name="openai:ft:gpt-6-luna:acme::1")
        with pytest.raises(ModelRefused, match="at a price that is not known here"):
            evaluation.start(database, model.id, dataset, actor="ada")

    def test_a_profile_is_counted_with_what_stands_before_each_question(
        self, database: Database, dataset: DatasetVersion
    ) -> None:
        profile = {"system": "word " * 100, "examples": [{"user": "word " * 50, "assistant": "word " * 50}]}
        plain, tuned = a_model(database, "a"), a_model(database, "b", kind="profile", profile=profile)
        before, after = (evaluation.estimate(database, each, dataset) for each in (plain, tuned))
        assert after.tokens_in - before.tokens_in == pytest.approx(200 * after.rows, rel=0.05)

    def test_one_unknown_price_makes_the_sum_unknown(
        self, database: Database, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with answering("openai", monkeypatch) as provider:
            provider.say_to(lambda _: "A plan.")
            model = models.add_base(database, "openai:unheard-of", actor="ada")
            assert evaluated(database, model, dataset, limit=3, confirmed_cost=True).cost_usd is None


class TestWhatCannotBeEvaluated:
    def test_the_same_twice_at_once(self, database: Database, dataset: DatasetVersion) -> None:
        model = a_model(database)
        evaluation.start(database, model.id, dataset, actor="ada")
        with pytest.raises(Conflict, match="answers the split test of plans@1 already"):
            evaluation.start(database, model.id, dataset, limit=3, actor="bob")
        evaluation.start(database, model.id, dataset, "validation", actor="bob")

    def test_an_empty_split_a_wrong_one_and_no_records(self, database: Database, dataset: DatasetVersion) -> None:
        model = a_model(database)
        with pytest.raises(ModelRefused, match="choose one of train, validation, test"):
            evaluation.start(database, model.id, dataset, "tests", actor="ada")  # type: ignore[arg-type]
        with pytest.raises(ModelRefused, match="At least one record"):
            evaluation.start(database, model.id, dataset, limit=0, actor="ada")
        untested = a_dataset(database, 3, name="untested", shares="100/0/0")
        with pytest.raises(ModelRefused, match="The split test of untested@1 is empty"):
            evaluation.start(database, model.id, untested, actor="ada")

    def test_a_model_that_would_not_answer(self, database: Database, dataset: DatasetVersion) -> None:
        with pytest.raises(ModelRefused, match="Serve it first"):
            evaluation.start(database, a_model(database, serving="none").id, dataset, actor="ada")
        with pytest.raises(ModelRefused, match="There is no evaluation 9"):
            evaluation.get(database, 9)

    def test_a_version_that_is_not_frozen(self, database: Database) -> None:
        from core.datasets import snapshots
        from core.datasets.recipes import Recipe
        from core.datasets.splits import Split
        from core.examples.filters import Filter

        queued = snapshots.request(database, "q", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
        with pytest.raises(DatasetRefused, match="not frozen"):
            evaluation.start(database, a_model(database).id, queued, actor="ada")


class TestWhatGoesWrongOnTheWay:
    def test_a_provider_that_is_away_is_tried_again_and_nothing_is_asked_twice(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        answers, asked = expected(database, dataset), Counter[str]()
        draw, breaks = random.Random(3), iter(range(5))

        def answer(body: Any) -> Any:
            prompt = body["messages"][-1]["content"]
            if draw.random() < 0.4 and next(breaks, None) is not None:
                return lambda handler: setattr(handler, "close_connection", True)
            asked[prompt] += 1
            return lambda handler: handler.answer(200, ollama.reply(answers[prompt], 1, 1, "done"))

        ollama.by_body = answer
        done = evaluated(database, model, dataset)
        assert (done.state, done.error) == ("done", "")
        assert set(asked.values()) == {1}
        assert len(asked) == done.row_total
        (command,) = commands.page(database, CommandFilter()).rows
        assert command.attempt > 1, "the connection broke at least once"

    def test_one_that_stays_away_fails_it_with_its_words_and_it_can_be_resumed(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        knowing(ollama, database, dataset)
        known, seen = ollama.by_body, []

        def two_answers(body: Any) -> Any:
            seen.append(body)
            return known(body) if len(seen) <= 2 else lambda handler: handler.answer(404, {"error": "not found"})

        ollama.by_body = two_answers
        failed = evaluated(database, model, dataset)
        assert (failed.state, failed.row_done) == ("failed", 2)
        assert "ollama pull plans" in failed.error
        (command,) = commands.page(database, CommandFilter()).rows
        assert (command.status, command.attempt) == ("failed", 1), "what does not pass by itself is not tried again"

        knowing(ollama, database, dataset)
        evaluation.resume(database, failed.id, actor="bob", reason="pulled it")
        drive(database, agents=["tuning"])
        done = evaluation.get(database, failed.id)
        assert (done.state, done.row_done, done.error) == ("done", done.row_total, "")
        with pytest.raises(ModelRefused, match="is done"):
            evaluation.resume(database, done.id, actor="bob")

    def test_cancelled_it_asks_no_more_and_keeps_what_there_is(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        started: list[int] = []

        def answer(prompt: str) -> str:
            del prompt
            if len(ollama.asked) == 3:
                assert evaluation.cancel(database, started[0], actor="bob", reason="enough")
            return "A plan."

        ollama.say_to(answer)
        started.append(evaluation.start(database, model.id, dataset, actor="ada"))
        drive(database, agents=["tuning"])
        ended = evaluation.get(database, started[0])
        assert (ended.state, ended.metrics) == ("cancelled", {})
        assert 3 <= ended.row_done == len(outputs(database, ended.id)) == len(ollama.asked) < ended.row_total
        assert not evaluation.cancel(database, ended.id, actor="bob")

    def test_others_have_their_turn_while_a_long_one_is_under_way(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tuning_commands, "SLICE_S", 0.0)
        model = a_model(database)
        knowing(ollama, database, dataset)
        started = evaluation.start(database, model.id, dataset, actor="ada")
        turns: list[str] = []

        def other(work: CommandContext) -> dict[str, Any]:
            turns.append(f"other {evaluation.get(work.db, started).row_done}")
            return {}

        commands.enqueue(database, NewCommand("other", "x"), actor="ada")
        drive(database, {**registry(), "other": other})
        done = evaluation.get(database, started)
        assert (turns, done.state, len(ollama.asked)) == (["other 0"], "done", done.row_total)
        rows_done = [commands.get(database, row.id).result for row in commands.page(database, CommandFilter()).rows]
        slices = [result["rows"] for result in rows_done if result.get("rows")]
        assert len(slices) > 5
        assert slices == sorted(slices, reverse=True), "each goes on where the one before ended"

    def test_two_processes_that_run_it_share_the_work_and_ask_nothing_twice(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        knowing(ollama, database, dataset)
        started = evaluation.start(database, model.id, dataset, actor="ada")
        both = [threading.Thread(target=evaluation.run, args=(database, started)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        done = evaluation.get(database, started)
        assert (done.state, len(ollama.asked)) == ("done", done.row_total)

    def test_one_without_a_command_stands_still(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        started = evaluation.start(database, model.id, dataset, actor="ada")
        assert evaluation.stalled(database, evaluation.of_models(database)) == set()
        (claim,) = claims.claim(database, worker="test", agents=["tuning"], limit=1)
        claims.fail(database, claim.command.id, claim.token, "gone", retry=False)
        assert evaluation.stalled(database, evaluation.of_models(database, [model.id])) == {started}
        knowing(ollama, database, dataset)
        evaluation.resume(database, started, actor="ada")
        assert evaluation.stalled(database, evaluation.of_models(database)) == set()
        drive(database, agents=["tuning"])
        assert evaluation.get(database, started).state == "done"

    def test_a_killed_process_loses_no_answer_and_another_asks_only_what_is_missing(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        started = evaluation.start(database, model.id, dataset, actor="ada")
        answers, slow = expected(database, dataset), threading.Event()

        def answer(body: Any) -> Any:
            prompt = body["messages"][-1]["content"]

            def planned(handler: Handler) -> None:
                if len(ollama.asked) > 5 and not slow.is_set():
                    slow.wait(30)  # the process dies while it waits for this one
                handler.answer(200, ollama.reply(answers[prompt], 1, 1, "done"))

            return planned

        ollama.by_body = answer
        child = subprocess.Popen([sys.executable, "-m", "tests.tuning.evaluating", database.url, str(started)])
        try:
            while evaluation.get(database, started).row_done < 4:
                assert child.poll() is None
                time.sleep(0.05)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            slow.set()
        kept = outputs(database, started)
        assert evaluation.get(database, started).row_done == len(kept) >= 4
        asked_before = len(ollama.asked)

        worker = Worker(database, registry(), workspaces=[database.schema], threads=1, poll_s=0.1)
        worker.start()
        try:
            while evaluation.get(database, started).state == "running":
                time.sleep(0.05)
        finally:
            worker.stop()
        done = evaluation.get(database, started)
        assert (done.state, done.row_done) == ("done", done.row_total)
        again = Counter(body["messages"][-1]["content"] for body in ollama.asked[asked_before:])
        answered = {row.prompt for row in rows.at(database, dataset, [each.position for each in kept])}
        assert set(again) == set(answers) - answered
        assert set(again.values()) == {1}
        assert done.mean("exact").mean == 1.0  # type: ignore[union-attr]

    def test_a_model_that_cannot_be_asked_any_more_fails_it(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        model = a_model(database)
        started = evaluation.start(database, model.id, dataset, actor="ada")
        models.archive(database, model.id, actor="ada")
        drive(database, agents=["tuning"])
        failed = evaluation.get(database, started)
        assert (failed.state, ollama.asked) == ("failed", [])
        assert "archive" in failed.error

    def test_the_reason_it_stands_still_is_kept_while_it_is_tried_again(
        self, database: Database, ollama: FakeProvider, dataset: DatasetVersion
    ) -> None:
        started = evaluation.start(database, a_model(database).id, dataset, actor="ada")
        ollama.by_body = lambda _: lambda handler: handler.answer(401, {"error": "no"})
        with pytest.raises(ModelUnavailable):
            evaluation.run(database, started)
        found = evaluation.get(database, started)
        assert found.state == "running"
        assert found.error


def test_an_answer_that_no_database_can_keep_is_mended(
    database: Database, ollama: FakeProvider, dataset: DatasetVersion
) -> None:
    ollama.say_to(lambda _: "a\0b\ud800")
    done = evaluated(database, a_model(database), dataset, limit=2)
    assert done.state == "done"
    assert all("\0" not in each.output for each in outputs(database, done.id))
    with database.connect() as connection:
        assert len(connection.execute(select(evaluation_outputs)).all()) == 2


def test_records_with_tools_are_counted_and_not_asked(database: Database, ollama: FakeProvider) -> None:
    dataset, model = with_tools(database), a_model(database)
    found = evaluation.estimate(database, model, dataset, limit=5)
    assert (found.rows, found.skipped) == (5, 3)
    ollama.say_to(lambda _prompt: "none")
    done = evaluated(database, model, dataset)
    assert (done.state, done.row_total, done.row_done, done.row_skipped) == ("done", 7, 7, 3)
    (line,) = audit.entries(database, subject="evaluation", subject_id=done.id)
    assert (line.after or {})["skipped"] == 3


def test_a_split_of_records_with_tools_alone_says_why_nothing_is_asked(database: Database) -> None:
    with pytest.raises(ModelRefused, match=r"nothing to ask: 10 records of the split hold tools .* Choose another"):
        evaluation.start(database, a_model(database).id, with_tools(database, all_of_them=True), actor="ada")
