"""Anthropic's Message Batches on loopback, as strict as they are documented to be.

A model on it answers from the conversation alone, so that better examples truly give better answers. A test decides
when batches end, and which replies are lost; `made` counts the batches that were really begun.
"""

import datetime as dt
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests import http_server

KEY = "sk-ant-test-0123456789abcdefghij"
MODELS = {"claude-haiku-5-5", "claude-sonnet-5-5", "claude-without-price"}

#: What may stand in a request of a batch here; anything else is refused, sampling parameters above all.
_PARAMS = {"model", "max_tokens", "messages", "system"}
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Refused(Exception):
    """The request is one that the API would answer with this status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class FakeAnthropic:
    """The state of the service."""

    def __init__(self, answer: Callable[[dict], str]) -> None:
        self.answer = answer
        self.batches: dict[str, dict[str, Any]] = {}
        #: The ids of all that were ever begun.
        self.begun: list[str] = []
        #: Of more the oldest are gone; None: all are kept.
        self.most_kept: int | None = None
        self.requests: dict[str, list[dict]] = {}
        #: By custom_id: errored, expired or canceled instead of an answer.
        self.fates: Callable[[str], str] = lambda _: "succeeded"
        #: What becomes of the next replies to the creation of a batch: done and dropped, done and 500, refused with a
        #: status, or answered with something else.
        self.next: list[Any] = []
        self.trouble: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self.base_url = ""
        self.now = dt.datetime.now(dt.UTC)
        #: How many batches a page of the list has at most.
        self.page = 100
        self.cut_results = False
        #: Whether the creation of a batch is answered; cleared, it is made and the reply waits.
        self.gate = threading.Event()
        self.gate.set()
        #: After so many looks at a batch it ends by itself; None: when a test says so.
        self.ends_after: int | None = None
        self._random = random.Random(7)
        self._looks: dict[str, int] = {}

    @property
    def made(self) -> int:
        return len(self.begun)

    @property
    def posts(self) -> int:
        """How often the creation of a batch was asked for."""
        return sum(method == "POST" and path.endswith("/batches") for method, path in self.asked)

    def create(self, requests: list[dict]) -> dict[str, Any]:
        number = len(self.begun) + 1
        batch = {
            "id": f"msgbatch_{number:04d}",
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {**dict.fromkeys(_COUNTS, 0), "processing": len(requests)},
            "created_at": self.now.isoformat(),
            "expires_at": (self.now + dt.timedelta(days=1)).isoformat(),
            "ended_at": None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        self.begun.append(batch["id"])
        self.batches[batch["id"]] = batch
        self.requests[batch["id"]] = requests
        while self.most_kept and len(self.batches) > self.most_kept:
            oldest = next(iter(self.batches))
            del self.batches[oldest], self.requests[oldest]
        return batch

    def end(self) -> None:
        """All batches end now."""
        for batch in self.batches.values():
            self._end(batch)

    def _end(self, batch: dict[str, Any]) -> None:
        """Of one that was cancelled, every second request was answered before."""
        if batch["processing_status"] == "ended":
            return
        counts = dict.fromkeys(_COUNTS, 0)
        for index, request in enumerate(self.requests[batch["id"]]):
            request["fate"] = self.fates(request["custom_id"])
            if batch["cancel_initiated_at"] and index % 2:
                request["fate"] = "canceled"
            counts[request["fate"]] += 1
        url = f"{self.base_url}/v1/messages/batches/{batch['id']}/results"
        batch.update(processing_status="ended", request_counts=counts, ended_at=self.now.isoformat(), results_url=url)

    def looked_at(self, ids: list[str]) -> None:
        """What becomes of batches that are asked about."""
        for batch_id in ids:
            self._looks[batch_id] = self._looks.get(batch_id, 0) + 1
            if self.ends_after is not None and self._looks[batch_id] >= self.ends_after:
                self._end(self.batches[batch_id])

    def results(self, batch_id: str) -> bytes:
        """One line a request, in any order."""
        lines = [self._line(each) for each in self.requests[batch_id]]
        self._random.shuffle(lines)
        if self.cut_results:
            lines = lines[: len(lines) // 2]
        return b"".join(json.dumps(each).encode() + b"\n" for each in lines)

    def _line(self, request: dict) -> dict:
        if request["fate"] == "errored":
            error = {"type": "invalid_request_error", "message": "prompt is odd"}
            result = {"type": "errored", "error": {"type": "error", "error": error, "request_id": "req_1"}}
        elif request["fate"] in ("expired", "canceled"):
            result = {"type": request["fate"]}
        else:
            result = {"type": "succeeded", "message": self._message(request["params"])}
        return {"custom_id": request["custom_id"], "result": result}

    def _message(self, params: dict) -> dict:
        text = self.answer(params)
        words = sum(len(_text(each["content"]).split()) for each in params["messages"])
        usage = {"input_tokens": words, "output_tokens": len(text.split()), "cache_creation_input_tokens": 0,
                 "cache_read_input_tokens": 0, "service_tier": "batch"}  # fmt: skip
        content = [{"type": "text", "text": text}]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": params["model"],
            "content": content,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def turns(params: dict) -> list[tuple[str, str]]:
    """The conversation of a request as role and text."""
    return [(each["role"], _text(each["content"])) for each in params["messages"]]


class _Handler(http_server.Handler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def asked(self) -> None:
        method, fake, url = self.command, self.server.fake, urlsplit(self.path)
        body = None if method == "GET" else json.loads(self.sent() or b"{}")
        fake.asked.append((method, url.path))
        try:
            self._check()
            if fake.trouble:
                raise Refused(fake.trouble.pop(0), "trouble")
            self._route(fake, method, url.path, parse_qs(url.query), body)
        except Refused as refused:
            error = {"type": "error", "error": {"type": "some_error", "message": refused.words}}
            self.reply(refused.status, json.dumps(error).encode())

    def _check(self) -> None:
        if KEY not in (
            self.headers.get("x-api-key"),
            (self.headers.get("Authorization") or "").removeprefix("Bearer "),
        ):
            raise Refused(401, "invalid x-api-key")
        if not self.headers.get("anthropic-version"):
            raise Refused(400, "anthropic-version: header is required")

    def _route(self, fake: FakeAnthropic, method: str, path: str, query: dict, body: Any) -> None:
        if found := re.fullmatch(r"/v1/models/(.+)", path):
            if found[1] not in MODELS:
                raise Refused(404, f"model: {found[1]}")
            one = {"id": found[1], "type": "model", "display_name": found[1], "created_at": "2026-10-01T00:00:00Z"}
            self.reply(200, json.dumps(one).encode())
        elif path == "/v1/messages/batches":
            self._create(fake, body) if method == "POST" else self._list(fake, query)
        elif found := re.fullmatch(r"/v1/messages/batches/([^/]+)(/cancel|/results)?", path):
            self._one(fake, found[1], found[2])
        else:
            raise Refused(404, "Not found")

    def _create(self, fake: FakeAnthropic, body: Any) -> None:
        planned = fake.next.pop(0) if fake.next else None
        if isinstance(planned, int):
            raise Refused(planned, "planned")
        check_batch(body)
        batch = fake.create(body["requests"])
        fake.gate.wait(60)
        if planned == "drop":
            self.close_connection = True
        elif planned == "fail":
            raise Refused(500, "Internal server error")
        elif planned == "garbage":
            self.reply(200, b"<html>gateway</html>", {"Content-Type": "text/html"})
        else:
            self.reply(200, json.dumps(batch).encode())

    def _list(self, fake: FakeAnthropic, query: dict) -> None:
        fake.looked_at(list(fake.batches))
        newest = sorted(fake.batches.values(), key=lambda each: (each["created_at"], each["id"]), reverse=True)
        ids = [each["id"] for each in newest]
        start = ids.index(query["after_id"][0]) + 1 if "after_id" in query else 0
        size = min(fake.page, int(query.get("limit", ["20"])[0]))
        page = newest[start : start + size]
        answer = {"data": page, "has_more": start + size < len(newest), "first_id": page[0]["id"] if page else None,
                  "last_id": page[-1]["id"] if page else None}  # fmt: skip
        self.reply(200, json.dumps(answer).encode())

    def _one(self, fake: FakeAnthropic, batch_id: str, verb: str | None) -> None:
        if batch_id not in fake.batches:
            raise Refused(404, f"batch {batch_id} not found")
        batch = fake.batches[batch_id]
        if verb is None:
            fake.looked_at([batch_id])
        if verb == "/results":
            self.reply(200, fake.results(batch_id), {"Content-Type": "application/x-jsonl"})
            return
        if verb == "/cancel" and batch["processing_status"] == "in_progress":
            batch.update(processing_status="canceling", cancel_initiated_at=fake.now.isoformat())
        self.reply(200, json.dumps(batch).encode())


class _Server(http_server.Server):
    fake: FakeAnthropic


def check_batch(body: Any) -> None:
    """What the API refuses in a batch. Raises `Refused`."""
    requests = body.get("requests")
    if set(body) != {"requests"} or not isinstance(requests, list) or not 1 <= len(requests) <= 100_000:
        raise Refused(400, "requests: expected a list")
    ids = [each.get("custom_id", "") for each in requests]
    if len(set(ids)) != len(ids) or not all(_ID.fullmatch(each) for each in ids):
        raise Refused(400, "custom_id: must be unique and match ^[a-zA-Z0-9_-]{1,64}$")
    for each in requests:
        if set(each) != {"custom_id", "params"}:
            raise Refused(400, "requests: Extra inputs are not permitted")
        _check_params(each["params"])


def _check_params(params: dict) -> None:
    if extra := set(params) - _PARAMS:
        raise Refused(400, f"{min(extra)}: Extra inputs are not permitted")
    if params["model"] not in MODELS or not isinstance(params["max_tokens"], int) or params["max_tokens"] < 1:
        raise Refused(400, "model or max_tokens is wrong")
    roles = [each["role"] for each in params["messages"]]
    if not roles or roles[0] != "user" or roles[-1] != "user" or set(roles) - {"user", "assistant"}:
        raise Refused(400, "messages: roles are wrong")
    if not all(_text(each["content"]).strip() for each in params["messages"]):
        raise Refused(400, "messages: text content blocks must be non-empty")
    if "system" in params and not _text(params["system"]).strip():
        raise Refused(400, "system: text content blocks must be non-empty")
    marks = json.dumps(params).count('"cache_control"')
    if marks > 4:
        raise Refused(400, "A maximum of 4 blocks with cache_control may be provided")


@contextmanager
def serving(answer: Callable[[dict], str]) -> Iterator[FakeAnthropic]:
    """A service whose model answers by `answer`, given the parameters of a request."""
    fake = FakeAnthropic(answer)
    with _Server(_Handler) as server:
        server.fake = fake
        fake.base_url = server.url
        yield fake
