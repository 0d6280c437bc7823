"""From a job that its provider has to its end: polled, asked for what a person wants, made into a model.

Each function does one step and returns whether the next one follows at once.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func

from core.db.transient import TRANSIENT_ERRORS
from core.errors import WhetstoneError
from core.text import describe_error, sanitize
from core.tuning.engine.leases import LeaseLost
from core.tuning.engine.step import JobStep, Stopping
from core.tuning.jobs import FINISHING, Job
from core.tuning.providers import pricing
from core.tuning.providers.protocol import JobStatus, NewJobEvent, NotSubmitted, ProviderTrouble, State, TrainedModel

#: Soon after something was asked for, to see what became of it.
_SOON_S = 2.0
_LONGEST_NAME = 100


def poll(work: JobStep) -> bool:
    """Ask how far the job is, and write down what is new, in one transaction."""
    try:
        polled = work.provider.poll(work.view())
    except Exception as error:  # noqa: BLE001 whatever it was, and be it that the job is not there: it is as it was
        work.trouble(error)
        return False
    if polled.state in ("cancelled", "failed", "expired"):
        news = {**_news(work, polled), "seconds_left": None}
        notes = news.pop("notes")
        del news["seconds_left"]
        cost = {"actual_cost": _kept_cost(news["remote"])}
        work.end(
            polled.state, notes=notes, error=polled.error, code=polled.error_code, advice=polled.advice, **news, **cost
        )
    elif polled.state == "trained":
        _trained(work, polled)
    elif polled.state == "again":
        _next_stage(work, polled)
    else:
        _goes_on(work, polled)
    return False


def _goes_on(work: JobStep, polled: JobStatus) -> None:
    job = work.job
    state: State = polled.state or job.state  # pyright: ignore[reportAssignmentType] the other words are handled above
    if job.state == "cancelling":
        state = "cancelling"  # until it says how it ended, it has not
    on_machine = work.provider.capabilities.is_on_a_machine
    age = dt.datetime.now(dt.UTC) - (job.started_at or job.submitted_at or job.created_at)
    pause = work.schedule.until_poll(max(0.0, age.total_seconds()), on_machine=on_machine and state != "paused")
    work.write(
        "polled",
        state=state,
        **_news(work, polled),
        started_at=job.started_at or (func.now() if state == "running" else None),
        release_s=pause if polled.poll_again_s is None else polled.poll_again_s,
    )


def _news(work: JobStep, polled: JobStatus) -> dict[str, Any]:
    """Return what every poll writes down."""
    job = work.job
    phase = sanitize(polled.phase) or job.phase
    return {
        "faults": 0,
        "provider_status": sanitize(polled.provider_status) or job.provider_status,
        # One word is ours: it says that the provider is done.
        "phase": f"{phase}…" if phase.startswith(FINISHING) else phase,
        "done_steps": job.done_steps if polled.done_steps is None else polled.done_steps,
        "total_steps": job.total_steps if polled.total_steps is None else polled.total_steps,
        "seconds_left": polled.seconds_left,
        "tokens_trained": job.tokens_trained if polled.tokens_trained is None else polled.tokens_trained,
        "remote": work.merged(polled.remote),
        "notes": polled.notes,
        "points": polled.points,
    }


def _kept_cost(remote: Mapping[str, Any]) -> Decimal | None:
    """Return what a provider kept in `remote` as spent until now, where it knows that: its job may
    end before `finish`.
    """
    return None if remote.get("cost_usd") is None else Decimal(str(remote["cost_usd"]))


def _trained(work: JobStep, polled: JobStatus) -> None:
    """Leave what is left, to make it usable, to whoever has time for it: that may take long, and is due at once."""
    news = _news(work, polled)
    if work.job.state == "cancelling":
        words = f"{work.job.where} was done before the cancellation took effect; the model is kept, and is charged for."
        news["notes"] = [*polled.notes, NewJobEvent(words, "warning")]
        news["wants"] = None
    news |= {"phase": FINISHING, "seconds_left": None}
    work.write("trained", state="running", **news, started_at=work.job.started_at or func.now(), release_s=0.0)


def _next_stage(work: JobStep, polled: JobStatus) -> None:
    """Something paid comes next: it is uploaded and submitted like the first, with its own intent."""
    news = _news(work, polled)
    if work.job.state == "cancelling" or work.job.wants == "cancel":
        notes = [*news.pop("notes"), NewJobEvent(f"Cancelled; nothing more was sent to {work.job.where}.")]
        del news["seconds_left"]
        work.end("cancelled", notes=notes, **news, actual_cost=_kept_cost(news["remote"]))
        return
    work.write(
        "again",
        state="uploading",
        stage=work.job.stage + 1,
        remote_id=None,
        submitted_at=None,
        searches=0,
        **news,
        release_s=0.0,
    )


def ask(work: JobStep) -> bool:
    """Do what a person asked for. The wish is committed: whoever comes next asks again, which harms nothing."""
    try:
        match work.job.wants:
            case "cancel":
                _ask_to_cancel(work)
            case "stop":
                words = work.provider.stop(work.view())  # pyright: ignore[reportAttributeAccessIssue] it says it can
                notes = [NewJobEvent(words)] if words else []
                work.write("stopped", wants=None, faults=0, notes=notes, release_s=_SOON_S / 2)
            case _:
                _resume(work)
    except (LeaseLost, Stopping):
        raise
    except NotSubmitted as error:
        work.end("failed", error=str(error), code=error.code, advice=error.advice)
    except WhetstoneError as error:
        work.trouble(error)
    return False


def _ask_to_cancel(work: JobStep) -> None:
    job = work.job
    if not work.provider.capabilities.cancels:
        words = f"{job.where} does not offer to cancel; the job goes on to its end."
        work.write("asked", wants=None, notes=[NewJobEvent(words, "warning")], release_s=_SOON_S)
        return
    if job.state != "cancelling":
        work.write("cancelling", state="cancelling")
    words = work.provider.cancel(work.view())
    work.write("asked", wants=None, faults=0, notes=[NewJobEvent(words)] if words else [], release_s=_SOON_S)


def _resume(work: JobStep) -> None:
    submitted = work.provider.resume(work.view())  # pyright: ignore[reportAttributeAccessIssue] its capabilities say so
    work.write(
        "resumed",
        state="queued",
        wants=None,
        faults=0,
        remote_id=submitted.remote_id,
        provider_status=submitted.provider_status,
        remote=work.merged(submitted.remote),
        release_s=0.0,
    )


def finish(work: JobStep) -> bool:
    """Make the result usable; model, cost and the end of the job are one transaction."""
    job = work.job
    if job.wants == "cancel":
        words = f"Cancelled after {job.where} was done: it may charge for it, and keeps what it made ({job.remote_id})."
        work.end("cancelled", notes=[NewJobEvent(words, "warning")], actual_cost=_kept_cost(job.remote))
        return False
    try:
        made = work.provider.finish(work.view(), work.report_progress)
    except (LeaseLost, Stopping, *TRANSIENT_ERRORS):
        raise
    except NotSubmitted as error:
        work.end("failed", error=str(error), code=error.code, advice=error.advice)
        return False
    except ProviderTrouble as error:
        work.trouble(error)
        return False
    except Exception as error:  # noqa: BLE001 the training is paid for: whatever it was, it is tried again
        if work.job.faults + 1 < work.schedule.tries:
            work.trouble(error)
            return False
        done = "training" if work.provider.capabilities.trains else "part that is paid for"
        advice = f"The {done} is done; try again when the cause is gone, which costs nothing."
        work.end("failed", error=describe_error(error), advice=advice)
        return False
    tokens = work.job.tokens_trained if made.tokens_trained is None else made.tokens_trained
    cost = made.cost_usd if made.cost_usd is not None else _cost(work.job, tokens)
    work.end(
        "succeeded",
        notes=[NewJobEvent(made.note, "warning" if not made.call_name else "message")] if made.note else [],
        phase="",
        actual_cost=cost,
        tokens_trained=tokens,
        result_model_id=made.call_name or None,
        within=lambda connection: _register(connection, work.job, replace(made, cost_usd=cost, tokens_trained=tokens)),
    )
    return False


def _cost(job: Job, tokens: int | None) -> Decimal | None:
    """Return what the tokens that the provider counted cost; None where they, or the price, are not known."""
    price = pricing.price(None, job.provider, job.base_model).usd_per_million
    if price is not None and price == 0:
        return Decimal(0)
    return None if tokens is None else pricing.range_usd(tokens, 1, 1, price)[0]


def _register(connection: Connection, job: Job, made: TrainedModel) -> None:
    from core.models import register_in

    register_in(
        connection,
        job_id=job.id,
        dataset_id=job.dataset_id,
        provider=job.provider,
        base_model=job.base_model,
        name=job.name or f"{job.dataset_label} on {job.base_model}"[:_LONGEST_NAME],
        made=made,
        actor=job.created_by,
    )
