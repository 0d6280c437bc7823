"""What Google says about a tuning job, in our words."""

from collections.abc import Iterator
from typing import Any

from core.tuning.providers import hosted
from core.tuning.providers.gemini.access import TITLE, said
from core.tuning.providers.gemini.checks import EPOCHS
from core.tuning.providers.protocol import JobStatus, JobView, NewJobEvent

#: Our state and a phase in words, by Google's state.
STATES: dict[str, tuple[Any, str]] = {
    "JOB_STATE_QUEUED": ("queued", "in Google's queue"),
    "JOB_STATE_PENDING": ("queued", "Google prepares the job"),
    "JOB_STATE_RUNNING": ("running", "training"),
    "JOB_STATE_UPDATING": ("running", "training"),
    "JOB_STATE_PAUSED": ("paused", "paused at Google"),
    "JOB_STATE_CANCELLING": ("cancelling", "Google ends the job"),
    "JOB_STATE_SUCCEEDED": ("trained", "trained"),
    "JOB_STATE_PARTIALLY_SUCCEEDED": ("trained", "trained in part"),
    "JOB_STATE_FAILED": ("failed", ""),
    "JOB_STATE_CANCELLED": ("cancelled", ""),
    "JOB_STATE_EXPIRED": ("expired", ""),
}
#: Where a job that runs is in detail; Google says it for some.
_DETAILS = {
    "TUNING_JOB_STATE_WAITING_FOR_QUOTA": "waiting for quota",
    "TUNING_JOB_STATE_PROCESSING_DATASET": "Google reads the examples",
    "TUNING_JOB_STATE_WAITING_FOR_CAPACITY": "waiting for machines",
    "TUNING_JOB_STATE_TUNING": "training",
    "TUNING_JOB_STATE_POST_PROCESSING": "finishing",
}


def polled(found: Any, job: JobView) -> JobStatus:
    """Return the state of a job as the SDK gives it."""
    status = word(found.state)
    state, phase = STATES.get(status, ("unknown", ""))
    if state == "running":
        phase = _DETAILS.get(word(getattr(found, "tuning_job_state", None)), phase)
    stats = _stats(found)
    error, code, advice = _failure(found, state)
    return JobStatus(
        state,
        provider_status=status,
        phase=phase,
        total_steps=whole(getattr(stats, "tuning_step_count", None)),
        notes=[*hosted.same_marker(job), *_notes(found, stats), *_endings(found, status)],
        tokens_trained=tokens(found) if state == "trained" else None,
        error=error,
        error_code=code,
        advice=advice,
    )


def gone(job: JobView, error: Any) -> JobStatus:
    """Return an alarm for a job that was there and cannot be found, which is never the same as cancelled."""
    words = (
        f"{TITLE} knows no job {job.remote_id} ({said(error)}). It is looked for on; if GOOGLE_CLOUD_PROJECT or the "
        "credentials are others now, set those that started it."
    )
    return JobStatus("unknown", provider_status="not found", notes=[NewJobEvent(words, "error", source="not-found")])


def word(value: Any) -> str:
    """Google's word for a state, as it came."""
    text = getattr(value, "value", value)
    return text if isinstance(text, str) else ""


def whole(value: Any) -> int | None:
    """Return the value as a whole number; None for what is none."""
    found = hosted.number(value)
    return None if found is None else int(found)


def tokens(found: Any) -> int | None:
    """Training tokens that are paid: Google counts those of the examples, and its price is for each epoch of them."""
    counted = whole(getattr(_stats(found), "total_billable_token_count", None))
    return None if counted is None else counted * epochs(found)


def epochs(found: Any) -> int:
    """Return how often a job goes through its examples."""
    spec = getattr(found, "supervised_tuning_spec", None)
    return whole(getattr(getattr(spec, "hyper_parameters", None), "epoch_count", None)) or EPOCHS


def checkpoints(found: Any) -> list[dict[str, Any]]:
    """Return the checkpoints of a job, each with an endpoint of its own where it can be asked."""
    made = getattr(getattr(found, "tuned_model", None), "checkpoints", None) or []
    return [
        {
            "id": each.checkpoint_id,
            "epoch": whole(each.epoch),
            "step": whole(each.step),
            "name": f"vertex:{each.endpoint}" if each.endpoint else "",
            "endpoint": each.endpoint or "",
        }
        for each in made
    ]


def _stats(found: Any) -> Any:
    return getattr(getattr(found, "tuning_data_stats", None), "supervised_tuning_data_stats", None)


def _notes(found: Any, stats: Any) -> Iterator[NewJobEvent]:
    for each in checkpoints(found):
        words = f"Checkpoint {each['id']} of epoch {each['epoch']}, step {each['step']}"
        yield NewJobEvent(words, "checkpoint", data=each, source=f"checkpoint:{each['id']}")
    left_out = whole(getattr(stats, "total_truncated_example_count", None)) or 0
    if left_out:
        rows = getattr(stats, "truncated_example_indices", None) or []
        reasons = getattr(stats, "dropped_example_reasons", None) or []
        named = "; ".join(f"example {row}: {why}" for row, why in zip(rows[:5], reasons, strict=False))
        of_all = whole(getattr(stats, "tuning_dataset_example_count", None))
        words = f"Google left out or cut {left_out:,}{f' of {of_all:,}' if of_all else ''} examples. {named}".strip()
        yield NewJobEvent(words, "warning", data={"rows": list(rows), "reasons": list(reasons)}, source="left-out")


def _endings(found: Any, status: str) -> Iterator[NewJobEvent]:
    if status == "JOB_STATE_PARTIALLY_SUCCEEDED":
        why = getattr(getattr(found, "error", None), "message", None) or "no reason given"
        words = f"Google made the model, and parts of the result are missing: {why}. Try it before it is used."
        yield NewJobEvent(words, "warning", source="partially")
    endpoint = getattr(getattr(found, "tuned_model", None), "endpoint", None)
    if endpoint and STATES.get(status, ("",))[0] == "trained":
        words = (
            f"Google has deployed the model by itself, to the shared endpoint {endpoint}: it is asked and paid by "
            "tokens, and costs nothing by the hour."
        )
        yield NewJobEvent(words, source="deployed")


def _failure(found: Any, state: str) -> tuple[str, str, str]:
    """Google's words, its code, and what to do."""
    if state == "expired":
        return "Google let the job expire before it was done.", "", "Start it again."
    if state != "failed":
        return "", "", ""
    error = getattr(found, "error", None)
    words = getattr(error, "message", None) or "Google gave no reason."
    advice = "Change what it names, and start the job again."
    if any(each in words.lower() for each in ("permission", "access", "bucket")):
        advice = "Let Google's tuning service agent read the bucket (roles/storage.objectViewer), and start it again."
    elif any(each in words.lower() for each in ("example", "dataset", "jsonl")):
        advice = "Exclude or correct the examples it names on the Data page, create a new version, and train that."
    return words, str(getattr(error, "code", None) or ""), advice
