"""The commands about models, in this process and as a program."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from core import deployments, evaluation, models
from core.__main__ import registered
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.settings import get_settings
from tests.cli.test_commands import core
from tests.tuning.made import a_dataset, a_model, an_evaluation, answering, with_tools

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command against this test's database."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("WHETSTONE_ACTOR", "ada")
    get_settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(registered(), arguments)
    get_settings.cache_clear()


@pytest.fixture
def dataset(database: Database) -> DatasetVersion:
    return a_dataset(database)


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_models_are_listed_with_what_they_are_worth(run: Run, database: Database, dataset: DatasetVersion) -> None:
    assert "There is no model yet" in run("models").stdout
    model = a_model(database, "plans", dataset_id=dataset.id)
    done = an_evaluation(database, model, dataset.id, [True])
    with database.begin() as connection:
        mean = '{"exact": {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 16}}'
        connection.exec_driver_sql(f"UPDATE evaluations SET metrics = '{mean}' WHERE id = {done}")
    a_model(database, "p", kind="profile", profile={"system": "x", "examples": []})
    deployments.deploy(database, "plans", actor="ada")
    text = run("models").stdout.splitlines()
    assert text[0].split() == ["2", "p", "profile", "(prompt)", "ollama:p"]
    assert text[1].startswith("*    1  plans  tuned  ollama:plans  exact 0.500 (0.250 to 0.750, n 16) on plans@1 test")
    facts = told(run("models", "--kind", "tuned", "--json"))
    assert [(each["name"], each["in_use"], each["evaluation"]["id"]) for each in facts] == [("plans", True, done)]
    assert run("models", "--kind", "large").exit_code == 2


def test_a_model_tells_its_lineage(run: Run, database: Database, dataset: DatasetVersion) -> None:
    artefacts = [{"name": "adapter.gguf", "sha256": "ab" * 32}]
    a_model(database, "plans", dataset_id=dataset.id, parameters={"epochs": 3, "list": [1]}, artefacts=artefacts)
    run("deploy", "plans", "--reason", "good enough for now")
    run("undeploy", "--reason", "was not")
    text = run("model", "plans").stdout
    for part in (
        "dataset  plans@1 (train ",
        "job      1, succeeded, by ada",
        "epochs = 3",
        f"{'ab' * 32} adapter.gguf",
        "(was not), by ada: good enough for now",
    ):
        assert part in text, part
    facts = told(run("model", "1", "--json"))
    assert (facts["dataset"], facts["job"]["id"], len(facts["deployments"])) == ("plans@1", 1, 1)
    assert facts["parameters"] == {"epochs": 3, "list": [1]}


def test_deploying_and_the_way_back(run: Run, database: Database) -> None:
    a_model(database, "one")
    assert told(run("add-model", "openai:gpt-6-luna", "--name", "luna", "--json"))["kind"] == "base"
    run("deploy", "one")
    assert told(run("deploy", "luna", "--reason", "to compare", "--json"))["replaced"] == "ollama:one"
    assert "Rolled back: one is in use" in run("rollback").stdout
    facts = told(run("rollback", "--json"))
    assert facts == {"now": None, "planner": ""}
    refused = run("rollback")
    assert (refused.exit_code, "No model is deployed" in refused.stderr) == (1, True)
    assert [each.actor for each in deployments.history(database)] == ["ada"] * 3


def test_evaluating_and_comparing(
    run: Run, database: Database, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        a_model(database, name)
    with answering("ollama", monkeypatch) as provider:
        provider.say_to(lambda _: "A plan.")
        first = told(run("evaluate", "one", "plans@1", "--limit", "4", "--wait", "--json"))
        assert (first["state"], first["row_done"], first["metrics"]["exact"]["mean"]) == ("done", 4, 0.0)
        text = run("evaluate", "two", "plans", "--limit", "6", "--wait").stdout
        assert "Evaluation 2: two, exact 0.000" in text
        assert "indicative only, for $0.0000." in text
        waiting = told(run("evaluate", "one", "plans", "--split", "train", "--json"))
        assert (waiting["state"], waiting["row_done"]) == ("running", 0)
    facts = told(run("compare", "1", "2", "--json"))
    assert (facts["n"], facts["neither"], facts["p"], facts["verdict"], facts["indicative"]) == (
        4,
        4,
        1.0,
        "no clear difference",
        True,
    )
    assert "On 4 records of plans@1 (test) one alone" in run("compare", "1", "2").stdout
    assert "only answers to the same records" in run("compare", "1", "3").stderr


def test_what_costs_something_is_confirmed(run: Run, database: Database, dataset: DatasetVersion) -> None:
    models.add_base(database, "openai:unheard-of", actor="ada")
    refused = run("evaluate", "1", "plans")
    assert (refused.exit_code, "at a price that is not known here" in refused.stderr) == (1, True)
    assert evaluation.of_models(database) == []
    assert run("evaluate", "1", "plans", "--confirm-cost").exit_code == 0


def test_an_evaluation_says_how_many_records_it_does_not_ask(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tools(database)
    with answering("ollama", monkeypatch):
        a_model(database, "one")
        assert told(run("evaluate", "one", "talk", "--json"))["row_skipped"] == 3
        assert "3 records of the split hold tools or calls of tools; they are not asked" in run("model", "one").stdout


def test_a_model_that_ollama_reads_otherwise_shows_both_texts(run: Run, database: Database) -> None:
    sentence = "Ollama does not end messages with <|im_end|>, with which they ended in the training."
    same, other = (
        {
            "name": name,
            "trained": f"<s>{name}\nline",
            "trained_tokens": 9,
            "ollama": f"<s>{name}\n{line}",
            "ollama_tokens": 9,
            "differs": "" if line == "line" else sentence,
            "is_blanks": False,
        }
        for name, line in (("one", "line"), ("two", "other"))
    )
    kept = {"verdict": "different", "sentence": sentence, "conversations": [same, other]}
    a_model(database, "plans", serving="failed", call_name="", serving_remote={"conversations": kept})
    shown = run("model", "plans").stdout
    assert shown.rstrip().endswith(f"{sentence}\nThe training:\n  <s>two\n  line\nOllama:\n  <s>two\n  other")
    assert "<s>one" not in shown


def test_a_failed_evaluation_is_exit_code_1(
    run: Run, database: Database, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_model(database, "one")
    with answering("ollama", monkeypatch) as provider:
        provider.by_body = lambda _: lambda handler: handler.answer(404, {"error": "not found"})
        done = run("evaluate", "one", "plans", "--limit", "2", "--wait")
    assert (done.exit_code, "ollama pull one" in done.stdout) == (1, True)


def test_serving_says_what_there_is_to_say(run: Run, database: Database) -> None:
    models.add_base(database, "ollama:qwen3:4b", actor="ada")
    for act in ("serve", "unserve"):
        done = run(act, "1", "--wait")
        assert (done.exit_code, "its provider serves it" in done.stderr) == (1, True)


def test_as_a_program_it_answers_in_json_and_fails_in_one_line(database: Database) -> None:
    a_model(database, "plans")
    done = core(database, "deploy", "plans", "--reason", "it answers well", "--json", WHETSTONE_ACTOR="bob")
    assert (done.returncode, json.loads(done.stdout)["actor"]) == (0, "bob")
    failed = core(database, "deploy", "nothing", "--json")
    assert (failed.returncode, json.loads(failed.stdout)["kind"]) == (1, "UnknownModel")
    assert failed.stderr.count("\n") == 1


@pytest.mark.asks
def test_a_model_that_does_not_answer_is_deployed_with_a_reason(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_model(database, "nothere")
    with answering("ollama", monkeypatch):
        refused = run("deploy", "nothere")
        assert refused.exit_code == 1
        assert "nothere does not answer: " in refused.stderr
        assert "Say in at least 3 words" in refused.stderr
        assert run("deploy", "nothere", "--reason", "it comes tomorrow").exit_code == 0
