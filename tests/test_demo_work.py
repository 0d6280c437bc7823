"""What the demo company did: every page has something, all of it says that it is invented, and what is paused really
works."""

import time

import pytest
from sqlalchemy import text

from core import audit, demo, patterns
from core.commands import choices as queue
from core.commands import statistics as queue_statistics
from core.commands import verbs
from core.commands.filters import CommandFilter
from core.commands.worker import Worker
from core.datasets import verification, versions
from core.db import Database, workspaces
from core.evaluation import records as evaluations
from core.examples import store
from core.examples.filters import EVERYTHING
from core.models import records as models
from core.orchestrator import executions, queries
from core.orchestrator.records import Status
from core.runtime.agents import registry
from core.tuning.jobs import queries as jobs

EXAMPLES = 800


@pytest.fixture
def company(database: Database) -> Database:
    demo.load(database, actor="tester", examples=EXAMPLES, work=True)
    return database.in_workspace("demo")


def number(db: Database, query: str) -> int:
    with db.connect() as connection:
        return connection.scalar(text(query)) or 0


def test_every_page_has_something_to_show(company: Database) -> None:
    assert [version.label for version in versions.versions(company)] == ["support-plans@2", "support-plans@1"]
    assert {job.state for job in jobs.page(company).rows} == {"succeeded", "failed", "cancelled"}
    assert number(company, "SELECT count(DISTINCT job_id) FROM fine_tuning_metrics WHERE name = 'loss'") == 3
    found = models.all_models(company)
    assert {model.kind for model in found} == {"base", "tuned", "profile"}
    done = evaluations.latest(company, [model.id for model in found])
    assert len(done) == len(found) == 4
    assert all(each.row_done == each.row_total > 0 for each in done.values())
    assert queue_statistics.counts(company).by_status["completed"] > 1_900
    assert queue_statistics.counts(company).by_status["failed"] > 0
    counted = queries.counts(company)
    states: tuple[Status, ...] = (
        *("planning", "pending_approval", "approved", "executing", "completed", "failed", "rejected", "cancelled"),
    )
    assert [state for state in states if not counted.by_status[state]] == []
    assert len(patterns.runs(company, limit=1)) == 1
    assert len(audit.entries(company, limit=500)) > 50


def test_no_example_is_added(company: Database) -> None:
    assert store.count(company, EVERYTHING) == EXAMPLES


def test_a_tuned_model_is_said_to_be_worth_more_than_its_base(company: Database) -> None:
    by_name = {each.model_name: each.mean("exact") for each in evaluations.of_models(company)}
    base, tuned = by_name["demo-base qwen3:0.6b"], by_name["demo-plans-gpt"]
    assert base
    assert tuned
    assert base.mean < tuned.mean


def test_what_is_invented_says_so(company: Database) -> None:
    assert number(company, "SELECT count(*) FROM executions WHERE created_by <> 'demo'") == 0
    assert number(company, "SELECT count(*) FROM commands WHERE created_by <> 'demo'") == 0
    assert number(company, "SELECT count(*) FROM fine_tuning_jobs WHERE created_by <> 'demo'") == 0
    for job in jobs.page(company).rows:
        assert [
            event for event in jobs.events(company, job.id) if event.message.startswith("Demo: this job is invented")
        ]
    for model in models.all_models(company):
        assert model.name.startswith("demo-")
        assert model.kind == "base" or (model.notes.startswith("Demo:") and not model.call_name)


def test_versions_are_real(company: Database) -> None:
    for version in versions.versions(company):
        assert verification.verify(company, version.label).ok


def test_nothing_of_it_is_done_by_itself(company: Database) -> None:
    """Neither a worker nor the poller of jobs finds work: both would carry out what nobody asked for."""
    before = queue.version(company)
    worker = Worker(company, registry(), workspaces=["demo"], poll_s=0.05)
    worker.start()
    time.sleep(0.5)
    worker.stop()
    assert queue.version(company) == before
    assert number(company, "SELECT count(*) FROM commands WHERE status IN ('pending', 'running')") == 0
    assert number(company, "SELECT count(*) FROM fine_tuning_jobs WHERE completed_at IS NULL") == 0


def test_what_is_paused_is_really_done_once_it_is_resumed(company: Database) -> None:
    executions.approve(company, "demo-pending_approval", actor="ada")
    verbs.resume(company, CommandFilter(statuses=("paused",)), actor="ada", reason="")
    worker = Worker(company, registry(), workspaces=["demo"], poll_s=0.05)
    worker.start()
    names = ("demo-pending_approval", "demo-approved", "demo-executing")
    try:
        for _ in range(300):
            if not any(queries.get(company, name).is_open for name in names) and (
                queries.get(company, "demo-planning").status != "planning"
            ):
                break
            time.sleep(0.1)
    finally:
        worker.stop()
    assert [queries.get(company, name).status for name in names] == ["completed"] * 3
    assert queries.get(company, "demo-planning").plan is not None


def test_a_failed_command_of_the_day_can_be_retried(company: Database) -> None:
    failed = CommandFilter(statuses=("failed",))
    ids = verbs.foresee(company, "retry", failed)
    assert len(ids.changed) > 0


@pytest.mark.parametrize("examples", [1, 40])
def test_of_a_handful_of_examples_what_can_be_made_is_made(database: Database, examples: int) -> None:
    demo.load(database, actor="tester", examples=examples, work=True)
    company = database.in_workspace("demo")
    assert store.count(company, EVERYTHING) == examples
    assert queue_statistics.counts(company).total > 1_900


def test_it_goes_with_the_demo_and_leaves_the_company_alone(database: Database) -> None:
    demo.load(database, actor="tester", examples=100, work=True)
    assert number(database, "SELECT count(*) FROM commands") == 0
    assert number(database, "SELECT count(*) FROM executions") == 0
    demo.drop(database, actor="tester")
    assert not workspaces.exists(database, "demo")
