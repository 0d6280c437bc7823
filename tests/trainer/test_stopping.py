"""Stopped, killed and started twice: in the end it is the adapter that it would have been."""

import signal
import sys
from pathlib import Path

import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import Tiny
from trainer.alone import Taken, alone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")


def test_whatever_interrupts_it_the_adapter_is_the_same(trained: TrainerJob, tiny: Tiny, tmp_path: Path) -> None:
    """Asked to stop before the first step, stopped by a signal, killed, and each time started again."""
    job = TrainerJob(tiny, tmp_path / "job", slow_ms=20)
    stop_at_once(job)
    stop_by_signal(job)
    kill(job)
    job.change(slow_ms=0)
    job.finished()
    assert [each["resume_from"] for each in job.events("start")][:2] == [None, None]
    assert [each["resume_from"] for each in job.events("start")][3] == "checkpoint-75"
    assert job.adapter == trained.adapter
    assert job.result["eval_loss_after"] == trained.result["eval_loss_after"]
    assert job.result["eval_loss_before"] == trained.result["eval_loss_before"]
    assert job.result["tokens"] == trained.result["tokens"]
    uninterrupted = trained.curve()
    assert {step: loss for step, loss in job.curve().items() if step > 80} == {
        step: loss for step, loss in uninterrupted.items() if step > 80
    }


def stop_at_once(job: TrainerJob) -> None:
    (job.folder / "stop").touch()
    assert job.run() == 75
    assert job.events()[-1] | {"t": 0} == {"t": 0, "event": "stopped", "step": 0, "max_steps": 0, "by": "stop file"}
    assert not (job.folder / "stop").exists()


def stop_by_signal(job: TrainerJob) -> None:
    with job.started() as process:
        job.wait_for_step(process, 20)
        busy = TrainerJob(job.tiny, job.folder, **job.values)
        before = (job.folder / "lock").read_text()
        assert busy.run() == 73
        assert f"process {process.pid}" in busy.said
        assert (job.folder / "lock").read_text() == before
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 75
    checkpoint, stopped = job.events()[-2:]
    assert stopped["event"] == "stopped"
    assert stopped["by"] == "SIGTERM"
    assert checkpoint["name"] == f"checkpoint-{stopped['step']}"
    assert len(job.events("start")) == 2  # none of the second trainer


def kill(job: TrainerJob) -> None:
    with job.started() as process:
        job.wait_for_step(process, 80)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (job.folder / "result.json").exists()


def test_data_that_changed_since_is_refused(trained: TrainerJob, tmp_path: Path) -> None:
    job = TrainerJob(trained.tiny, tmp_path / "job")
    for path in (trained.folder / "out").rglob("*"):
        if path.is_file():
            copy = job.folder / "out" / path.relative_to(trained.folder / "out")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (job.folder / "inputs.json").write_bytes((trained.folder / "inputs.json").read_bytes())
    job.change(train=str(trained.tiny.folder / "val.jsonl"), seed=9)
    assert job.run() == 1
    failed = job.events("failed")[-1]
    assert failed["code"] == "changed"
    assert failed["error"] == ("Since this training began, the training records and job.json changed; begin a new job.")


def test_a_folder_belongs_to_one_process_and_is_free_after_it(tmp_path: Path) -> None:
    held = alone(tmp_path)
    with pytest.raises(Taken, match="Another trainer"):
        alone(tmp_path)
    held.close()
    alone(tmp_path).close()
