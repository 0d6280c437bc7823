"""A provider whose server is a real one on loopback and does what a test tells it: it counts what it is sent, drops
replies, refuses, stalls. What a test wants to know about payments is asked of the server, never of the provider."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from core.settings import Settings
from core.tuning.providers import pricing
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import (
    Capabilities,
    CheckReport,
    Estimate,
    JobStatus,
    JobView,
    Method,
    MetricPoint,
    ModelView,
    NewJobEvent,
    NotSubmitted,
    NotThere,
    Obstacle,
    ProviderId,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    SubmitUnknown,
    TrainedModel,
)
from tests import http_server

Find = Literal["exact", "likely", "none"]


@dataclass
class World:
    """What the server knows and how it behaves; a test reads and changes it while the server runs."""

    #: Every submission that began something, with its marker, in order: each of them is paid.
    paid: list[dict[str, Any]] = field(default_factory=list)
    #: Every request, as `METHOD path`.
    requests: list[str] = field(default_factory=list)
    uploads: set[str] = field(default_factory=set)
    #: How many answers to submissions are still lost after the job was begun.
    drops: int = 0
    #: Status, and words, with which submissions are refused; the first is used up.
    refusals: list[tuple[int, str]] = field(default_factory=list)
    #: Statuses of the next polls, used up; then `script`.
    troubles: list[int] = field(default_factory=list)
    #: What a job says at each poll, the last one for ever.
    script: tuple[str, ...] = ("queued", "running", "trained")
    #: Whether a search finds what is there.
    finds: bool = True
    #: A submission is not answered before this is set.
    gate: threading.Event = field(default_factory=threading.Event)
    uploading: threading.Event = field(default_factory=threading.Event)
    upload_gate: threading.Event = field(default_factory=threading.Event)
    stages: int = 1
    cancel_works: bool = True
    #: A job that is asked to end is done before.
    cancels_late: bool = False

    def __post_init__(self) -> None:
        self.gate.set()
        self.upload_gate.set()

    def posts(self, path: str) -> int:
        return sum(each.startswith(f"POST {path}") for each in self.requests)


class Server:
    """The server on a port of its own."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        handler = type("Handler", (_Handler,), {"world": self.world, "lock": threading.Lock()})
        self._http = http_server.Server(handler).start()
        self.url = self._http.url

    def close(self) -> None:
        self.world.gate.set()
        self.world.upload_gate.set()
        self._http.close()


class _Handler(http_server.Handler):
    world: World
    lock: threading.Lock

    def _answer(self, status: int, value: Any) -> None:
        # A client that was killed does not hear it.
        with suppress(OSError):
            self.reply(status, json.dumps(value).encode())

    def _body(self) -> dict[str, Any]:
        return json.loads(self.sent() or b"{}")

    def asked(self) -> None:
        (self._get if self.command == "GET" else self._post)()

    def _post(self) -> None:
        body, world = self._body(), self.world
        with self.lock:
            world.requests.append(f"POST {self.path}")
        if self.path == "/files":
            world.uploading.set()
            world.upload_gate.wait(30)
            world.uploads.add(body["sha256"])
            self._answer(200, {"id": f"file-{body['sha256'][:8]}"})
        elif self.path == "/jobs":
            self._begin(body)
        else:
            _, _, remote_id, verb = self.path.split("/")
            self._act(remote_id, verb)

    def _begin(self, body: dict[str, Any]) -> None:
        world = self.world
        with self.lock:
            if world.refusals:
                status, words = world.refusals.pop(0)
                self._answer(status, {"error": words})
                return
            job = {"id": f"job-{len(world.paid) + 1}", "marker": body["marker"], "polls": 0, "asked": "", **body}
            world.paid.append(job)
            drop = world.drops > 0
            world.drops -= drop
        world.gate.wait(30)
        if drop:
            self.close_connection = True
            return
        self._answer(200, {"id": job["id"], "status": "created"})

    def _act(self, remote_id: str, verb: str) -> None:
        job = self._job(remote_id)
        if job is None:
            self._answer(404, {"error": "no such job"})
            return
        if verb == "cancel" and not self.world.cancel_works:
            self._answer(503, {"error": "later"})
            return
        job["asked"] = verb
        if verb == "resume":
            job["asked"], job["polls"] = "", 1
        self._answer(200, {"words": "What was trained until now may be charged."})

    def _get(self) -> None:
        url = urlsplit(self.path)
        with self.lock:
            self.world.requests.append(f"GET {url.path}")
            if url.path == "/jobs":
                marker = parse_qs(url.query)["marker"][0]
                found = [each for each in self.world.paid if each["marker"] == marker and self.world.finds]
                self._answer(200, {"jobs": [{"id": each["id"]} for each in found]})
                return
            if self.world.troubles:
                self._answer(self.world.troubles.pop(0), {"error": "come again"})
                return
            job = self._job(url.path.split("/")[2])
            if job is None:
                self._answer(404, {"error": "no such job"})
                return
            job["polls"] += 1
            self._answer(200, self._state(job))

    def _state(self, job: dict[str, Any]) -> dict[str, Any]:
        script = self.world.script
        status = script[min(job["polls"], len(script)) - 1]
        if job["asked"] == "cancel" and not self.world.cancels_late:
            status = "cancelled"
        if job["asked"] == "stop":
            status = "paused"
        steps = min(job["polls"], len(script))
        return {"status": status, "step": steps, "of": len(script), "loss": 2.0 / steps}

    def _job(self, remote_id: str) -> dict[str, Any] | None:
        return next((each for each in self.world.paid if each["id"] == remote_id), None)


