"""Trainers as processes of this machine: one at a time, found again, stopped, insisted on, never mistaken."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.tuning.providers.local.runners import folders, processes
from core.tuning.providers.local.runners.local import LocalRunner, environment
from core.tuning.providers.protocol import NotSubmitted
from tests.tuning.runners.conftest import PROGRAM, MakeWork, ends, names, reaches, until


def test_a_trainer_runs_to_its_end(runner: LocalRunner, work: MakeWork) -> None:
    job = work()
    assert runner.find(job.folder, job.key) is None
    assert runner.submit(job) == job.key
    assert runner.find(job.folder, job.key) == job.key
    assert runner.find(job.folder, "another") is None
    until(ends(runner, job.folder))
    assert names(job.folder) == ["start", "train_begin", *["log"] * 4, "done"]
    made = runner.artifacts(job.folder)
    assert made is not None
    assert made.result == {"steps": 4}
    assert runner.log_tail(job.folder) == "began at 0"


def test_submitting_twice_begins_one(runner: LocalRunner, work: MakeWork) -> None:
    job = work(steps=200, step_s=0.05)
    runner.submit(job)
    runner.submit(job)
    until(reaches(runner, job.folder, 2))
    assert names(job.folder).count("start") == 1


def test_a_finished_trainer_is_not_run_again(runner: LocalRunner, work: MakeWork) -> None:
    job = work()
    runner.submit(job)
    until(ends(runner, job.folder))
    before = names(job.folder)
    runner.submit(job)
    assert runner.status(job.folder).state == "ended"
    assert names(job.folder) == before
    assert runner.artifacts(job.folder) is not None


def test_it_outlives_the_process_that_started_it_and_is_found_again(work: MakeWork, tmp_path: Path) -> None:
    job = work(steps=500, step_s=0.05)
    start = (
        "import sys, time; from pathlib import Path; from core.tuning.providers.local.runners import TrainerRun;"
        "from core.tuning.providers.local.runners.local import LocalRunner;"
        f"LocalRunner(Path({str(tmp_path / 'device')!r})).submit("
        f"TrainerRun(Path({str(job.folder)!r}), {job.key!r}, {job.python!r}, Path({str(PROGRAM)!r})));"
        "print('begun', flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter:
        assert starter.stdout.readline() == "begun\n"
        starter.kill()
    runner = LocalRunner(tmp_path / "device")
    assert runner.status(job.folder).state == "running"
    seen = runner.events(job.folder, 0)[1]
    until(lambda: runner.events(job.folder, seen)[0] != [])
    assert runner.submit(job) == job.key  # which begins no second one
    runner.stop(job.folder)
    until(ends(runner, job.folder))
    assert names(job.folder).count("start") == 1
    assert names(job.folder)[-1] == "stopped"


def test_one_whose_starter_was_killed_at_that_moment_is_found_by_its_command(
    runner: LocalRunner, work: MakeWork
) -> None:
    job = work(steps=500, step_s=0.05)
    runner.submit(job)
    until(reaches(runner, job.folder, 1))
    begun = folders.begun(job.folder)
    assert begun is not None
    folders.note(job.folder, begun, state="starting", pid=None, pid_started=None)
    runner.advance(job.folder)
    found = folders.begun(job.folder)
    assert found is not None
    assert (found.pid, found.state) == (begun.pid, "started")
    assert names(job.folder).count("start") == 1


def test_one_that_was_never_started_is_started(runner: LocalRunner, work: MakeWork) -> None:
    job = work()
    folders.note(job.folder, folders.begin(job.folder, job, 1.0), state="starting")
    assert runner.find(job.folder, job.key) == job.key
    assert runner.status(job.folder).state == "waiting"
    until(ends(runner, job.folder))
    assert names(job.folder)[-1] == "done"


def test_a_recycled_number_is_not_mistaken_for_the_trainer(runner: LocalRunner, work: MakeWork) -> None:
    job = work()
    runner.submit(job)
    until(ends(runner, job.folder))
    begun = folders.begun(job.folder)
    assert begun is not None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as other:
        folders.note(job.folder, begun, pid=other.pid)  # the number has gone to a process that started later
        started = begun.pid_started
        folders.note(job.folder, begun, pid=other.pid, pid_started=started - 100 if started else None)
        assert runner.status(job.folder).state == "ended"
        runner.kill(job.folder)
        runner.stop(job.folder)
        runner.cancel(job.folder)
        assert other.poll() is None
        other.kill()


def test_a_stop_leaves_a_checkpoint_to_go_on_from(runner: LocalRunner, work: MakeWork) -> None:
    job = work(steps=300, step_s=0.03)
    runner.submit(job)
    until(reaches(runner, job.folder, 7))
    runner.stop(job.folder)
    until(ends(runner, job.folder))
    assert names(job.folder)[-2:] == ["checkpoint", "stopped"]
    left = folders.checkpoints(job.folder)[-1]
    (job.folder / "job.json").write_text('{"steps": 12, "step_s": 0.01, "save_steps": 5}')
    runner.resume(job.folder)
    until(ends(runner, job.folder))
    begun = folders.begun(job.folder)
    assert begun is not None
    assert (begun.attempt, begun.deaths) == (2, 0)
    first = folders.events(job.folder, begun.offset)[0][0]
    assert first.values["resume_from"] == left.name
    assert names(job.folder)[-1] == "done"


def test_who_does_not_listen_is_ended_by_force(work: MakeWork, tmp_path: Path) -> None:
    now = [1000.0]
    runner = LocalRunner(tmp_path / "device", clock=lambda: now[0])
    job = work(steps=5000, step_s=0.05, fault="deaf")
    runner.submit(job)
    until(reaches(runner, job.folder, 1))
    runner.stop(job.folder)
    now[0] += 10  # the signal
    runner.advance(job.folder)
    assert runner.status(job.folder).state == "running"
    now[0] += 400
    runner.advance(job.folder)
    assert runner.status(job.folder).state == "ended"


def test_a_cancel_is_a_signal_at_once(runner: LocalRunner, work: MakeWork) -> None:
    job = work(steps=5000, step_s=0.05)
    runner.submit(job)
    until(reaches(runner, job.folder, 1))
    runner.cancel(job.folder)
    until(ends(runner, job.folder))
    begun = folders.begun(job.folder)
    assert begun is not None
    assert begun.asked == "cancel"


def test_others_wait_for_the_device_in_the_order_they_came(runner: LocalRunner, work: MakeWork, tmp_path: Path) -> None:
    jobs = [work(name, steps=500, step_s=0.05) for name in "abc"]
    for job in jobs:
        runner.submit(job)
    assert [runner.status(job.folder).state for job in jobs] == ["running", "waiting", "waiting"]
    assert runner.is_busy()
    assert not runner.is_busy(besides=jobs[0].folder)
    runner.kill(jobs[0].folder)
    LocalRunner(tmp_path / "device").advance(jobs[2].folder)  # another process asks first, and is not first in line
    assert runner.status(jobs[2].folder).state == "waiting"
    runner.advance(jobs[1].folder)
    assert [runner.status(job.folder).state for job in jobs] == ["ended", "running", "waiting"]


def test_who_waits_can_be_cancelled_and_no_longer_stands_in_the_way(runner: LocalRunner, work: MakeWork) -> None:
    first, second, third = (work(name, steps=500, step_s=0.05) for name in "abc")
    for job in (first, second, third):
        runner.submit(job)
    runner.cancel(second.folder)
    assert runner.status(second.folder).state == "ended"
    runner.kill(first.folder)
    runner.advance(third.folder)
    assert runner.status(third.folder).state == "running"
    assert names(second.folder) == []


def test_who_was_forgotten_does_not_stand_in_the_way(work: MakeWork, tmp_path: Path) -> None:
    now = [0.0]
    runner = LocalRunner(tmp_path / "device", clock=lambda: now[0])
    first, forgotten, third = (work(name, steps=500, step_s=0.05) for name in "abc")
    for job in (first, forgotten, third):
        now[0] += 1
        runner.submit(job)
    runner.kill(first.folder)
    stamp = psutil.boot_time()
    os.utime(tmp_path / "device" / "line" / f"{forgotten.key}.json", (stamp, stamp))
    now[0] = stamp + 1000
    runner.advance(third.folder)
    assert runner.status(third.folder).state == "running"
    runner.kill(third.folder)


def test_a_python_that_is_not_there_is_said(runner: LocalRunner, work: MakeWork) -> None:
    job = replace(work(), python="/nowhere/python")
    with pytest.raises(NotSubmitted, match="cannot be started with /nowhere/python") as refused:
        runner.submit(job)
    assert refused.value.code == "no_trainer"


def test_several_processes_end_together(runner: LocalRunner, work: MakeWork) -> None:
    """What the leader started, as torchrun does, is ended with it, also when the leader was killed before."""
    job = work(steps=5000, step_s=0.05)
    script = job.folder / "many.py"
    script.write_text(
        "import subprocess, sys\n"
        f"[subprocess.Popen([sys.executable, {str(PROGRAM)!r}, sys.argv[1]]) for _ in range(2)]\n"
        "import time; time.sleep(600)\n"
    )
    runner.submit(replace(job, program=script))
    until(reaches(runner, job.folder, 1))
    begun = folders.begun(job.folder)
    assert begun is not None
    assert begun.pid is not None
    family = psutil.Process(begun.pid).children()
    assert len(family) == 2
    os.kill(begun.pid, signal.SIGKILL)
    until(ends(runner, job.folder))
    assert all(each.is_running() for each in family)
    runner.kill(job.folder)
    psutil.wait_procs(family, timeout=20)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


def test_secrets_are_not_for_the_trainer(work: MakeWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    seen = environment(replace(work(), environment={"HF_HUB_OFFLINE": "1"}))
    assert not {"OPENAI_API_KEY", "GOOGLE_API_KEY", "DATABASE_URL"} & set(seen)
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["HF_HUB_OFFLINE"]) == ("1", "1")


def test_a_line_that_is_not_whole_is_left_for_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_bytes(b'{"event": "start"}\n{"event": "log", "st')
    found, offset = folders.events(tmp_path, 0)
    assert [each.name for each in found] == ["start"]
    assert folders.events(tmp_path, offset) == ([], offset)
    with file.open("ab") as more:
        more.write(b'ep": 7}\n')
    (event,), end = folders.events(tmp_path, offset)
    assert (event.values["step"], event.at_byte) == (7, offset)
    assert end == file.stat().st_size


def test_a_line_that_a_killed_trainer_left_torn_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "progress.jsonl").write_bytes(b'{"event": "lo{"event": "start"}\n{"event": "log"}\n[1]\n')
    found, _ = folders.events(tmp_path, 0)
    assert [each.name for each in found] == ["log"]


def test_a_process_is_known_by_its_number_and_its_start() -> None:
    me, started = os.getpid(), processes.identity(os.getpid())
    assert started is not None
    assert processes.is_alive(me, started)
    assert not processes.is_alive(me, started - 60)
    assert not processes.is_alive(None, None)
    assert processes.identity(2**22 + 1) is None
