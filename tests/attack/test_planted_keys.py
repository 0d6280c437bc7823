"""Keys planted in the environment, and providers that say them back: they are in no table, log, export or page."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.rest import application
from core import logs
from core.__main__ import main
from core.db import Database
from core.settings import get_settings
from core.tuning import jobs
from core.tuning.engine import Engine
from tests.attack.echoing import Echo, echoing
from tests.attack.test_links import PAGES
from tests.llm.servers import credentials, private_key
from tests.pages.conftest import opened
from tests.served import add, serving
from tests.tuning.conftest import AT_ONCE

#: Each is looked for by its middle: a key that is half shown is shown.
PLANTED = {
    "OPENAI_API_KEY": "sk-proj-PLANTEDOPENAI0123456789abcdefghij",
    "ANTHROPIC_API_KEY": "sk-ant-api03-PLANTEDANTHROPIC0123456789",
    "GEMINI_API_KEY": "AIzaSyPLANTEDGEMINI0123456789abcdefghijk",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDAMAZONKEY",
    "AWS_SECRET_ACCESS_KEY": "PLANTEDAMAZONSECRET/0123456789abcdefghij",
    "AWS_SESSION_TOKEN": "PLANTEDAMAZONTOKEN0123456789abcdefghij==",
    "RAY_AUTH_TOKEN": "PLANTEDRAYTOKEN0123456789",
}
PASSWORD = "PLANTEDPASSWORD0123"
PRIVATE = private_key()
#: What all of them have in their middle; and a line from the middle of Google's.
MIDDLES = re.compile(f"PLANTED[A-Z]+|{re.escape(PRIVATE.splitlines()[9])}")

pytestmark = [pytest.mark.timeout(300), pytest.mark.asks]


def found(text: str) -> list[str]:
    """Every place where something planted stands, with a little around it."""
    return [text[max(0, match.start() - 60) : match.end() + 40] for match in MIDDLES.finditer(text)]


@pytest.fixture(params=[401, 400, 403])
def echo(request: pytest.FixtureRequest) -> Iterator[Echo]:
    with echoing() as server:
        server.status = request.param
        yield server


@pytest.fixture
def planted(database: Database, echo: Echo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """The app with planted keys, and every provider's address led to the one that echoes."""
    account = tmp_path / "account.json"
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "acme",
                "private_key_id": "1",
                "private_key": PRIVATE,
                "client_email": "tests@acme.example",
                "client_id": "1",
                "token_uri": f"{echo.url}/token",
            }
        )
    )
    environment = {
        **PLANTED,
        "OPENAI_BASE_URL": f"{echo.url}/v1", "ANTHROPIC_BASE_URL": echo.url, "GEMINI_BASE_URL": echo.url,
        "OLLAMA_HOST": f"http://me:{PASSWORD}@{echo.url.removeprefix('http://')}", "AWS_ENDPOINT_URL": echo.url,
        "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "WHETSTONE_S3_BUCKET": "plans",
        "WHETSTONE_BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/tuning", "RAY_ADDRESS": f"http://me:{PASSWORD}@ray.invalid:8265",
        "GOOGLE_CLOUD_PROJECT": "acme", "GOOGLE_CLOUD_LOCATION": "europe-west4", "WHETSTONE_GCS_BUCKET": "plans",
        "GOOGLE_VERTEX_BASE_URL": echo.url, "WHETSTONE_HOME": str(tmp_path / "home"), "WHETSTONE_WORKERS": "0",
    }  # fmt: skip
    # Who connects over a socket that trusts is asked for no password; it is planted all the same.
    monkeypatch.setattr(database, "url", database.url.replace("user=postgres", f"user=postgres&password={PASSWORD}"))
    before = sys.modules["__main__"]  # each run of the app's script puts its own there
    with credentials(account), serving(database, monkeypatch, **environment):
        yield database
    sys.modules["__main__"] = before


