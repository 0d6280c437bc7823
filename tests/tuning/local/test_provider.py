"""The provider's own steps with a trainer that learns nothing: what lies in a job's folder, and where it runs."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.tuning.providers import registry
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.local import places
from core.tuning.providers.local.runners import folders
from core.tuning.providers.local.runners.local import LocalRunner
from core.tuning.providers.protocol import JobView, NotSubmitted, NotThere, ProviderTrouble, Spec
from tests.tuning.local import crash
from tests.tuning.local.conftest import settings_with
from tests.tuning.runners.conftest import until
from tests.tuning.runners.ray_head import RayHead

DATA = DataFacts(1, "plans@1", "ab" * 32, 16, 2, 2, 1_600, 200, 200, 60, True, 4_000)
PROVIDER = registry.provider("local")

Make = Callable[..., JobView]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A job as the engine would show it."""
    (tmp_path / "service").mkdir()
    records = tmp_path / ("5" * 64 + ".jsonl")
    records.write_text('{"messages": []}\n')
    with crash.serve(tmp_path / "service") as machine:
        for name, value in machine.environment.items():
            monkeypatch.setenv(name, value)
        crash.provider()

        def job(chosen: dict[str, Any] | None = None, base: str = crash.CASE.spec.base_model, **given: Any) -> JobView:
            settings = settings_with(tmp_path, **given)
            folder = tmp_path / "tuning" / "jobs" / "k1"
            folder.mkdir(parents=True, exist_ok=True)
            spec = Spec("local", base, "sft", chosen or {})
            return JobView(
                1,
                "k1",
                0,
                "uploading",
                spec,
                {},
                None,
                None,
                folder,
                lambda _f: Files(records, None, None),
                DATA,
                settings,
            )

        yield job
        LocalRunner(places.device(settings_with(tmp_path))).kill(tmp_path / "tuning" / "jobs" / "k1")


def silent(_what: str, _share: float | None) -> None:
    """Nobody listens."""


def uploaded(view: JobView) -> JobView:
    return replace(view, remote={**view.remote, **PROVIDER.upload(view, silent)})


def done(view: JobView) -> JobView:
    """Poll until it is trained."""
    held = [view]

    def trained() -> bool:
        polled = PROVIDER.poll(held[0])
        assert polled.state in ("queued", "running", "trained"), polled
        held[0] = replace(held[0], remote={**held[0].remote, **polled.remote})
        return polled.state == "trained"

    until(trained)
    return held[0]


def test_what_lies_in_the_folder_of_a_job(job: Make) -> None:
    view = uploaded(job({"epochs": 2, "rank": 4, "gradient_accumulation": 2, "threads": 3}))
    said = json.loads((view.folder / "job.json").read_text())
    assert said == {
        "base": crash.CASE.spec.base_model,
        "train": "5" * 64 + ".jsonl",
        "val": None,
        "engine": "trl",
        "seed": 1,
        "epochs": 2,
        "learning_rate": 2e-4,
        "batch_size": 4,
        "grad_accum": 2,
        "max_length": 1024,
        "warmup_steps": 1,
        "save_steps": 50,
        "eval_steps": 1,
        "log_steps": 1,
        "threads": 3,
        "dtype": "auto",
        "device": "auto",
        "lora": {"r": 4, "alpha": 16, "dropout": 0.0, "target_modules": "all-linear"},
        "hub": False,
    }
    records = view.files("openai").train
    assert (view.folder / records.name).samefile(records)  # linked, not copied
    assert (view.folder / "trainer" / "train.py").exists()
    assert PROVIDER.upload(view, silent) == {**view.remote}  # and once more it is the same
    assert json.loads((view.folder / "job.json").read_text()) == said


def test_a_job_is_begun_once_and_made(job: Make) -> None:
    view = uploaded(job())
    with pytest.raises(NotThere):
        PROVIDER.find(view)
    submitted = PROVIDER.submit(view)
    assert submitted.remote_id == "k1"
    assert PROVIDER.find(view) == submitted
    assert PROVIDER.submit(view) == submitted
    view = done(view)
    made = PROVIDER.finish(view, silent)
    assert (made.kind, made.serving, made.cost_usd) == ("tuned", "none", 0)
    assert [each["format"] for each in made.artefacts] == ["gguf", "peft"]
    assert Path(made.artefacts[0]["path"]).read_bytes() == b"GGUF"
    assert "the base is none of Ollama's" in made.note
    assert folders.begun(view.folder).attempt == 1  # pyright: ignore[reportOptionalMemberAccess]


