"""A provider of fine-tuning that does what its script says, so that a page or an engine can be driven through it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import ModuleType
from typing import Any

from core.settings import Settings
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
    Obstacle,
    ProviderId,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    SubmitUnknown,
    TrainedModel,
)

LOCAL = Capabilities(
    trains=True,
    methods=("sft",),
    finds="exact",
    cancels=True,
    stops_and_resumes=True,
    retries_free=True,
    costs_money=False,
    hosting_costs=False,
)
HOSTED = Capabilities(
    trains=True,
    methods=("sft", "dpo"),
    finds="likely",
    cancels=True,
    stops_and_resumes=False,
    retries_free=False,
    costs_money=True,
    hosting_costs=False,
)
PROFILE = replace(HOSTED, trains=False, methods=("profile",))

SETTINGS = (
    Setting("epochs", "Passes", "How often every record is seen.", 3, "integer", 1, 20),
    Setting("learning_rate", "Learning rate", "How large each step is.", 0.0002, "number", 0.000001, 1.0),
    Setting("engine", "Engine", "Which program trains.", "trl", "choice", choices=("trl", "plain")),
    Setting("shuffle", "Shuffle", "Deal the records anew in each pass.", True, "boolean", is_advanced=True),
    Setting("suffix", "Suffix", "Appended to the name at the provider.", "", "text", is_advanced=True),
    Setting("batch", "Batch size", "Records a step.", "auto", "integer", 1, 256, is_advanced=True),
)


def running(step: int, of: int, *notes: NewJobEvent) -> JobStatus:
    """A step of training, with values that fall."""
    loss = 2.0 / (1 + step)
    points = (
        MetricPoint("loss", step, loss),
        MetricPoint("val_loss", step, loss + 0.1),
        MetricPoint("tokens_per_s", step, 512.0),
    )
    return JobStatus("running", "training", "training", step, of, (of - step) * 10.0, notes, points, poll_again_s=0.2)


_UNKNOWN = Estimate(None, None, None, None, "")

#: Three steps, and done.
SUCCEEDS = (
    running(1, 3, NewJobEvent("Step 1 logged.")),
    running(2, 3),
    running(3, 3),
    JobStatus("trained", "done", tokens_trained=1_000),
)


@dataclass
class Scripted:
    """`polls` are answered one after another, the last one for ever."""

    id: ProviderId
    capabilities: Capabilities
    polls: Sequence[JobStatus] = SUCCEEDS
    found: Sequence[str] = ("base-small", "base-large")
    obstacles: Sequence[Obstacle] = ()
    #: Only a live check says these.
    live_obstacles: Sequence[Obstacle] = ()
    cost: tuple[Decimal, Decimal] | None = None
    answers: bool = True
    submitted: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        del base_model, method
        return SETTINGS

    def bases(self, settings: Settings) -> Sequence[str]:
        del settings
        return self.found

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        del settings
        low, high = self.cost or (None, None)
        epochs = int(spec.settings["epochs"])  # preflight fills in what is not chosen
        if not self.capabilities.costs_money:
            low = high = Decimal(0)
        estimate = Estimate(data.tokens_train * epochs, low, high, 90.0 if live else None, "Reckoned by the script.")
        if not spec.base_model:
            return CheckReport((*self.obstacles, Obstacle("base_missing", "No base is named.", "Name one.")), _UNKNOWN)
        return CheckReport((*self.obstacles, *(self.live_obstacles if live else ())), estimate)

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        report_progress("uploading", 1.0)
        return {"file": job.files("openai").train.name}

    def submit(self, job: JobView) -> Submitted:
        self.submitted.append(job.key)
        if not self.answers:
            raise SubmitUnknown("The line went dead after the request was sent.")
        return Submitted(f"remote-{len(self.submitted)}", "accepted", {"poll": 0})

    def find(self, job: JobView) -> Submitted | None:
        del job
        return None

    def poll(self, job: JobView) -> JobStatus:
        number = int(job.remote.get("poll", 0))
        answer = self.polls[min(number, len(self.polls) - 1)]
        if "stop" in self.asked and job.state == "running":
            answer = JobStatus("paused", "stopped", "stopped")
        return replace(answer, remote={**answer.remote, "poll": number + 1})

    def cancel(self, job: JobView) -> str:
        self.asked.append("cancel")
        self.polls = (JobStatus("cancelled", "cancelled"),)
        return f"Job {job.id} may still be charged for what was trained."

    def stop(self, job: JobView) -> str:
        del job
        self.asked.append("stop")
        return "It stops at the next step."

    def resume(self, job: JobView) -> Submitted:
        self.asked.clear()
        return Submitted(job.remote_id or "remote", "resumed", dict(job.remote))

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        report_progress("registering", 0.5)
        return TrainedModel(
            "tuned" if self.capabilities.trains else "profile",
            f"ollama:tuned-{job.id}",
            cost_usd=self.cost[0] if self.cost else Decimal(0),
            tokens_trained=1_000,
            serving="ready",
            profile=None if self.capabilities.trains else {"system": "You plan."},
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        del confirmed_hourly
        return ServingStatus("ready", model.call_name)

    def serving(self, model: ModelView) -> ServingStatus:
        return ServingStatus("ready", model.call_name)

    def unserve(self, model: ModelView) -> ServingStatus:
        return ServingStatus("deleted", model.call_name)


def everyone() -> dict[ProviderId, Scripted]:
    """All five, each with what is typical of it."""
    nobody = Obstacle("not_eligible", "It serves nobody here.", "Choose another.")
    key = Obstacle("key_missing", "There is no key for it.", "Set one and start the app again.")
    return {
        "local": Scripted("local", LOCAL),
        "gemini": Scripted("gemini", HOSTED, obstacles=(key,)),
        "openai": Scripted("openai", HOSTED, cost=(Decimal("4.10"), Decimal("8.20"))),
        "claude": Scripted("claude", PROFILE, cost=(Decimal("0.80"), Decimal("0.80"))),
        "bedrock": Scripted("bedrock", HOSTED, found=(), obstacles=(nobody,)),
    }


def install(providers: Mapping[ProviderId, Scripted], modules: dict[str, Any] | None = None) -> None:
    """In place of the real ones, which are imported when they are first asked for."""
    for provider_id, provider in providers.items():
        name = f"core.tuning.providers.{provider_id}.adapter"
        module = ModuleType(name)
        module.__dict__["PROVIDER"] = provider
        (sys.modules if modules is None else modules)[name] = module
