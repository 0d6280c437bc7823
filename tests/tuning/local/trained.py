"""A job whose training is done, as the engine shows it, and the model that came of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.protocol import JobView, ModelView, Spec, TrainedModel

DATA = DataFacts(1, "tickets@2", "ab" * 32, 200, 50, 50, 9_000, 2_000, 2_000, 60, True, 40_000)


def settings_with(home: Path, **values: Any) -> Settings:
    """Settings of this test alone, whatever the environment says."""
    usual = {"WHETSTONE_HOME": home, "OLLAMA_HOST": "http://127.0.0.1:9"}
    absent = dict.fromkeys(("RAY_ADDRESS", "RAY_AUTH_TOKEN", "WHETSTONE_RAY_PYTHON", "WHETSTONE_RAY_FOLDER"))
    return Settings(_env_file=None, **{**absent, **usual, **values})  # pyright: ignore[reportCallIssue]


def silent(_what: str, _share: float | None) -> None:
    """Nobody listens."""


class Trained:
    """A job that is trained, in a home of its own."""

    def __init__(self, home: Path, trained: Path, settings: dict[str, Any]) -> None:
        self.home = home
        self.folder = home / "tuning" / "jobs" / "k1"
        shutil.copytree(trained, self.folder)
        self.settings = settings

    def job(
        self, base: str = "ollama:tiny", name: str = "", *, given: dict[str, Any] | None = None, **chosen: Any
    ) -> JobView:
        settings = settings_with(self.home, **{**self.settings, **(given or {})})
        spec = Spec("local", base, "sft", chosen, name)
        return JobView(
            1,
            "k1",
            0,
            "running",
            spec,
            {"base": {"tag": "tiny:latest", "digest": ""}},
            "k1",
            None,
            self.folder,
            lambda _f: Files(Path("t"), None, None),
            DATA,
            settings,
        )


def model_of(made: TrainedModel, job: JobView, **changes: Any) -> ModelView:
    """The model in the registry."""
    model = ModelView(
        1,
        job.spec.name or "tickets",
        "tuned",
        job.spec.base_model,
        made.call_name,
        json.loads(json.dumps(dict(made.parameters))),
        json.loads(json.dumps(list(made.artefacts))),
        dict(made.serving_remote),
        None,
        job.folder,
        job.settings,
    )
    return replace(model, **changes)