class Said:
    """Everything that commands print and log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capfd = monkeypatch, capfd
        self.all = ""

    def __call__(self, *arguments: str) -> str:
        self._monkeypatch.setattr(sys, "argv", ["core", *arguments])
        with pytest.raises(SystemExit):
            main()
        out, err = self._capfd.readouterr()
        self.all += f"\n$ {' '.join(arguments)}\n{out}{err}"
        return out + err


def dump(db: Database) -> str:
    """Every row of every table of every schema of ours, as text."""
    with db.connect() as connection:
        tables = connection.exec_driver_sql(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).scalars()
        return "\n".join(
            str(row) for table in list(tables) for row in connection.exec_driver_sql(f"SELECT t::text FROM {table} t")
        )


def drawn(page: str = "", **parameters: str) -> str:
    """Everything that a browser is sent for a page."""
    app = opened(page, **parameters)
    waiting, parts = [app._tree], []  # nothing public has all of it
    while waiting:
        node = waiting.pop()
        parts.append(str(getattr(node, "proto", "")))
        waiting += getattr(node, "children", {}).values()
    return "\n".join(parts)


def exports(client: TestClient) -> str:
    places = (
        "health", "examples/export?format=jsonl", "examples/export?format=csv", "commands/export", "executions/export",
        "datasets/plans/1/export",
    )  # fmt: skip
    return "\n".join(client.get(f"/{place}").text for place in places)


def test_no_planted_key_comes_out_anywhere(
    planted: Database,
    echo: Echo,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    logs.configure()
    said = Said(monkeypatch, capfd)
    add(planted, *({"execution_plan": f'{{"steps": [{each}]}}'} for each in range(60)))

    said("dataset", "create", "plans", "--all")
    said("dataset", "export", "plans", f"--out={tmp_path}/plans.jsonl")
    for name in ("openai:gpt-4.1-mini", "anthropic:claude-haiku-4-5", "gemini:gemini-3.5-flash", "ollama:qwen3:4b"):
        said("add-model", name)
    for model in ("1", "2", "3", "4"):
        said("deploy", model, "--reason=it will do")
        said("request", f"Write a blog post about lamps for room {model}.", "--wait", "--approve")
        said("evaluate", model, "plans", "--wait", "--confirm-cost", "--limit=3")
    for provider, base in (
        ("openai", "gpt-4.1-mini-2025-04-14"),
        ("gemini", "gemini-3.5-flash"),
        ("claude", "claude-haiku-4-5"),
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("local", "qwen3:4b"),
    ):
        said("tune", "plans", f"--provider={provider}", f"--base={base}", "--check-only")
        said("tune", "plans", f"--provider={provider}", f"--base={base}", "--over-budget")
    engine = Engine(planted, settings=get_settings(), schedule=AT_ONCE)
    started = [job.id for job in jobs.page(planted, limit=50).rows]
    assert started
    for job_id in started:
        for _ in range(4):
            engine.advance(job_id, anytime=True)
        said("job", str(job_id), "--json")
    shown = [drawn(page) for page in PAGES]
    shown += [drawn("fine_tuning", part="jobs", job=str(job_id)) for job_id in started]
    shown += [drawn("fine_tuning", part="models", model=str(model)) for model in (1, 2, 3, 4)]
    shown += [drawn("orchestrator", run=each) for each in re.findall(r"(?m)^([0-9a-f-]{36})  ", said.all)]
    with TestClient(application(), base_url="http://127.0.0.1") as client:
        exported = exports(client)
    rows = dump(planted)
    # A connection that fails says where it led, and not with what.
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{PASSWORD}@127.0.0.1:1/none")
    get_settings.cache_clear()
    assert "127.0.0.1" in said("stats")

    heard = "\n".join(echo.heard)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        assert PLANTED[name] in heard, f"{name} was never sent, so this test shows nothing of it"
    assert "assertion=" in heard, "Google's key was never used"
    assert "You sent" in said.all + rows, "nothing of what was echoed is kept, so this test shows nothing"
    assert not found(said.all)
    assert not found(caplog.text)
    assert not found(rows)
    assert not found(exported)
    assert not found("\n".join(shown))
    assert not found((tmp_path / "plans.jsonl").read_text())
    files = [each for each in (tmp_path / "home").rglob("*") if each.is_file()]
    assert not found("\n".join(each.read_bytes().decode(errors="replace") for each in files))
