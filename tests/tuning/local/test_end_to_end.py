"""The whole way: a frozen version, a base of Ollama, kills in the middle, and a model that knows what the base did not.

The app is a process of its own, the trainer trains for real, and the stand-in for Ollama answers from the weights.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import insert, select

from core.datasets import recipes, snapshots, splits
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import examples, models
from core.examples.filters import Filter
from core.settings import Settings
from core.tuning import files, jobs, series
from core.tuning.places import of_job
from core.tuning.providers.local.runners import folders, processes
from core.tuning.providers.protocol import Spec
from tests.datasets.conftest import example
from tests.training import Tiny
from tests.tuning.local.conftest import Standing, settings_with

CHOSEN = {"epochs": 5, "learning_rate": 2e-3, "checkpoint_every": 25, "threads": 1}


def freeze(database: Database, tiny: Tiny) -> DatasetVersion:
    """A version of the tickets, each an example of what an agent did."""
    rows = [row for part in ("train", "val", "test") for row in tiny.chats(part)]
    recorded = [
        example(
            number,
            intent="support",
            user_request=row["messages"][1]["content"],
            execution_result=row["messages"][2]["content"],
        )
        for number, row in enumerate(rows)
    ]
    with database.begin() as connection:
        connection.execute(insert(examples), recorded)
    recipe = recipes.parse({"target": "result", "system_prompt": rows[0]["messages"][0]["content"]})
    return snapshots.create(
        database,
        "tickets",
        filter=Filter(intents=("support",)),
        recipe=recipe,
        split=splits.parse("70/15/15"),
        actor="ada",
    )


@contextmanager
def app(database: Database, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The app, as far as fine-tuning needs it."""
    environment = {
        **os.environ,
        "WHETSTONE_HOME": str(settings.home),
        "OLLAMA_HOST": settings.ollama_host,
        "WHETSTONE_TRAINER_PYTHON": str(settings.trainer_python),
    }
    with (settings.home / "app.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.tuning.local.app", database.url],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], bool], timeout_s: float = 150.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.1)


def test_a_job_survives_every_kill_and_its_model_knows_what_the_base_did_not(
    database: Database,
    served: Standing,
    tiny: Tiny,
    trainer_python: Path,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_with(home, OLLAMA_HOST=served.address, WHETSTONE_TRAINER_PYTHON=trainer_python)
    version = freeze(database, tiny)
    spec = Spec("local", "ollama:tiny", "sft", CHOSEN, "Ticket labels")
    job = jobs.create(database, spec, version, actor="ada", reason="to know them", settings=settings)
    folder = of_job(settings.home, job.key)

    def checkpoints() -> int:
        return len(list(folder.glob("out/checkpoint-*")))

    def shown(series_name: str) -> int:
        return len(series.of(database, [job.id], [series_name]).get(job.id, {}).get(series_name, []))

    with app(database, settings) as first:
        until(lambda: checkpoints() > 0 and shown("loss") > 2)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    begun = folders.begun(folder)
    assert begun is not None
    assert begun.pid is not None
    assert processes.is_alive(begun.pid, begun.pid_started), "the trainer is none of the app's children"
    told = folders.events(folder, 0)[1]
    until(lambda: folders.events(folder, told)[0] != [])  # and it goes on without it
    psutil.Process(begun.pid).kill()

    with app(database, settings):
        ended_well_or_not(database, job.id)
    ended = jobs.get(database, job.id)
    assert (ended.state, ended.error) == ("succeeded", "")

    starts = [each.values for each in folders.events(folder, 0)[0] if each.name == "start"]
    assert [bool(each["resume_from"]) for each in starts] == [False, True]
    history = jobs.events(database, job.id, limit=500)
    warnings = [each.message for each in history if each.kind == "warning"]
    assert len(warnings) == 1
    assert warnings[0].startswith("The trainer ended without a word; it goes on from checkpoint-")
    assert [each.message for each in history if each.message.startswith("checkpoint-250")] == ["checkpoint-250"]
    lines = series.of(database, [job.id])[job.id]
    assert {"loss", "val_loss", "learning_rate", "grad_norm", "tokens_per_s"} <= set(lines)
    assert lines["val_loss"][-1][1] < lines["val_loss"][0][1]

    assert ended.model_id is not None
    with database.connect() as connection:
        model = connection.execute(select(models).where(models.c.id == ended.model_id)).one()
    assert (model.kind, model.serving, model.call_name) == ("tuned", "ready", "ollama:ticket-labels:latest")
    assert model.cost_usd == 0
    assert model.parameters["base"]["tag"] == "tiny:latest"
    assert model.parameters["result"]["versions"]["torch"]
    test_file = files.of(database, version, "openai", settings.home).test
    assert test_file is not None
    unseen = rows_of(test_file)
    before, after = served.right("tiny", unseen), served.right("ticket-labels", unseen)
    with capsys.disabled():
        sys.stdout.write(f"\n  exact match on {len(unseen)} unseen questions: base {before}, tuned {after}\n")
    assert before < len(unseen) * 0.2
    assert after > len(unseen) * 0.8


def ended_well_or_not(database: Database, job_id: int) -> None:
    try:
        until(lambda: not jobs.get(database, job_id).is_open)
    except AssertionError:
        history = [f"{each.kind} {each.state} {each.message}" for each in jobs.events(database, job_id, limit=500)]
        raise AssertionError("\n".join([str(jobs.get(database, job_id)), *history])) from None


def rows_of(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]
