"""The memory of the app while twenty people use it: each walks through the pages, with filters that nobody had before.

They speak Streamlit's own protocol over a WebSocket, as a browser does: each page run is asked for with its address, is
received whole, and the parts that run by themselves are asked for again.
"""

import asyncio
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.setting import Setting

SESSIONS = 20
#: Five, unless WHETSTONE_BENCH_MINUTES says otherwise.
MINUTES = int(os.environ.get("WHETSTONE_BENCH_MINUTES", "5"))
PAGES = ("data", "datasets", "tuning", "queue", "orchestrator", "import", "activity")
#: Seconds that a person looks at a page.
PAUSE_S = (2.0, 8.0)
_ROOT = Path(__file__).parent.parent


def run(setting: Setting) -> None:
    setting.company  # noqa: B018 (makes the demo company where there is none)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "uvicorn", "app:app", "--log-level", "warning", "--port", str(port)]
    app = subprocess.Popen(
        command, cwd=_ROOT, env={**environment, "WHETSTONE_HOME": str(setting.home)}, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        asyncio.run(_measure(port, psutil.Process(app.pid), setting.db.schema))
    finally:
        app.terminate()
        app.wait(60)


class Tally:
    """What all sessions did together."""

    def __init__(self) -> None:
        self.pages = self.parts = self.errors = 0
        self.seconds = 0.0


async def _measure(port: int, process: psutil.Process, workspace: str) -> None:
    print(f"\nsessions: {SESSIONS} at once for {MINUTES} minutes; resident memory of the app")
    tally = Tally()
    _line("before anybody came", process, tally)
    end = time.monotonic() + MINUTES * 60
    people = [
        asyncio.create_task(_person(port, workspace, random.Random(number), end, tally)) for number in range(SESSIONS)
    ]
    for minute in range(1, MINUTES + 1):
        await asyncio.sleep(max(0.0, end - (MINUTES - minute) * 60 - time.monotonic()))
        _line(f"after minute {minute}", process, tally)
    await asyncio.gather(*people)
    await asyncio.sleep(5)
    _line("when all have gone", process, tally)


def _line(what: str, process: psutil.Process, tally: Tally) -> None:
    memory = process.memory_info().rss / 1e6
    each = f"{tally.seconds / tally.pages * 1000:,.0f} ms each" if tally.pages else ""
    print(
        f"  {what:<24}{memory:>8.0f} MB {process.num_threads():>4} threads  {tally.pages:>6,} pages "
        f"{tally.parts:>6,} parts {tally.errors:>4} errors  {each}",
        flush=True,
    )


async def _person(port: int, workspace: str, chance: random.Random, end: float, tally: Tally) -> None:
    """One browser; it comes again in a new session after every twenty pages."""
    while time.monotonic() < end:
        with suppress(ConnectionClosed):
            async with connect(
                f"ws://127.0.0.1:{port}/_stcore/stream",
                subprotocols=["streamlit"],
                max_size=None,  # type: ignore[list-item]
            ) as browser:
                for _ in range(20):
                    if time.monotonic() > end:
                        return
                    await _visit(browser, workspace, chance, tally)


async def _visit(browser: ClientConnection, workspace: str, chance: random.Random, tally: Tally) -> None:
    query = f"workspace={workspace}&q_min={chance.random():.4f}"
    page = chance.choice(PAGES)
    began = time.monotonic()
    parts = await _rerun(browser, page, query, tally)
    tally.pages += 1
    tally.seconds += time.monotonic() - began
    await asyncio.sleep(chance.uniform(*PAUSE_S))
    for part in parts:
        await _rerun(browser, page, query, tally, part=part)
        tally.parts += 1


async def _rerun(browser: ClientConnection, page: str, query: str, tally: Tally, part: str = "") -> list[str]:
    """Ask for a page, or a part of it, and receive it; the parts of it that ask to be run again."""
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = page
    if part:
        message.rerun_script.fragment_id = part
        message.rerun_script.is_auto_rerun = True
    await browser.send(message.SerializeToString())
    parts: list[str] = []
    while True:
        answer = ForwardMsg()
        received = await asyncio.wait_for(browser.recv(decode=False), 120)
        answer.ParseFromString(received)
        kind = answer.WhichOneof("type")
        if kind == "auto_rerun":
            parts.append(answer.auto_rerun.fragment_id)
        elif kind == "delta" and answer.delta.new_element.HasField("exception"):
            tally.errors += 1
        elif kind == "script_finished":
            return parts


def _wait(port: int) -> None:
    for _ in range(600):
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10).close()
            return
        time.sleep(0.1)
    raise SystemExit("The app does not answer.")
