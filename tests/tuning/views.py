"""Jobs and models as a provider sees them, with real files, and nothing of an engine."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.protocol import JobStatus, JobView, ModelView, Provider, Spec, Submitted

DATA = DataFacts(
    dataset_id=1,
    label="plans@1",
    root_hash="00",
    train=100,
    validation=10,
    test=10,
    tokens_train=50_000,
    tokens_validation=5_000,
    tokens_test=5_000,
    longest_tokens=2_000,
    is_exact=True,
    size_bytes=300_000,
)
KEY = "0123456789abcdef0123456789abcdef"


def settings(home: Path, **values: Any) -> Settings:
    """Settings with only these values."""
    return Settings(_env_file=None, WHETSTONE_HOME=home, **values)  # pyright: ignore[reportCallIssue]


def chat(number: int) -> dict[str, Any]:
    """A record in OpenAI's format."""
    return {
        "messages": [
            {"role": "system", "content": "Plan."},
            {"role": "user", "content": f"Write post {number}"},
            {"role": "assistant", "content": f"1. Draft post {number}"},
        ]
    }


def gemini(number: int) -> dict[str, Any]:
    """The same record in Gemini's format."""
    return {
        "systemInstruction": {"parts": [{"text": "Plan."}]},
        "contents": [
            {"role": "user", "parts": [{"text": f"Write post {number}"}]},
            {"role": "model", "parts": [{"text": f"1. Draft post {number}"}]},
        ],
    }


def preference(number: int) -> dict[str, Any]:
    """A pair of a better and a worse answer."""
    return {
        "input": {"messages": [{"role": "user", "content": f"Write post {number}"}]},
        "preferred_output": [{"role": "assistant", "content": "1. Draft"}],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    }


RECORDS = {"openai": chat, "gemini": gemini, "dpo": preference}


def file_of(folder: Path, records: Sequence[Any]) -> Path:
    """A file of these records, named by its hash."""
    data = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    path = folder / f"{hashlib.sha256(data).hexdigest()}.jsonl"
    path.write_bytes(data)
    return path


class Jobs:
    """Makes views of jobs, and plays the engine's part: keeps what a provider returns."""

    def __init__(self, folder: Path, chosen: Settings, *, train: int = 12, validation: int = 3):
        self.folder, self.settings = folder, chosen
        self._counts = train, validation

    def files(self, name: str) -> Files:
        record = RECORDS[name]
        train, validation = self._counts
        return Files(
            file_of(self.folder, [record(number) for number in range(train)]),
            file_of(self.folder, [record(1_000 + number) for number in range(validation)]) if validation else None,
            None,
        )

    def view(self, spec: Spec, *, key: str = KEY, **values: Any) -> JobView:
        usual: dict[str, Any] = {
            "id": 1, "key": key, "stage": 0, "state": "submitting", "spec": spec, "remote": {}, "remote_id": None,
            "submitted_at": dt.datetime.now(dt.UTC), "folder": self.folder, "files": self.files, "data": DATA,
            "settings": self.settings,
        }  # fmt: skip
        return JobView(**{**usual, **values})

    def uploaded(self, provider: Provider, spec: Spec, **values: Any) -> JobView:
        """A job whose files are where the provider reads them."""
        view = self.view(spec, **values)
        return with_remote(view, provider.upload(view, quiet))

    def submitted(self, provider: Provider, spec: Spec, **values: Any) -> JobView:
        """A job that the provider has."""
        view = self.uploaded(provider, spec, **values)
        return adopted(view, provider.submit(view))


def quiet(words: str, part: float | None) -> None:
    """Nobody listens."""


def with_remote(view: JobView, remote: Mapping[str, Any]) -> JobView:
    """The view with what is to be kept. It goes through JSON, as it does in the database."""
    return replace(view, remote=json.loads(json.dumps({**view.remote, **remote})))


def adopted(view: JobView, found: Submitted | None) -> JobView:
    assert found is not None
    return with_remote(replace(view, remote_id=found.remote_id, state="queued"), found.remote)


def looked_at(provider: Provider, view: JobView) -> tuple[JobView, JobStatus]:
    """One poll, and the job after it."""
    polled = provider.poll(view)
    return with_remote(view, polled.remote), polled


def model_of(call_name: str, chosen: Settings, folder: Path, **values: Any) -> ModelView:
    usual: dict[str, Any] = {
        "id": 1, "name": "plans", "kind": "tuned", "base_model": "", "call_name": call_name, "parameters": {},
        "artefacts": [], "serving_remote": {}, "profile": None, "folder": folder, "settings": chosen,
    }  # fmt: skip
    return ModelView(**{**usual, **values})
