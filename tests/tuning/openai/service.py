"""A small stand-in for OpenAI's fine-tuning: what aimock lacks, a test sets here by hand."""

import itertools
import threading
from typing import Any

from tests.tuning.loopback import Answer, Loopback, Seen
from tests.tuning.openai import description


class Service:
    """Files are processed at once, and jobs are as a test puts them. Lists are newest first, and come in pages."""

    def __init__(self, server: Loopback):
        self.server = server
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.checkpoints: dict[str, list[dict[str, Any]]] = {}
        self.contents: dict[str, bytes] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.file_states = ["processed"]
        #: Answers to the next requests for a job, before anything else; one that has no status takes the job and says
        #: nothing.
        self.next: list[Answer] = []
        self.page = 2
        #: While it is closed, jobs are begun and not answered.
        self.gate = threading.Event()
        self.gate.set()
        self._numbers = itertools.count(1)
        self.base("gpt-4.1-mini-2025-04-14")
        for method, pattern, answer in (
            ("POST", "/v1/files", self._take_file),
            ("GET", "/v1/files/([^/]+)", self._file),
            ("GET", "/v1/files/([^/]+)/content", lambda _, name: Answer(200, self.contents[name])),
            ("POST", "/v1/fine_tuning/jobs", self._create),
            ("GET", "/v1/fine_tuning/jobs", lambda seen: self._list(seen, list(self.jobs.values())[::-1])),
            ("GET", "/v1/fine_tuning/jobs/([^/]+)", self._job),
            ("POST", "/v1/fine_tuning/jobs/([^/]+)/cancel", self._cancel),
            (
                "GET",
                "/v1/fine_tuning/jobs/([^/]+)/events",
                lambda seen, name: self._list(seen, self.events[name][::-1]),
            ),
            (
                "GET",
                "/v1/fine_tuning/jobs/([^/]+)/checkpoints",
                lambda seen, name: self._list(seen, self.checkpoints[name][::-1]),
            ),
            ("GET", "/v1/models/([^/]+)", self._model),
            ("DELETE", "/v1/models/([^/]+)", self._delete_model),
            ("POST", "/v1/chat/completions", self._answer),
        ):
            server.on(method, pattern, answer)

    def base(self, name: str, shutdown: str | None = None) -> None:
        """A model that can be asked for."""
        self.models[name] = {
            "id": name, "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": shutdown,
        }  # fmt: skip

    def creations(self) -> list[Seen]:
        return self.server.asked("POST", "/v1/fine_tuning/jobs")

    def happen(self, name: str, message: str, **values: Any) -> None:
        """One more event of a job."""
        self.events[name].append(
            {
                "id": f"ftevent-{next(self._numbers)}",
                "object": "fine_tuning.job.event",
                "created_at": 1_790_000_000,
                "level": "info",
                "message": message,
                "type": "message",
                "data": {},
                **values,
            }
        )

    def reach(self, name: str, step: int, **metrics: float) -> None:
        """One more checkpoint of a job."""
        self.checkpoints[name].append(
            {
                "id": f"ftckpt-{next(self._numbers)}",
                "object": "fine_tuning.job.checkpoint",
                "created_at": 1_790_000_000,
                "step_number": step,
                "fine_tuning_job_id": name,
                "fine_tuned_model_checkpoint": f"ft:tiny:acme::ckpt-step-{step}",
                "metrics": {"step": step, **metrics},
            }
        )

    def succeed(self, name: str, model: str = "ft:gpt-4.1-mini-2025-04-14:acme:plans:1", **values: Any) -> str:
        """The job is done, and its model is there."""
        self.jobs[name] |= {
            "status": "succeeded",
            "fine_tuned_model": model,
            "trained_tokens": 150_000,
            "finished_at": 1_790_000_000,
            **values,
        }
        self.base(model)
        return model

    def _take_file(self, seen: Seen) -> Any:
        fields = description.parts(seen)
        name = f"file-{next(self._numbers)}"
        self.contents[name] = fields["file"].encode()
        self.files[name] = {
            "id": name, "object": "file", "bytes": len(fields["file"]), "created_at": 1, "filename": "x",
            "purpose": fields["purpose"], "status": self.file_states[0],
        }  # fmt: skip
        return self.files[name]

    def _file(self, _: Seen, name: str) -> Any:
        if name not in self.files:
            return refused(404, f"No such File object: {name}")
        if len(self.file_states) > 1:
            self.file_states.pop(0)
        self.files[name] |= {"status": self.file_states[0]}
        if self.file_states[0] == "error":
            self.files[name] |= {"status_details": "Line 3 is no JSON."}
        return self.files[name]

    def _create(self, seen: Seen) -> Any:
        answer = self.next.pop(0) if self.next else None
        if answer is not None and answer.status:
            return answer
        made = self.create(seen.json)
        self.gate.wait(60)
        return made if answer is None else answer

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """A job is begun."""
        name = f"ftjob-{next(self._numbers)}"
        self.events[name], self.checkpoints[name] = [], []
        self.jobs[name] = {
            "id": name, "object": "fine_tuning.job", "model": body["model"], "training_file": body["training_file"],
            "validation_file": body.get("validation_file"), "status": "validating_files",
            "created_at": 1_790_000_000 + len(self.jobs), "finished_at": None, "fine_tuned_model": None, "error": None,
            "hyperparameters": {"n_epochs": "auto"}, "organization_id": "org-1", "result_files": [],
            "seed": body.get("seed") or 1, "trained_tokens": None, "method": body.get("method"),
            "metadata": body.get("metadata"), "estimated_finish": None,
        }  # fmt: skip
        return self.jobs[name]

    def _job(self, _: Seen, name: str) -> Any:
        return self.jobs.get(name) or refused(404, f"Could not find fine tune: {name}")

    def _cancel(self, _: Seen, name: str) -> Any:
        if self.jobs[name]["status"] in ("succeeded", "failed", "cancelled"):
            return refused(400, "Job has already completed", code="invalid_request")
        self.jobs[name] |= {"status": "cancelled"}
        return self.jobs[name]

    def _list(self, seen: Seen, entries: list[dict[str, Any]]) -> Any:
        """Two a page, whatever is asked for, so that a page is never all there is."""
        ids = [each["id"] for each in entries]
        start = ids.index(seen.query["after"]) + 1 if "after" in seen.query else 0
        data = entries[start : start + self.page]
        return {
            "object": "list",
            "data": data,
            "has_more": start + self.page < len(entries),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }

    def _model(self, _: Seen, name: str) -> Any:
        return self.models.get(name) or refused(404, f"The model '{name}' does not exist", code="model_not_found")

    def _delete_model(self, _: Seen, name: str) -> Any:
        if self.models.pop(name, None) is None:
            return refused(404, f"The model '{name}' does not exist", code="model_not_found")
        return {"id": name, "object": "model", "deleted": True}

    def _answer(self, seen: Seen) -> Any:
        if seen.json["model"] not in self.models:
            return refused(404, "The model does not exist", code="model_not_found")
        message = {"role": "assistant", "content": "ready", "refusal": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": seen.json["model"],
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
        }


def refused(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """An error as OpenAI puts it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})
