"""From a dataset to a finished job and its curve beside another's, in a real browser, with scripted providers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.datasets import versions
from core.db import Database
from core.db.embedded import EmbeddedPostgres
from core.settings import Settings
from core.tuning import jobs
from core.tuning.jobs import Job
from tests.browser.conftest import NARROW, Visit, fits, grid, hand_over, served, settled
from tests.pages import tuned
from tests.scripted import everyone


@pytest.fixture
def former(database: Database, tmp_path: Path) -> Job:
    """A job of before, with a curve, made while no app looks after it."""
    version = tuned.frozen(database)
    job = tuned.job(
        database, version, name="former", settings={"epochs": 9}, providers=lambda name: everyone()[name],
        app_settings=Settings(home=tmp_path),
    )  # fmt: skip
    tuned.curve(database, job.id)
    jobs.cancel(database, job.id, actor="ada", reason="")
    return job


@pytest.fixture
def endless(database: Database, former: Job, tmp_path: Path) -> Job:
    """A job that runs until somebody ends it."""
    return tuned.job(
        database, versions.get(database, "plans@1"), "openai", name="endless",
        providers=lambda name: everyone()[name], app_settings=Settings(home=tmp_path),
    )  # fmt: skip


@pytest.fixture(scope="session")
def scripted_server(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shared one with scripted providers."""
    folder = tmp_path_factory.mktemp("scripted")
    command = ["uvicorn", "tests.browser.shared_app:app", "--log-level", "warning", "--port"]
    given = {"DATABASE_URL": server.url("postgres"), "WHETSTONE_HOME": str(folder), "WHETSTONE_WORKERS": "0"}
    with served(folder, command, SCRIPTED="1", **given) as url:
        yield url


@pytest.fixture
def app_url(scripted_server: str, database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The app with scripted providers, which gets the database when the jobs of before are there."""
    for name in ("former", "endless"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    hand_over(scripted_server, DATABASE_URL=database.url, WHETSTONE_HOME=str(tmp_path))
    yield scripted_server
    hand_over(scripted_server)


def test_a_version_is_trained_on_and_its_curve_compared(former: Job, visit: Visit, database: Database) -> None:
    page = visit("/datasets?dataset=plans&version=1")
    page.get_by_role("button", name="Use for fine-tuning").click()
    page.wait_for_url("**/tuning?*train_on=plans%401*")
    expect(page.get_by_text("Claude profile · not training")).to_be_visible()
    expect(page.get_by_text("Gemini · needs 1 setting")).to_be_visible()
    page.locator(".st-key-tuning_choose_local button").first.click()

    page.get_by_label("Name of the model").fill("mine")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text(re.compile("^Checked just now"))).to_be_visible()
    page.get_by_role("button", name="Start training").click()

    expect(page.get_by_text("Running: 1 job")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Training · step \d of 9"))).to_be_visible()
    expect(page.get_by_role("link", name="Fine-tuning (1)")).to_be_visible()
    expect(page.locator(".st-key-tuning_curve_2 .nsewdrag").first).to_be_attached()
    expect(page.get_by_test_id("stToast").get_by_text("Job 2 has ended: succeeded. mine")).to_be_visible()
    assert jobs.get(database, 2).state == "succeeded"
    settled(page)
    expect(page.get_by_text("Running: 1 job")).to_be_hidden()

    tick(page, 0)
    tick(page, 1)
    expect(page.get_by_text("2 jobs selected")).to_be_visible()
    legend = page.locator(".st-key-tuning_compare_chart .legendtext")
    expect(legend).to_have_text(["#2 mine, train", "#2 mine, validation", "#1 former, train", "#1 former, validation"])

    grid(page, "tuning_table").click(position={"x": 60, "y": 33 + 16})
    drawer = page.get_by_role("dialog")
    drawer.get_by_text("Lineage", exact=True).click()
    drawer.get_by_role("button", name="Open it under Models").click()
    expect(drawer.get_by_text("Model 1 · called ollama:tuned-2")).to_be_visible()
    drawer.get_by_role("button", name="Open the job").click()
    expect(drawer.get_by_text("Job 2 · mine")).to_be_visible()


def test_it_fits_a_narrow_window_and_a_drawer_opens(former: Job, visit: Visit) -> None:
    page = visit("/tuning?part=train", NARROW)
    expect(page.get_by_text("about $4.10 to $8.20 · data goes to OpenAI")).to_be_visible()
    assert fits(page)
    page.locator(".st-key-tuning_choose_openai button").first.click()
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    settled(page)
    assert fits(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("dialog").get_by_text("Your records go to OpenAI.")).to_be_visible()
    page.get_by_role("button", name="Not now").click()

    page.get_by_text("Jobs", exact=True).click()
    grid(page, "tuning_table").click(position={"x": 60, "y": 33 + 16})
    page.wait_for_url(f"**job={former.id}")
    expect(page.get_by_role("dialog").get_by_text(f"Job {former.id} · former")).to_be_visible()
    settled(page)
    assert fits(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_url(lambda url: "job=" not in url)


def tick(page: Page, row: int) -> None:
    """The box of a row of the table of jobs."""
    frame = grid(page, "tuning_table")
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 15, "y": 33 * (row + 1) + 16})
    settled(page)


def test_a_drawer_asks_and_leads_on_and_gives_way(endless: Job, visit: Visit, database: Database, former: Job) -> None:
    page = visit(f"/tuning?job={endless.id}")
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Cancel").click()
    expect(drawer.get_by_text("What was trained until then may still be charged")).to_be_visible()
    drawer.get_by_role("button", name="Let it run").click()
    expect(drawer.get_by_text(f"Job {endless.id} · endless")).to_be_visible()
    drawer.get_by_role("button", name="Cancel").click()
    drawer.get_by_role("button", name=f"Cancel job {endless.id}").click()
    expect(drawer.get_by_role("button", name="Archive")).to_be_visible()
    assert jobs.get(database, endless.id).state == "cancelled"

    drawer.get_by_text("Lineage", exact=True).click()
    drawer.get_by_role("link", name="Open it").click()
    page.wait_for_url("**/datasets?*dataset=plans*")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()
    expect(drawer).to_be_hidden()
    page.get_by_text("Lineage", exact=True).click()
    page.get_by_role("link", name=f"Open job {endless.id}").click()
    drawer.get_by_role("button", name="Use these settings for a new job").click()
    expect(drawer).to_be_hidden()
    expect(page.get_by_text("GPT · Supervised and preference tuning")).to_be_visible()
    expect(page.get_by_text("All as recommended.")).to_be_visible()
