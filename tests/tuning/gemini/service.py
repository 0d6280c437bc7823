"""A small stand-in for Google's tuning API, whose answers have the form of Google's own description."""

import itertools
import threading
from typing import Any

from tests.llm.servers import TOKEN
from tests.tuning.loopback import Answer, Loopback, Seen

HOME = "projects/acme/locations/europe-west4"
ENDPOINT = f"{HOME}/endpoints/777"
MODEL = f"{HOME}/models/888"


class Service:
    """Jobs are as a test puts them. Lists come in pages of two, newest first; labels filter unless told otherwise."""

    def __init__(self, server: Loopback):
        self.server = server
        self.jobs: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.heeds_filter = True
        #: Answers to the next requests for a job; one without a status takes the job and says nothing.
        self.next: list[Answer] = []
        #: While it is closed, jobs are begun and not answered.
        self.gate = threading.Event()
        self.gate.set()
        self._numbers = itertools.count(1)
        name = r"(projects/[^/:]+/locations/[^/:]+"
        for method, pattern, answer in (
            ("POST", "/token", lambda _: Answer(*TOKEN)),
            ("POST", f"/v1/{name})/tuningJobs", self._create),
            ("GET", f"/v1/{name})/tuningJobs", self._list),
            ("GET", f"/v1/{name}/tuningJobs/[^/:]+)", self._job),
            ("POST", f"/v1/{name}/tuningJobs/[^/:]+):cancel", self._cancel),
            ("GET", f"/v1/{name}/endpoints/[^/:]+)", self._endpoint),
            ("POST", f"/v1/{name}/endpoints/[^/:]+):undeployModel", self._undeploy),
            ("DELETE", f"/v1/{name}/endpoints/[^/:]+)", self._delete_endpoint),
            ("POST", f"/v1/{name}/endpoints/[^/:]+):generateContent", self._answer),
            ("GET", f"/v1/{name}/models/[^/:]+)", self._model),
            ("DELETE", f"/v1/{name}/models/[^/:]+)", self._delete_model),
            ("GET", f"/v1/{name}/operations/[^/:]+)", self._operation),
        ):
            server.on(method, pattern, answer)

    def creations(self) -> list[Seen]:
        return self.server.asked("POST", ".*/tuningJobs")

    def put(self, name: str, state: str, **values: Any) -> dict[str, Any]:
        """The job is so now."""
        self.jobs[name] |= {"state": state, **values}
        return self.jobs[name]

    def succeed(self, name: str, state: str = "JOB_STATE_SUCCEEDED", **values: Any) -> None:
        """The job is done, and its model is deployed."""
        stats = {"totalBillableTokenCount": "40000", "tuningStepCount": "12", "tuningDatasetExampleCount": "12"}
        self.put(
            name,
            state,
            endTime="2026-11-20T10:00:00Z",
            tunedModel={"model": f"{MODEL}@1", "endpoint": ENDPOINT},
            tuningDataStats={"supervisedTuningDataStats": stats},
            **values,
        )
        self.endpoints[ENDPOINT] = {
            "name": ENDPOINT,
            "displayName": "plans",
            "deployedModels": [{"id": "5", "model": MODEL}],
        }
        self.models[MODEL] = {"name": MODEL, "displayName": "plans"}

    def deploy(self, endpoint: str) -> None:
        """The model is deployed there."""
        deployed = [{"id": "5", "model": MODEL}]
        self.endpoints[endpoint] = {"name": endpoint, "displayName": "plans", "deployedModels": deployed}

    def _create(self, seen: Seen, parent: str) -> Any:
        answer = self.next.pop(0) if self.next else None
        if answer is not None and answer.status:
            return answer
        made = self.create(parent, seen.json)
        self.gate.wait(60)
        return made if answer is None else answer

    def create(self, parent: str, body: dict[str, Any]) -> dict[str, Any]:
        """A job is begun."""
        number = next(self._numbers)
        name = f"{parent}/tuningJobs/{number}"
        at = f"2026-11-24T10:00:{number:02}Z"
        self.jobs[name] = {**body, "name": name, "state": "JOB_STATE_PENDING", "createTime": at, "updateTime": at}
        return self.jobs[name]

    def _list(self, seen: Seen, parent: str) -> Any:
        found = [each for name, each in self.jobs.items() if name.startswith(parent)][::-1]
        if self.heeds_filter and "filter" in seen.query:
            label, _, value = seen.query["filter"].removeprefix("labels.").partition("=")
            found = [each for each in found if each.get("labels", {}).get(label) == value]
        start = int(seen.query.get("pageToken", 0))
        more = {"nextPageToken": str(start + 2)} if start + 2 < len(found) else {}
        return {"tuningJobs": found[start : start + 2], **more}

    def _job(self, _: Seen, name: str) -> Any:
        return self.jobs.get(name) or refused(404, "No such job")

    def _model(self, _: Seen, name: str) -> Any:
        return self.models.get(name) or refused(404, "No such model")

    def _cancel(self, _: Seen, name: str) -> Any:
        if self.jobs[name]["state"] not in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"):
            return refused(400, "The job has ended", "FAILED_PRECONDITION")
        self.put(name, "JOB_STATE_CANCELLING")
        return {}

    def _endpoint(self, _: Seen, name: str) -> Any:
        return self.endpoints.get(name) or refused(404, "No such endpoint")

    def _undeploy(self, seen: Seen, name: str) -> Any:
        kept = [each for each in self.endpoints[name]["deployedModels"] if each["id"] != seen.json["deployedModelId"]]
        return self._begin(lambda: self.endpoints[name].update(deployedModels=kept))

    def _delete_endpoint(self, _: Seen, name: str) -> Any:
        if self.endpoints[name].get("deployedModels"):
            return refused(400, "The endpoint has deployed models", "FAILED_PRECONDITION")
        return self._begin(lambda: self.endpoints.pop(name))

    def _delete_model(self, _: Seen, name: str) -> Any:
        if any(each.get("deployedModels") for each in self.endpoints.values()):
            return refused(400, "The model is deployed", "FAILED_PRECONDITION")
        return self._begin(lambda: self.models.pop(name))

    def _begin(self, act: Any) -> dict[str, Any]:
        """An operation, which is done when it is asked about the second time."""
        name = f"{HOME}/operations/{next(self._numbers)}"
        self.operations[name] = {"left": 1, "act": act}
        return {"name": name, "done": False}

    def _operation(self, _: Seen, name: str) -> Any:
        found = self.operations[name]
        if "error" in found:
            return {"name": name, "done": True, "error": found["error"]}
        if found["left"]:
            found["left"] -= 1
            return {"name": name, "done": False}
        found["act"]()
        return {"name": name, "done": True, "response": {}}

    def _answer(self, _: Seen, name: str) -> Any:
        if name not in self.endpoints:
            return refused(404, "No such endpoint")
        content = {"role": "model", "parts": [{"text": "ready"}]}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 1, "totalTokenCount": 10}
        return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def refused(code: int, message: str, status: str | None = None, details: Any = ()) -> Answer:
    """An error as Google puts it."""
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
             429: "RESOURCE_EXHAUSTED"}  # fmt: skip
    status = status or names.get(code, "INTERNAL")
    return Answer(code, {"error": {"code": code, "message": message, "status": status, "details": list(details)}})