def test_no_trainer_is_said_before_anything_is_begun(job: Make, tmp_path: Path) -> None:
    view = uploaded(job())
    (tmp_path / "trainer" / "current.json").unlink()
    with pytest.raises(NotSubmitted) as refused:
        PROVIDER.submit(view)
    assert refused.value.code == "no_trainer"
    with pytest.raises(NotThere):
        PROVIDER.find(view)


def test_a_base_that_is_gone_is_said(job: Make, tmp_path: Path) -> None:
    with pytest.raises(NotSubmitted, match="There is no model in"):
        uploaded(job(base=str(tmp_path / "nowhere")))
    with pytest.raises(ProviderTrouble, match="does not answer"):
        uploaded(job(base="ollama:tiny"))


def test_a_job_on_a_cluster_lies_where_its_machines_see_it(job: Make, tmp_path: Path) -> None:
    head = RayHead(tmp_path / "head", token="t0ken")
    shared = tmp_path / "shared"
    try:
        view = uploaded(
            job(
                {"runner": "ray", "device": "cpu"},
                RAY_ADDRESS=head.address,
                RAY_AUTH_TOKEN="t0ken",
                WHETSTONE_RAY_PYTHON=sys.executable,
                WHETSTONE_RAY_FOLDER=shared,
            )
        )
        there = shared / "jobs" / "k1"
        assert view.remote["folder"] == str(there)
        assert PROVIDER.submit(view).remote_id == "whetstone-k1-1"
        assert PROVIDER.find(view).remote_id == "whetstone-k1-1"  # pyright: ignore[reportOptionalMemberAccess]
        view = done(view)
        made = PROVIDER.finish(view, silent)
        assert Path(made.artefacts[0]["path"]).parent == view.folder  # what is kept is kept here
        (body,) = [body for method, path, body in head.requests if (method, path) == ("POST", "/api/jobs/")]
        assert body["entrypoint"] == f"exec {sys.executable} {there}/trainer/train.py {there}"
        assert body["entrypoint_num_cpus"] == 1
    finally:
        head.close()


@pytest.mark.parametrize(
    ("chosen", "reserved"),
    [
        ({"device": "auto"}, {}),
        ({"device": "cpu"}, {"entrypoint_num_cpus": 1}),
        ({"device": "cuda"}, {"entrypoint_num_gpus": 1}),
        ({"device": "cuda", "gpus": 4}, {"entrypoint_num_gpus": 4}),
    ],
)
def test_what_is_reserved_on_a_cluster(
    job: Make, tmp_path: Path, chosen: dict[str, Any], reserved: dict[str, int]
) -> None:
    head = RayHead(tmp_path / "head")
    try:
        given = {"RAY_ADDRESS": head.address, "WHETSTONE_RAY_PYTHON": "/opt/python"}
        view = uploaded(job({"runner": "ray", **chosen}, **given))
        PROVIDER.submit(view)
        body = head.requests[-1][2]
    finally:
        head.close()
    assert {name: value for name, value in body.items() if name.startswith("entrypoint_num")} == reserved
    assert ("torch.distributed.run" in body["entrypoint"]) is (chosen.get("gpus", 1) > 1)


def test_a_cluster_without_a_python_takes_nothing(job: Make) -> None:
    view = uploaded(job({"runner": "ray"}, RAY_ADDRESS="http://127.0.0.1:9"))
    with pytest.raises(NotSubmitted, match="WHETSTONE_RAY_PYTHON is not set"):
        PROVIDER.submit(view)


def test_it_offers_what_it_can_do() -> None:
    can = PROVIDER.capabilities
    assert (can.methods, can.finds, can.costs_money, can.is_on_a_machine) == (("sft",), "exact", False, True)
    assert PROVIDER.bases(settings_with(Path("/nowhere"))) == []
