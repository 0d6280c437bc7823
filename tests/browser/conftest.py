"""A live server and a Chromium, which the journeys share. Each has a database of its own."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    BrowserContext,
    Download,
    Error,
    Locator,
    Page,
    Request,
    WebSocket,
    expect,
    sync_playwright,
)

from core.db import Database
from core.db.embedded import EmbeddedPostgres
from tests.browser import scripts

ROOT = Path(__file__).parents[2]
WIDE, NARROW = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}

Visit = Callable[..., Page]
#: Where the shared server takes another database.
ADDRESS = "/hand-over"
#: Where a server says that it is there.
ALIVE = "/_stcore/health"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(folder: Path, command: Sequence[str], **environment: str) -> Iterator[str]:
    """The address of a server; what it says stands in the folder."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, str(port)], cwd=ROOT, env={**os.environ, **environment}, stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            answers(url, server)
            yield url
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def shared_server(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One for all journeys of this process."""
    folder = tmp_path_factory.mktemp("server")
    command = ["uvicorn", "tests.browser.shared_app:app", "--log-level", "warning", "--port"]
    with served(folder, command, DATABASE_URL=server.url("postgres"), WHETSTONE_HOME=str(folder)) as url:
        yield url


@pytest.fixture
def app_url(shared_server: str, database: Database, tmp_path: Path) -> Iterator[str]:
    """The app on this test's database."""
    hand_over(shared_server, DATABASE_URL=database.url, WHETSTONE_HOME=str(tmp_path))
    yield shared_server
    hand_over(shared_server)


@pytest.fixture
def newcomers_url(database: Database, tmp_path: Path) -> Iterator[str]:
    """The app as a newcomer starts it."""
    command = ["streamlit", "run", "app.py", "--server.headless", "true", "--server.port"]
    with served(tmp_path, command, DATABASE_URL=database.url, WHETSTONE_HOME=str(tmp_path)) as url:
        yield url


def hand_over(url: str, **environment: str) -> None:
    """Give the shared server another database and home; without, it lets go of those it has."""
    body = json.dumps(environment).encode()
    urllib.request.urlopen(urllib.request.Request(url + ADDRESS, body, method="POST"), timeout=60).close()


def answers(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}{ALIVE}", timeout=5).close()
        except OSError:
            assert server.poll() is None, "the server stopped while starting"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="package")
def browser_context() -> Iterator[BrowserContext]:
    """One for all tests: it keeps Streamlit's scripts in its cache."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        context = browser.new_context(viewport=WIDE, accept_downloads=True)
        context.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield context
        browser.close()


@pytest.fixture(scope="package")
def tabs(browser_context: BrowserContext) -> list[Page]:
    """Empty tabs that another test has left. A new one is a process that compiles all of Streamlit's scripts: half of
    what a journey cost."""
    return []


@pytest.fixture
def visit(browser_context: BrowserContext, tabs: list[Page], app_url: str) -> Iterator[Visit]:
    """Open a path of the app in another tab than before. No request may leave the machine, and no script may fail."""
    yield from visiting(browser_context, tabs, app_url)


@pytest.fixture
def visit_as_newcomer(browser_context: BrowserContext, tabs: list[Page], newcomers_url: str) -> Iterator[Visit]:
    """The same at a server that was started as the README says."""
    yield from visiting(browser_context, tabs, newcomers_url)


def visiting(browser_context: BrowserContext, tabs: list[Page], app_url: str) -> Iterator[Visit]:
    pages: list[Page] = []
    foreign: list[str] = []
    errors: list[str] = []

    def noted(address: str) -> None:
        if not address.startswith((app_url, app_url.replace("http", "ws"), "data:", "blob:")):
            foreign.append(address)

    def requested(request: Request) -> None:
        noted(request.url)

    def connected(socket: WebSocket) -> None:
        noted(socket.url)

    def failed(error: Error) -> None:
        errors.append(str(error))

    def open_page(path: str, viewport: dict[str, int] = WIDE, theme: Literal["light", "dark"] = "light") -> Page:
        page = tabs.pop() if tabs else browser_context.new_page()
        pages.append(page)
        page.set_viewport_size(viewport)  # pyright: ignore[reportArgumentType]
        page.emulate_media(color_scheme=theme)
        page.on("request", requested)
        page.on("websocket", connected)
        page.on("websocket", scripts.watch(page).connected)
        page.on("pageerror", failed)
        page.goto(f"{app_url}{path}")
        settled(page)
        return page

    yield open_page
    for page in pages:
        if not page.is_closed():
            emptied(page, app_url)
            page.remove_listener("request", requested)
            page.remove_listener("websocket", connected)
            page.remove_listener("websocket", scripts.watch(page).connected)
            page.remove_listener("pageerror", failed)
            tabs.append(page)
    assert foreign == []
    assert errors == []


def emptied(page: Page, app_url: str) -> None:
    """Leave the app, and forget what the tab has kept. An empty page of another site would end the tab's process."""
    page.goto(f"{app_url}{ALIVE}")
    page.evaluate("sessionStorage.clear(); localStorage.clear()")


