"""Make the screenshots of the README and of these pages: `.venv/bin/python docs/screenshots.py [NAME ...]`.

Starts the app on a temporary data folder with the demo company, drives Chromium through it, and writes
`docs/images/*.png`. Needs what `requirements-dev.txt` asks for, and an installed Chromium.
"""

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = Path(__file__).resolve().parent / "images"
COLOURS = 256
DATASET = "support-plans"


@dataclass(frozen=True)
class Shot:
    """One screenshot: where it is taken, how large, and what is done there first."""

    path: str
    act: Callable[[Page], None]
    width: int = 1280
    height: int = 800
    theme: Literal["light", "dark"] = "light"


def main(names: list[str]) -> None:
    chosen = {name: shot for name, shot in SHOTS.items() if not names or name in names}
    with tempfile.TemporaryDirectory(prefix="whetstone-screenshots-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL's own user has to pass through
        # No worker of its own: it would stand in the pictures under the name of this machine.
        own = {"WHETSTONE_HOME": f"{folder}/home", "WHETSTONE_ACTOR": "ana", "WHETSTONE_WORKERS": "0"}
        environment = {**os.environ, **own}
        environment.pop("DATABASE_URL", None)
        with served(environment) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            # The first page is shown only while there is nothing to look at.
            if "start" in chosen:
                take(browser, url, "start", chosen.pop("start"))
            fill(environment)
            for name, shot in chosen.items():
                take(browser, url, name, shot)
            browser.close()


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise SystemExit("There is no Chromium on this machine; install it and start again.")


# The app


@contextmanager
def served(environment: Mapping[str, str]) -> Iterator[str]:
    """The app on a free port; ended afterwards, and its database with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("The app ended while it was starting; its words are above.")
        try:
            urllib.request.urlopen(url, timeout=10).close()  # noqa: S310  (our own server)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The app does not answer.")


def fill(environment: Mapping[str, str]) -> None:
    """The demo company, with some requests that are really planned and carried out."""
    core(environment, "demo", "--examples", "5000")
    for words in DONE:
        core(environment, "request", words, "--workspace", "demo", "--approve", "--wait")
    for words in WAITING:
        core(environment, "request", words, "--workspace", "demo", "--wait")


def core(environment: Mapping[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "core", *arguments], cwd=ROOT, env=environment, check=True)


DONE = (
    "Write a thread about waiting times at the counter for Worklink",
    "Monthly report of revenue and costs",
    "Review the budget for a campaign of $2,500 against our cash",
    "What did our readers respond to most in the last months?",
)
WAITING = ("Write a blog post about job scheduling for small workshops",)


# The pictures


def take(browser: Browser, url: str, name: str, shot: Shot) -> None:
    page = browser.new_page(viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.theme)
    page.set_default_timeout(60_000)
    page.goto(url + shot.path)
    settle(page)
    shot.act(page)
    settle(page)
    page.mouse.move(shot.width - 1, 1)
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    page.close()
    path = IMAGES / f"{name}.png"
    # Without dithering: it would double the size, and areas of one colour stay clean.
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stdout.write(f"{path.relative_to(ROOT)} {path.stat().st_size // 1024} KB\n")


def settle(page: Page) -> None:
    """Wait until no script runs and the charts stand still."""
    page.wait_for_timeout(700)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=60_000)
    page.wait_for_timeout(1500)


def nothing(_page: Page) -> None:
    """As it is opened."""


def open_first(page: Page) -> None:
    """The first example in the drawer: a click on its cell in the grid, which is a canvas."""
    table = page.locator(".st-key-examples_grid").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 70, "y": 55})
    page.get_by_role("dialog").wait_for()


def open_failed(page: Page) -> None:
    """The first failed command in the drawer, with its attempts."""
    table = page.locator(".st-key-commands_grid").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 60, "y": 55})
    page.get_by_role("dialog").get_by_text("Attempts", exact=True).click()


def upload(page: Page) -> None:
    """A file with scores on two scales, as real exports have them."""
    text = io.StringIO()
    rows = csv.writer(text)
    columns = ("execution_id", "user_request", "intent", "execution_result", "quality_score", "success", "created_at")
    rows.writerow(columns)
    for number in range(1, 61):
        score = f"0.{number % 9 + 1}" if number % 3 else f"{number % 9 + 1}.5"
        result = "success" if number % 10 == 0 else f"Meet lamp {number}: it dims itself at ten, so that you sleep."
        said = (f"run-{number}", f"Write a post about lamp {number}", "social_post", result)
        rows.writerow([*said, score, "true", "2026-01-14 09:30"])
    file = {"name": "runs.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    page.locator("input[type=file]").set_input_files(file)  # pyright: ignore[reportArgumentType]
    page.get_by_text("scores converted").wait_for()


def open_waiting(page: Page) -> None:
    """The plan that waits, in the drawer."""
    page.get_by_role("button", name="View plan").click()
    page.get_by_role("dialog").wait_for()


def tick_trained(page: Page) -> None:
    """The jobs with curves, compared in one chart."""
    table = page.locator(".st-key-tuning_table").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    for row in (0, 3, 4):
        table.click(position={"x": 15, "y": 33 * (row + 1) + 16})
        settle(page)
    page.locator(".st-key-tuning_compare").scroll_into_view_if_needed()


DATA = "/data?workspace=demo"
DATASETS = "/datasets?workspace=demo"
TUNING = "/tuning?workspace=demo"
ORCHESTRATOR = "/orchestrator?workspace=demo"
SHOTS = {
    "start": Shot("/", nothing),
    "activity": Shot("/activity?workspace=demo", nothing),
    "data-light": Shot(DATA, nothing, height=1180),
    "data-dark": Shot(f"{DATA}&q_min=0.6&success=true", nothing, theme="dark"),
    "data-narrow": Shot(DATA, nothing, width=390, height=844),
    "drawer": Shot(f"{DATA}&q_min=0.8", open_first),
    "import": Shot("/import?workspace=demo", upload, height=1000),
    "dataset-new": Shot(f"{DATASETS}&new=1&q_min=0.8", nothing, height=1180),
    "dataset": Shot(f"{DATASETS}&dataset={DATASET}&version=2", nothing, height=1000),
    "queue-light": Shot("/queue?workspace=demo", nothing, height=1280),
    "queue-drawer": Shot("/queue?workspace=demo&status=failed", open_failed),
    "orchestrator": Shot(ORCHESTRATOR, nothing, height=1250),
    "orchestrator-drawer": Shot(ORCHESTRATOR, open_waiting, height=1000),
    "tuning": Shot(f"{TUNING}&part=train", nothing, height=1500),
    "tuning-jobs": Shot(f"{TUNING}&part=jobs", nothing, height=1180),
    "tuning-compare": Shot(f"{TUNING}&part=jobs", tick_trained, height=860, theme="dark"),
    "tuning-drawer": Shot(f"{TUNING}&job=3", nothing, height=800),
    "dataset-compare": Shot(f"{DATASETS}&dataset={DATASET}&version=1&with={DATASET}@2", nothing, height=1000),
}


if __name__ == "__main__":
    main(sys.argv[1:])
