"""Amazon on loopback: moto for buckets, accounts and jobs, and a door in front of it that loses replies when told."""

import datetime as dt
import http.client
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.tuning.providers.bedrock.adapter import PROVIDER
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.protocol import JobView, Spec
from tests import http_server

REGION = "us-west-2"
ACCOUNT = "123456789012"
BUCKET = "whetstone-test"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/whetstone"
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0:200k"
NOVA = "amazon.nova-micro-v1:0:128k"
KEY = "0123456789abcdef0123456789abcdef"
SEPARATORS = (",", ":")
_OF_THE_CONNECTION = {"content-length", "connection", "transfer-encoding", "date", "server"}


class Door:
    """A proxy in front of moto. `lost`: how many replies to the creation of a job are dropped after it was made."""

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.lost = 0
        #: Instead of asking moto: a status and AWS's code, each used once, for the creation of a job.
        self.refusals: list[tuple[int, str]] = []
        self.asked: list[str] = []
        self.url = ""
        #: Whether the creation of a job is answered; cleared, it is made and the reply waits.
        self.gate = threading.Event()
        self.gate.set()
        #: Models that the account lists as customisable; moto knows of none.
        self.listed: tuple[str, ...] = ()
        #: After so many questions about a job it is completed; None: when a test says so.
        self.done_after: int | None = None
        self._looks: dict[str, int] = {}

    def looked_at(self, name: str) -> None:
        """What becomes of a job that is asked about."""
        self._looks[name] = self._looks.get(name, 0) + 1
        job = jobs().get(name)
        is_done = self.done_after is not None and self._looks[name] >= self.done_after
        if job is not None and is_done and job.status == "InProgress":
            job.status = "Completed"

    @property
    def posts(self) -> int:
        return self.asked.count("POST /model-customization-jobs")


class _Handler(http_server.Handler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def asked(self) -> None:
        door = self.server.door
        body = self.sent()
        door.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        is_creation = door.asked[-1] == "POST /model-customization-jobs"
        if is_creation and door.refusals:
            status, code = door.refusals.pop(0)
            self.reply(status, json.dumps({"message": "planned"}).encode(), {"x-amzn-errortype": code})
            return
        if door.asked[-1] == "GET /foundation-models" and door.listed:
            self.reply(200, _models(door.listed), {"Content-Type": "application/json"})
            return
        if door.asked[-1].startswith("GET /model-customization-jobs/"):
            door.looked_at(door.asked[-1].rpartition("/")[2])
        status, answer, headers = self._behind(body)
        if is_creation:
            door.gate.wait(60)
        if is_creation and door.lost:
            door.lost -= 1
            self.close_connection = True
            return
        self.reply(status, answer, headers)

    def _behind(self, body: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.door.behind, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_THE_CONNECTION}
        return answer.status, data, kept


class _Server(http_server.Server):
    door: Door


def _models(names: Sequence[str]) -> bytes:
    found = [
        {
            "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{name}",
            "modelId": name,
            "modelLifecycle": {"status": "ACTIVE"},
        }
        for name in names
    ]
    return json.dumps({"modelSummaries": found}).encode()


def jobs() -> dict[str, Any]:
    """The jobs that moto has, by name. Its state is in this process."""
    from moto.backends import get_backend

    return get_backend("bedrock")[ACCOUNT][REGION].model_customization_jobs


@contextmanager
def amazon() -> Iterator[int]:
    """The port of a moto."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it tells of every request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


def make_bucket(door: Door) -> None:
    """Forget everything moto has, and make the bucket."""
    connection = http.client.HTTPConnection("127.0.0.1", door.behind, timeout=30)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()
    import boto3

    access = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.session.Session().client("s3", region_name=REGION, endpoint_url=door.url, **access)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.close()


@contextmanager
def opened(behind: int) -> Iterator[Door]:
    with _Server(_Handler) as server:
        server.door = Door(behind)
        server.door.url = server.url
        yield server.door


def settings_at(url: str | None, **changes: Any) -> Settings:
    given = {"AWS_REGION": REGION, "WHETSTONE_S3_BUCKET": BUCKET, "WHETSTONE_BEDROCK_ROLE_ARN": ROLE,
             "AWS_ENDPOINT_URL": url, **changes}  # fmt: skip
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]


def line(number: int, system: str = "You plan.") -> str:
    messages = [{"role": "user", "content": f"Request {number}"}, {"role": "assistant", "content": f"Plan {number}"}]
    return json.dumps({**({"system": system} if system else {}), "messages": messages}, separators=SEPARATORS)


def facts(train: int = 40, validation: int = 8) -> DataFacts:
    return DataFacts(
        dataset_id=4,
        label="plans@1",
        root_hash="cd" * 32,
        train=train,
        validation=validation,
        test=8,
        tokens_train=train * 10,
        tokens_validation=validation * 10,
        tokens_test=80,
        longest_tokens=12,
        is_exact=True,
        size_bytes=train * 90,
    )


def job(
    folder: Path,
    url: str,
    *,
    base: str = CLAUDE,
    wished: Mapping[str, Any] | None = None,
    key: str = KEY,
    lines: Sequence[str] | None = None,
    validation: bool = True,
    settings: Settings | None = None,
    name: str = "",
) -> JobView:
    """A job that is about to be uploaded."""
    train = folder / "train.jsonl"
    train.write_text("".join(f"{each}\n" for each in lines or map(line, range(40))))
    held = folder / "validation.jsonl"
    held.write_text("".join(f"{line(number)}\n" for number in range(100, 108)))
    files = Files(train, held if validation else None, None)
    return JobView(
        id=2,
        key=key,
        stage=0,
        state="uploading",
        spec=Spec("bedrock", base, "sft", wished or {}, name),
        remote={},
        remote_id=None,
        submitted_at=dt.datetime.now(dt.UTC),
        folder=folder,
        files=lambda _: files,
        data=facts(),
        settings=settings or settings_at(url),
    )


def uploaded(view: JobView) -> JobView:
    return replace(view, state="submitting", remote={**view.remote, **PROVIDER.upload(view, lambda *_: None)})


def submitted(view: JobView) -> JobView:
    found = PROVIDER.submit(view)
    return replace(view, state="running", remote_id=found.remote_id, remote={**view.remote, **found.remote})


@dataclass
class Stubbed:
    """Clients whose answers are planned, each checked against the service's own description."""

    planned: list[tuple[str, Any, Any]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def answer(self, method: str, response: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> None:
        self.planned.append((method, response, expected))

    def refuse(self, method: str, code: str, status: int = 400) -> None:
        self.planned.append((method, (code, status), None))

    def client(self, region: str, service: str) -> Any:
        if (region, service) not in self._clients:
            self._clients[region, service] = self._made(region, service)
        return self._clients[region, service]

    def _made(self, region: str, service: str) -> Any:
        import boto3
        from botocore import xform_name
        from botocore.stub import Stubber

        access = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.session.Session().client(service, region_name=region, **access)
        stubber = Stubber(client)

        def arm(model: Any, **_: Any) -> None:
            """The answer that is due is put in when its method is called, so that one plan serves all clients."""
            method, response, expected = self.planned.pop(0)
            assert method == xform_name(model.name)
            self.used.append(method)
            if isinstance(response, tuple):
                stubber.add_client_error(method, response[0], "planned", response[1], expected_params=expected)
            else:
                stubber.add_response(method, dict(response), expected)

        client.meta.events.register_first("provide-client-params.*.*", arm)
        stubber.activate()
        return client