KNOWN = ("queued", "running", "paused", "cancelling", "cancelled", "failed", "expired", "trained")
CAPABILITIES = Capabilities(
    trains=True,
    methods=("sft",),
    finds="likely",
    cancels=True,
    stops_and_resumes=False,
    retries_free=False,
    costs_money=True,
    hosting_costs=False,
)


class Scripted:
    """The provider: it goes by the id of a real one, and speaks to the server at `url`."""

    def __init__(
        self,
        url: str,
        *,
        provider_id: ProviderId = "openai",
        capabilities: Capabilities = CAPABILITIES,
        stages: int = 1,
    ) -> None:
        self.id: ProviderId = provider_id
        self.capabilities = capabilities
        self.url = url
        self.stages = stages
        self.obstacles: tuple[Obstacle, ...] = ()
        self.costs: tuple[Decimal | None, Decimal | None] = (Decimal("1.00"), Decimal("3.00"))

    def __call__(self, _provider_id: ProviderId) -> "Scripted":
        """It is the registry, too."""
        return self

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        return (
            Setting("epochs", "Epochs", "How often all examples are seen.", 3, "integer", 1, 50),
            Setting("rate", "Learning rate", "How far each step goes.", "auto", "number", 0.1, 2, choices=("auto",)),
        )

    def bases(self, settings: Settings) -> Sequence[str]:
        return ("tiny",)

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        own = pricing.price(None, spec.provider, spec.base_model).usd_per_million
        low, high = self.costs if own is None else (own, own)
        return CheckReport(self.obstacles, Estimate(1_000, low, high, 60.0, "Made up for a test."))

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        report_progress("uploading", 0.0)
        sha256 = job.files("openai").train.stem
        answer = self._ask("POST", "/files", {"sha256": sha256})
        report_progress("uploading", 1.0)
        return {f"file_{job.stage}": answer["id"]}

    def submit(self, job: JobView) -> Submitted:
        body = {"marker": self._marker(job), "file": job.remote[f"file_{job.stage}"], "base": job.spec.base_model}
        try:
            answer = self._send("POST", "/jobs", body)
        except urllib.error.HTTPError as error:
            words = json.loads(error.read())["error"]
            if error.code >= 500:
                raise SubmitUnknown(words) from None
            raise NotSubmitted(
                words,
                code=str(error.code),
                advice="Do as it says.",
                blocked=error.code == 403,
                passing=error.code == 429,
            ) from None
        except OSError as error:
            raise SubmitUnknown(f"No answer came: {error}") from None
        return Submitted(answer["id"], answer["status"])

    def find(self, job: JobView) -> Submitted | None:
        found = self._ask("GET", f"/jobs?marker={self._marker(job)}")["jobs"]
        if found:
            return Submitted(found[0]["id"], "found")
        if self.capabilities.finds == "exact":
            raise NotThere("There is none with this marker.")
        return None

    def poll(self, job: JobView) -> JobStatus:
        answer = self._ask("GET", f"/jobs/{job.remote_id}")
        status, step = answer["status"], answer["step"]
        if status == "trained" and job.stage + 1 < self.stages:
            return JobStatus("again", status, remote={f"done_{job.stage}": job.remote_id})
        failed = status == "failed"
        return JobStatus(
            status if status in KNOWN else "unknown",  # pyright: ignore[reportArgumentType]
            status,
            phase="training",
            done_steps=step,
            total_steps=answer["of"],
            notes=[NewJobEvent(f"Step {step} of {answer['of']}", source=f"{job.stage}-{step}")],
            points=[MetricPoint("loss", step, answer["loss"])],
            remote={"seen": step},
            error="The examples were refused by moderation." if failed else "",
            error_code="moderation" if failed else "",
            advice="Take out what it names." if failed else "",
            tokens_trained=2_000 if status == "trained" else None,
        )

    def cancel(self, job: JobView) -> str:
        return self._ask("POST", f"/jobs/{job.remote_id}/cancel", {})["words"]

    def stop(self, job: JobView) -> str:
        return self._ask("POST", f"/jobs/{job.remote_id}/stop", {})["words"]

    def resume(self, job: JobView) -> Submitted:
        self._ask("POST", f"/jobs/{job.remote_id}/resume", {})
        return Submitted(job.remote_id or "", "resumed")

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        report_progress("fetching", 0.5)
        return TrainedModel(
            "tuned",
            f"openai:ft:{job.remote_id}",
            cost_usd=Decimal("2.50"),
            tokens_trained=2_000,
            serving="ready",
            parameters={"epochs": job.spec.settings["epochs"]},
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        return ServingStatus("ready", model.call_name)

    def serving(self, model: ModelView) -> ServingStatus:
        return ServingStatus("ready", model.call_name)

    def unserve(self, model: ModelView) -> ServingStatus:
        return ServingStatus("deleted")

    def _marker(self, job: JobView) -> str:
        return f"{job.key}-{job.stage}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            return self._send(method, path, body)
        except urllib.error.HTTPError as error:
            words = f"The server said {error.code}: {json.loads(error.read())['error']}."
            if error.code == 404:
                raise NotThere(words) from None
            raise ProviderTrouble(words) from None
        except OSError as error:
            raise ProviderTrouble(f"The server did not answer: {error}.") from None

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
