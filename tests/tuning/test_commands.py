"""`tune`, `jobs`, `job` and `cancel`, run in this process against the provider whose server counts."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.main import get_command

from core.__main__ import registered
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.settings import get_settings
from core.tuning import budget, jobs
from core.tuning.engine import poller
from core.tuning.providers.protocol import Obstacle
from tests.commands.conftest import until
from tests.tuning.scripted import Scripted, World
from tests.tuning.test_poller import BRISK

Core = Callable[..., tuple[int, str]]


@pytest.fixture
def core(
    database: Database,
    version: DatasetVersion,
    scripted: Scripted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Core]:
    """Run one command; its exit code and what it printed."""
    module = ModuleType("core.tuning.providers.openai.adapter")
    module.PROVIDER = scripted  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("WHETSTONE_HOME", str(tmp_path))
    monkeypatch.setenv("WHETSTONE_ACTOR", "ada")
    monkeypatch.setattr(poller, "Schedule", lambda: BRISK)
    get_settings.cache_clear()

    def core(*words: str) -> tuple[int, str]:
        try:
            code = get_command(registered()).main(list(words), standalone_mode=False)
        except typer.Exit as left:
            code = left.exit_code
        return code or 0, capsys.readouterr().out

    yield core
    get_settings.cache_clear()


TUNE = ("tune", "plans", "--provider", "openai", "--base", "tiny")


def test_a_job_is_made_and_told_about(core: Core, database: Database, world: World) -> None:
    code, out = core(*TUNE, "--set", "epochs=5", "--set", "rate=auto", "--name", "planner", "--reason", "first try")
    assert code == 0
    assert "1  validating  openai  plans@1 on tiny  up to $3.00" in out
    assert "`python -m core job 1 --follow` does so here" in out
    job = jobs.get(database, 1)
    assert (job.spec.settings, job.name, job.created_by) == ({"epochs": 5, "rate": "auto"}, "planner", "ada")
    assert world.requests == []
    code, out = core(*TUNE, "--json", "--set", "epochs=6")
    said = json.loads(out)
    assert (code, said["id"], said["state"], said["is_open"], said["needs_person"]) == (0, 2, "validating", True, False)
    assert [each["state"] for each in said["events"]] == ["validating"]


def test_followed_alone_it_goes_to_its_end(core: Core, world: World, database: Database) -> None:
    code, out = core(*TUNE, "--follow")
    assert code == 0
    assert "queued" in out
    assert "Step 3 of 3" in out
    assert out.splitlines()[-1] == "1  succeeded  openai  plans@1 on tiny  $2.50  model 'plans@1 on tiny'"
    assert len(world.paid) == 1
    assert core("job", "1", "--follow", "--json")[0] == 0, "what has ended is told at once"


def test_followed_as_json_it_is_one_object(core: Core, world: World) -> None:
    code, out = core(*TUNE, "--follow", "--json")
    said = json.loads(out)
    assert (code, said["state"], said["actual_cost"], said["model_name"]) == (
        0,
        "succeeded",
        "2.500000",
        "plans@1 on tiny",
    )
    assert said["events"][-1]["state"] == "succeeded"


def test_followed_beside_a_leader_it_only_looks_on(
    core: Core, world: World, database: Database, scripted: Scripted
) -> None:
    leader = poller.Poller(database, providers=scripted, schedule=BRISK)
    leader.start()
    try:
        until(lambda: bool(leader.snapshot().leads))
        assert core(*TUNE, "--follow")[0] == 0
        assert leader.snapshot().steps > 0
        assert len(world.paid) == 1
    finally:
        leader.stop()


def test_what_failed_is_an_exit_code_and_says_what_to_do(core: Core, world: World) -> None:
    world.script = ("failed",)
    code, out = core(*TUNE, "--follow")
    assert code == 1
    assert "Error: The examples were refused by moderation." in out
    assert "What to do: Take out what it names." in out


def test_following_ends_where_a_person_is_asked(core: Core, world: World) -> None:
    world.drops, world.finds = 1, False
    code, out = core(*TUNE, "--follow")
    assert code == 0
    assert "A person has to decide." in out
    assert "or submit it again" in out
    code, out = core("job", "1", "--act", "submit-again")
    assert code == 1
    code, out = core("job", "1", "--act", "submit-again", "--reason", "not in the console", "--follow")
    assert code == 0
    assert "paid for twice" in out
    assert len(world.paid) == 2


def test_checked_only_nothing_is_made(core: Core, scripted: Scripted, database: Database) -> None:
    assert core(*TUNE, "--check-only") == (
        0,
        "It can start. It costs $1.00 to $3.00. It takes about 1 minutes. Made up for a test.\n",
    )
    scripted.obstacles = (
        Obstacle("key_missing", "There is no key.", "Set OPENAI_API_KEY."),
        Obstacle("closing", "It closes in 3 days.", "Hurry.", blocks=False),
    )
    code, out = core(*TUNE, "--check-only")
    assert code == 1
    assert out.splitlines()[:2] == ["✗ There is no key. Set OPENAI_API_KEY.", "! It closes in 3 days. Hurry."]
    code, out = core(*TUNE, "--check-only", "--json")
    said = json.loads(out)
    assert (code, said["can_start"], [each["code"] for each in said["obstacles"]]) == (
        1,
        False,
        ["key_missing", "closing"],
    )
    assert jobs.page(database).rows == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("tune", "nothing", "--provider", "openai", "--base", "x"), "UnknownDataset"),
        ((*TUNE, "--set", "epochs"), "TuningRefused"),
        ((*TUNE, "--set", "epochs=many"), "TuningRefused"),
        (("job", "99"), "UnknownJob"),
        (("cancel", "99"), "UnknownJob"),
        (("job", "99", "--act", "explode"), "TuningRefused"),
        (("jobs", "--state", "odd"), "TuningRefused"),
    ],
)
def test_what_is_wrong_is_one_line(core: Core, words: tuple[str, ...], kind: str) -> None:
    code, out = core(*words, "--json")
    assert (code, json.loads(out)["kind"]) == (1, kind)


def test_twice_and_over_the_budget_only_when_asked(core: Core, database: Database) -> None:
    assert core(*TUNE)[0] == 0
    code, out = core(*TUNE, "--json")
    assert (code, json.loads(out)["kind"]) == (1, "AlreadyTrained")
    budget.set_budget(database, 4, actor="ada", reason="")
    code, out = core(*TUNE, "--again", "--json")
    assert (code, json.loads(out)["kind"]) == (1, "OverBudget")
    assert core(*TUNE, "--again", "--over-budget")[0] == 0


def test_listed_and_cancelled(core: Core, database: Database) -> None:
    assert core("jobs") == (0, "There is no such fine-tuning job.\n")
    core(*TUNE)
    core(*TUNE, "--again")
    assert core("cancel", "1", "--reason", "typo") == (0, "Job 1 is cancelled; nothing was sent to OpenAI.\n")
    assert [line.split()[:2] for line in core("jobs")[1].splitlines()] == [["2", "validating"], ["1", "cancelled"]]
    assert [each["id"] for each in json.loads(core("jobs", "--state", "cancelled", "--json")[1])] == [1]
    assert core("job", "1", "--act", "archive")[0] == 0
    assert [each["id"] for each in json.loads(core("jobs", "--json")[1])] == [2]
    assert [each["id"] for each in json.loads(core("jobs", "--archived", "--json")[1])] == [2, 1]
    code, out = core("cancel", "1", "--json")
    assert (code, json.loads(out)["kind"]) == (1, "TuningRefused")
    said: Any = json.loads(core("cancel", "2", "--json")[1])
    assert (said["state"], said["words"]) == ("cancelled", "Job 2 is cancelled; nothing was sent to OpenAI.")
