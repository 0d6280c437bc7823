"""From a trainer's events to what the engine is told. The last event says how it ended, whatever the exit code was."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.tuning.providers.local.runners import Runner, TrainerEvent, TrainerStatus, folders
from core.tuning.providers.local.runners.folders import Begun
from core.tuning.providers.protocol import (
    JobStatus,
    MetricPoint,
    NewJobEvent,
    NotSubmitted,
    ProviderTrouble,
    SubmitUnknown,
)

#: A trainer that ends without a word is started again so often.
MOST_DEATHS = 3
_LAST = frozenset({"done", "failed", "stopped"})
_SOON_S = 1.0
_TAIL_SHOWN = 1_500

#: Names of values in events, and what series they are.
_SERIES: Mapping[str, str] = {
    "loss": "loss", "eval_loss": "val_loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm",
    "tokens_per_s": "tokens_per_s", "accuracy": "accuracy", "eval_accuracy": "val_accuracy",
}  # fmt: skip
_ADVICE: Mapping[str, str] = {
    "no_memory": "Choose a smaller batch, shorter examples, bfloat16 or a smaller base; or use a larger machine.",
    "diverged": "Start it anew with a smaller learning rate.",
    "device_missing": "Choose the CPU, or install the trainer for CUDA on a machine with a GPU.",
    "base_missing": "Choose the base again; it was moved or removed since.",
    "changed": "Start a new job: what this one began with has changed.",
    "too_long": "Allow longer examples, or exclude the long ones.",
}


def polled(folder: Path, remote: Mapping[str, Any], runner: Runner) -> JobStatus:
    """Return what is new since the last poll, and what is so now. Raises `ProviderTrouble`."""
    offset = int(remote.get("offset", 0))
    current = folders.begun(folder)
    if current is None:
        return JobStatus(
            "failed",
            error=f"The folder of the job is gone: {folder}.",
            error_code="folder_gone",
            advice="Start the job again; what it learned was in that folder.",
        )
    try:
        runner.advance(folder)
        # First whether it runs, then what it said: of one that has ended, everything is there to be read.
        status = runner.status(folder)
        events, following = runner.events(folder, offset)
        if status.state == "ended" and runner.events(folder, following)[1] == following:
            return _ended(folder, runner, status, _news(folder, remote, events, following))
    except NotSubmitted as refused:
        if refused.passing:
            raise ProviderTrouble(str(refused)) from None
        return JobStatus("failed", error=str(refused), error_code=refused.code, advice=refused.advice)
    current = folders.begun(folder) or current
    news = _news(folder, remote, events, following)
    return JobStatus(
        "queued" if status.state == "waiting" else "running",
        status.said,
        _phase(status, current, folder),
        **news,
        poll_again_s=_SOON_S,
    )


def _news(folder: Path, remote: Mapping[str, Any], events: Sequence[TrainerEvent], following: int) -> dict[str, Any]:
    """Return notes and points of new events, and how far they say it is."""
    told = [each for each in events if "max_steps" in each.values]
    last = told[-1].values if told else {}
    # Not every event says it; what was said last holds until something else is said.
    lefts = [each.values["seconds_left"] for each in events if "seconds_left" in each.values]
    left = lefts[-1] if lefts else remote.get("seconds_left")
    return {
        "done_steps": last.get("step"),
        "total_steps": last.get("max_steps"),
        "seconds_left": left,
        "notes": list(_notes(folder, events)),
        "points": list(_points(events)),
        "remote": {"offset": following, "seconds_left": left},
    }


def _points(events: Sequence[TrainerEvent]) -> Iterator[MetricPoint]:
    for event in events:
        step = event.values.get("step")
        if event.name != "log" or not isinstance(step, int):
            continue
        for name, series in _SERIES.items():
            value = event.values.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                yield MetricPoint(series, step, float(value))


def _notes(folder: Path, events: Sequence[TrainerEvent]) -> Iterator[NewJobEvent]:
    for event in events:
        # A byte of the file is said once, however often it is read.
        source = f"event {event.at_byte}"
        values = event.values
        if event.name == "start":
            yield NewJobEvent(_start(values), data=dict(values), source=source)
        elif event.name == "checkpoint":
            where = str(folder / "out" / str(values.get("name")))
            yield NewJobEvent(
                str(values.get("name")), "checkpoint", data={"step": values.get("step"), "path": where}, source=source
            )
        elif event.name == "stopped":
            yield NewJobEvent(f"Stopped at step {values.get('step')}, with a checkpoint.", source=source)
        elif event.name == "done":
            yield NewJobEvent(_done(values), data=dict(values), source=source)


def _start(values: Mapping[str, Any]) -> str:
    begins = f"Goes on from {values['resume_from']}" if values.get("resume_from") else "Begins"
    facts = [f"{values['trainable']:,} parameters to train"] if isinstance(values.get("trainable"), int) else []
    facts += [f"{values['train_rows']:,} rows"] if isinstance(values.get("train_rows"), int) else []
    facts += [f"{values['dtype']} on {values['device']}"] if values.get("dtype") and values.get("device") else []
    return f"{begins}: {', '.join(facts)}." if facts else f"{begins}."


def _done(values: Mapping[str, Any]) -> str:
    before, after = values.get("eval_loss_before"), values.get("eval_loss_after")
    if isinstance(before, int | float) and isinstance(after, int | float):
        return f"Trained in {values.get('steps')} steps; validation loss {before:.3f} before, {after:.3f} after."
    return f"Trained in {values.get('steps')} steps."


def _phase(status: TrainerStatus, current: Begun, folder: Path) -> str:
    if current.asked:
        return "stopping at the next step" if current.asked == "stop" else "ending"
    if status.state == "waiting":
        return "waiting for the device"
    said = folders.last_of(folder, frozenset({"start", "train_begin"}), current.offset)
    return "starting" if said is None else "training" if said.name == "train_begin" else "preparing"


def _ended(folder: Path, runner: Runner, status: TrainerStatus, news: dict[str, Any]) -> JobStatus:
    current = folders.begun(folder)
    assert current is not None
    news = {**news, "seconds_left": None, "remote": {**news["remote"], "seconds_left": None}}
    last = folders.last_of(folder, _LAST, current.offset)
    if current.asked == "cancel":
        return JobStatus("cancelled", status.said, **news)
    if (last and last.name == "done") or runner.artifacts(folder) is not None:
        made = runner.artifacts(folder)
        tokens = made.result.get("tokens") if made else None
        return JobStatus("trained", status.said, **news, tokens_trained=tokens if isinstance(tokens, int) else None)
    if last and last.name == "failed":
        code = str(last.values.get("code") or "other")
        return JobStatus(
            "failed",
            status.said,
            **news,
            error=str(last.values.get("error") or "The training failed."),
            error_code=code,
            advice=_ADVICE.get(code, "Look at the events before it, and at trainer.log in the job's folder."),
        )
    if current.asked == "stop":
        return JobStatus("paused", status.said, "stopped", **news)
    return _died(folder, runner, current, status, last, news)


def _died(
    folder: Path, runner: Runner, current: Begun, status: TrainerStatus, last: TrainerEvent | None, news: dict[str, Any]
) -> JobStatus:
    """Nobody asked for the end: it was killed, ran out of memory, or the machine was started anew."""
    how = "was stopped from outside" if last else "ended without a word"
    if current.deaths >= MOST_DEATHS:
        tail = runner.log_tail(folder)[-_TAIL_SHOWN:]
        return JobStatus(
            "failed",
            status.said,
            **news,
            error_code="died",
            error=f"The trainer {how}, for the {MOST_DEATHS + 1}th time. The last it printed: {tail or 'nothing'}",
            advice="If the system ended it for want of memory, choose a smaller batch or base. Trying again goes on "
            "from the last checkpoint.",
        )
    left = folders.checkpoints(folder)
    since = f"goes on from {left[-1].name}" if left else "begins anew"
    try:
        runner.resume(folder, died=True)
    except SubmitUnknown as unknown:
        raise ProviderTrouble(str(unknown)) from None
    warning = NewJobEvent(
        f"The trainer {how}; it {since} ({current.deaths + 1} of {MOST_DEATHS}).",
        "warning",
        source=f"death {current.attempt}",
    )
    return JobStatus(
        "queued", status.said, "starting again", **{**news, "notes": [*news["notes"], warning]}, poll_again_s=_SOON_S
    )