def downloaded(page: Page, link: str | re.Pattern[str]) -> Download:
    """Click a link that downloads: in this tab or in one of its own, which closes as the download begins."""
    downloads: list[Download] = []

    def noted(download: Download) -> None:
        downloads.append(download)

    def opened(tab: Page) -> None:
        tab.on("download", noted)

    page.context.on("page", opened)
    opened(page)
    page.get_by_role("link", name=link).click()
    for _ in range(300):
        if downloads:
            break
        page.wait_for_timeout(100)
    # Both outlive this test.
    page.context.remove_listener("page", opened)
    page.remove_listener("download", noted)
    (download,) = downloads
    return download


def settled(page: Page) -> None:
    """Wait until no script runs, nor is asked for."""
    page.wait_for_timeout(300)  # a click takes a moment to ask for one
    scripts.wait(page)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def grid(page: Page, key: str) -> Locator:
    """The clickable frame of a drawn grid: its canvas lies under a scroller and takes no clicks."""
    frame = page.locator(f".st-key-{key}")
    frame.locator("canvas").first.wait_for()
    return frame.get_by_test_id("stDataFrame")


def pick_row(page: Page, key: str, row: int) -> None:
    """Tick the box of a row."""
    frame = grid(page, key)
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 15, "y": 35 * (row + 1) + 17})
    settled(page)


def drag(page: Page, key: str, start: float, end: float) -> None:
    """Drag over a chart, from one share of its plot's width to another."""
    plot = page.locator(f".st-key-{key} svg.marks path.background").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    left, width = box["x"], box["width"]
    height = box["y"] + box["height"] / 2
    page.mouse.move(left + width * start, height)
    page.wait_for_timeout(300)
    page.mouse.down()
    # In one move: where a busy machine pauses between two, the page takes what has been dragged over until then.
    page.mouse.move(left + width * end, height + 10)
    page.mouse.up()
    settled(page)


def click_bar(page: Page, key: str, number: int, **how: Any) -> None:
    """Click a bar of a chart, the first being 0."""
    page.locator(f".st-key-{key} .mark-rect path").nth(number).click(**how)
    settled(page)


def resize(page: Page, viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)  # pyright: ignore[reportArgumentType]
    page.wait_for_timeout(300)  # charts and tables follow a moment later


def fits(page: Page) -> bool:
    """Whether nothing sticks out on the right, neither in a wide nor in a narrow window. Leaves it as wide as it is."""
    before = page.viewport_size
    assert before
    found: list[bool] = []
    for each in sorted((WIDE, NARROW), key=lambda viewport: viewport["width"] == before["width"]):  # as it is: last
        resize(page, {"width": each["width"], "height": before["height"]})
        found.append(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
    return all(found)
