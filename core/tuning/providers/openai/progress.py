"""What OpenAI says about a job: its state, its events, its checkpoints and its table of results."""

import base64
import binascii
import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from core.tuning.providers import hosted
from core.tuning.providers.openai.access import is_status, said
from core.tuning.providers.protocol import JobStatus, JobView, MetricPoint, NewJobEvent

#: Our state and a phase in words, by OpenAI's status. `paused` is possible, though not in its list.
STATES: dict[str, tuple[Any, str]] = {
    "validating_files": ("queued", "OpenAI checks the files"),
    "queued": ("queued", "in OpenAI's queue"),
    "running": ("running", "training"),
    "paused": ("paused", "paused at OpenAI"),
    "succeeded": ("trained", "trained"),
    "failed": ("failed", ""),
    "cancelled": ("cancelled", ""),
}
#: OpenAI's names of a value, in events, checkpoints and the table of results, and ours.
_SERIES = {
    "train_loss": "loss",
    "train_accuracy": "accuracy",
    "train_mean_token_accuracy": "accuracy",
    "valid_loss": "val_loss",
    "valid_accuracy": "val_accuracy",
    "valid_mean_token_accuracy": "val_accuracy",
    "full_valid_loss": "full_val_loss",
    "full_valid_mean_token_accuracy": "full_val_accuracy",
}
_STEP_OF = re.compile(r"\bStep (\d+)(?:/(\d+))?")
_LEVELS = {"warn": "warning", "warning": "warning", "error": "error"}
_MOST_RESULT_BYTES = 64 << 20


def polled(client: Any, job: JobView, now: dt.datetime) -> JobStatus:
    """Return what is so now. Raises the SDK's errors."""
    found = client.fine_tuning.jobs.retrieve(job.remote_id)
    status = text(found.status)
    state, phase = STATES.get(status, ("unknown", ""))
    notes, points, newest, steps = _events(client, job)
    notes = [*_of_upload(job), *notes, *_checkpoints(client, job)]
    remote: dict[str, Any] = {"told": True} | ({"seen_event": newest} if newest else {})
    if state == "trained":
        more_notes, more_points = _results(client, found)
        notes, points = [*notes, *more_notes], [*points, *more_points]
    done, total = steps
    error, code, advice = _failure(found) if state == "failed" else ("", "", "")
    return JobStatus(
        state,
        provider_status=status,
        phase=phase,
        done_steps=done,
        total_steps=total,
        seconds_left=_seconds_left(found, now) if state == "running" else None,
        notes=notes,
        points=points,
        remote=remote,
        tokens_trained=whole(getattr(found, "trained_tokens", None)),
        error=error,
        error_code=code,
        advice=advice,
    )


def gone(job: JobView, error: Any) -> JobStatus:
    """Return an alarm for a job that was there and cannot be found, which is never the same as cancelled."""
    words = (
        f"OpenAI knows no job {job.remote_id} for this key ({said(error)}). It is looked for on; if OPENAI_API_KEY "
        "belongs to another organisation or project now, set the one that started it."
    )
    return JobStatus("unknown", provider_status="not found", notes=[NewJobEvent(words, "error", source="not-found")])


def text(value: Any) -> str:
    """Return the value where it is a text, else ""."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """Return the value as a whole number; None for what is none."""
    found = hosted.number(value)
    return None if found is None else int(found)


def checkpoints(client: Any, remote_id: str) -> list[dict[str, Any]]:
    """Return the checkpoints of a job, oldest first; none where the service has no such thing.

    Raises the SDK's errors.
    """
    import openai

    def fetch(cursor: Any) -> tuple[list[Any], Any]:
        more = {"after": cursor} if cursor else {}
        page = client.fine_tuning.jobs.checkpoints.list(remote_id, limit=100, **more)
        return _page(page)

    try:
        found = list(hosted.pages(fetch))
    except openai.APIStatusError as error:
        if is_status(error, 404, 405, 501):
            return []
        raise
    return sorted((_checkpoint(each) for each in found), key=lambda each: each["step"] or 0)


def _page(page: Any) -> tuple[list[Any], Any]:
    """Return the entries of a page, and the cursor of the next."""
    entries = page.data if isinstance(getattr(page, "data", None), list) else []
    has_more = getattr(page, "has_more", None) and entries
    return entries, getattr(entries[-1], "id", None) if has_more else None


def _checkpoint(found: Any) -> dict[str, Any]:
    metrics = getattr(found, "metrics", None)
    values = {} if metrics is None else {name: getattr(metrics, name, None) for name in _SERIES}
    return {
        "id": text(getattr(found, "id", None)),
        "name": text(getattr(found, "fine_tuned_model_checkpoint", None)),
        "step": whole(getattr(found, "step_number", None)),
        "metrics": {name: value for name, value in values.items() if hosted.number(value) is not None},
    }


def _checkpoints(client: Any, job: JobView) -> list[NewJobEvent]:
    return [
        NewJobEvent(
            f"Checkpoint of step {each['step']}: {each['name']}",
            "checkpoint",
            data=each,
            source=each["id"] or each["name"],
        )
        for each in checkpoints(client, job.remote_id or "")
    ]


def _of_upload(job: JobView) -> list[NewJobEvent]:
    """Return what was noticed before there was a job to tell it of, told once."""
    if job.remote.get("told"):
        return []
    noticed = enumerate(job.remote.get("noticed") or [])
    return [
        *(NewJobEvent(sentence, "warning", source=f"file:{row}") for row, sentence in noticed),
        *hosted.same_marker(job),
    ]


def _events(
    client: Any, job: JobView
) -> tuple[list[NewJobEvent], list[MetricPoint], str, tuple[int | None, int | None]]:
    """Return notes and points of the events since the last look, the newest event's id, and steps done and in all."""
    new = list(_new_events(client, job))
    notes, points = [], []
    steps: tuple[int | None, int | None] = (None, None)
    for event in reversed(new):
        values = _values(event)
        named = _STEP_OF.search(text(getattr(event, "message", None)))
        said = named.groups() if named else (None, None)
        step, total = whole(values.get("step", said[0])), whole(values.get("total_steps", said[1]))
        if text(getattr(event, "type", None)) == "metrics" and step is not None:
            points += _points(step, values)
        else:
            notes.append(_note(event))
        if step is not None:
            steps = (step, total or steps[1])
    return notes, points, text(getattr(new[0], "id", None)) if new else "", steps


def _new_events(client: Any, job: JobView) -> Iterator[Any]:
    """Newest first, as they come, up to the one that was the newest before."""
    seen = job.remote.get("seen_event")

    def fetch(cursor: Any) -> tuple[list[Any], Any]:
        more = {"after": cursor} if cursor else {}
        return _page(client.fine_tuning.jobs.list_events(job.remote_id, limit=100, **more))

    for event in hosted.pages(fetch):
        if seen and getattr(event, "id", None) == seen:
            return
        yield event


def _values(event: Any) -> Mapping[str, Any]:
    data = getattr(event, "data", None)
    return data if isinstance(data, dict) else {}


def _points(step: int, values: Mapping[str, Any]) -> list[MetricPoint]:
    found = ((ours, hosted.number(values.get(theirs))) for theirs, ours in _SERIES.items())
    return [MetricPoint(name, step, value) for name, value in found if value is not None]


def _note(event: Any) -> NewJobEvent:
    level = _LEVELS.get(text(getattr(event, "level", None)), "message")
    at = whole(getattr(event, "created_at", None))
    return NewJobEvent(
        text(getattr(event, "message", None)),
        level,  # pyright: ignore[reportArgumentType]
        at=None if at is None else dt.datetime.fromtimestamp(at, dt.UTC),
        data=dict(_values(event)) or None,
        source=text(getattr(event, "id", None)) or None,
    )


def _seconds_left(found: Any, now: dt.datetime) -> float | None:
    finish = hosted.number(getattr(found, "estimated_finish", None))
    return None if finish is None else max(finish - now.timestamp(), 0.0)


def _failure(found: Any) -> tuple[str, str, str]:
    """OpenAI's words, its code, and what to do."""
    error = getattr(found, "error", None)
    words, code, param = (text(getattr(error, name, None)) for name in ("message", "code", "param"))
    advice = "Change what it names, and start the job again."
    if param in ("training_file", "validation_file") or "file" in code:
        advice = "Exclude or correct the examples it names on the Data page, create a new version, and train that."
    return words or "OpenAI gave no reason.", code, advice


def _results(client: Any, found: Any) -> tuple[list[NewJobEvent], list[MetricPoint]]:
    """Return the points of the tables of results; a note where one cannot be read, which takes
    nothing from the model.
    """
    import openai

    notes: list[NewJobEvent] = []
    points: list[MetricPoint] = []
    for name in getattr(found, "result_files", None) or []:
        try:
            points += table(client.files.content(name).content[:_MOST_RESULT_BYTES])
        except openai.APIStatusError as error:
            words = f"The table of results {name} cannot be read ({said(error)}); the curves are those of the events."
            notes.append(NewJobEvent(words, "warning", source=f"results:{name}"))
    return notes, points


def table(data: bytes) -> list[MetricPoint]:
    """Return the points of a table of results: CSV, plain or (as OpenAI has sent it) in base64."""
    content = data.decode(errors="replace")
    if "step" not in content.partition("\n")[0]:
        try:
            content = base64.b64decode(b"".join(data.split()), validate=True).decode(errors="replace")
        except binascii.Error:
            return []
    points: list[MetricPoint] = []
    for row in islice(csv.DictReader(io.StringIO(content)), 1_000_000):
        step = whole(row.get("step"))
        if step is not None:
            points += _points(step, row)
    return points
