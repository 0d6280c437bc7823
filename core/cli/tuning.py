"""`tune`, `jobs`, `job` and `cancel`: fine-tuning from the command line."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, get_args

import orjson
import typer

from core.cli import AsJson, Workspace, command, database, printable, put, show
from core.db import Database
from core.errors import TuningRefused
from core.money import dollars
from core.settings import get_settings
from core.tuning import jobs, preflight
from core.tuning.engine import Poller
from core.tuning.jobs import Job, JobEvent
from core.tuning.providers import registry
from core.tuning.providers.protocol import STATES, CheckReport, Estimate, Method, ProviderId, Spec, State

JobId = Annotated[int, typer.Argument(metavar="ID", help="The number of the job.")]
Follow = Annotated[bool, typer.Option("--follow", help="Tell what happens until the job ends, or a person is asked.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the job's history and the audit log.")]

_METHODS: tuple[Method, ...] = get_args(Method)
_LOOK_EVERY_S = 0.5
#: What `job ID --act` can do, beside `cancel`.
_ACTS: dict[str, Callable[..., object]] = {
    "stop": jobs.stop, "resume": jobs.resume, "retry": jobs.retry, "look-again": jobs.look_again,
    "submit-again": jobs.submit_again, "give-up": jobs.give_up, "archive": jobs.archive, "unarchive": jobs.unarchive,
}  # fmt: skip


@command("tune")
def tune(
    dataset: Annotated[str, typer.Argument(metavar="DATASET[@V]", help="Without version: the newest frozen one.")],
    provider: Annotated[ProviderId, typer.Option("--provider", help="Who trains.")],
    base: Annotated[str, typer.Option("--base", help="The model to start from, as the provider calls it.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="May be given again.")] = None,
    method: Annotated[Method | None, typer.Option("--method", help="The provider's usual one unless given.")] = None,
    name: Annotated[str, typer.Option("--name", help="What the model shall be called.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Even if the same was trained before.")] = False,
    over_budget: Annotated[
        bool, typer.Option("--over-budget", help="Even if it may cost more than is left of the month's budget.")
    ] = False,
    check_only: Annotated[bool, typer.Option("--check-only", help="Check and estimate; make no job.")] = False,
    follow: Follow = False,
    reason: Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on a frozen dataset version."""
    method = method or registry.provider(provider).capabilities.methods[0]
    spec = Spec(provider, base, method, _settings(set_ or []), name)
    db = database(workspace)
    if check_only:
        checked = preflight.check(db, spec, dataset, live=True, again=again, over_budget=over_budget)
        show(
            {
                "can_start": checked.can_start,
                "obstacles": [asdict(each) for each in checked.obstacles],
                "estimate": asdict(checked.estimate),
            },
            as_json=as_json,
            text=_describe_check(checked),
        )
        if not checked.can_start:
            raise typer.Exit(1)
        return
    job = jobs.create(
        db, spec, dataset, actor=get_settings().actor, reason=reason, again=again, over_budget=over_budget
    )
    _show_or_follow(db, job, follow=follow, as_json=as_json)


@command("jobs")
def list_jobs(
    state: Annotated[list[str] | None, typer.Option("--state", help="Only these; may be given again.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Archived jobs too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 50,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Fine-tuning jobs, the newest first."""
    found = jobs.page(
        database(workspace), states=[_state(word) for word in state] if state else None, limit=limit, archived=archived
    )
    lines = [_line(job) for job in found.rows] or ["There is no such fine-tuning job."]
    show([_as_json(job) for job in found.rows], as_json=as_json, text="\n".join(lines))


@command("job")
def one_job(
    job_id: JobId,
    follow: Follow = False,
    act: Annotated[str, typer.Option("--act", help=f"Ask for something: {', '.join(_ACTS)}.")] = "",
    reason: Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """One fine-tuning job with its history; or ask something of it."""
    db = database(workspace)
    if act:
        if act not in _ACTS:
            raise TuningRefused(f"--act {act!r} is not known; choose one of {', '.join(_ACTS)}.")
        answer = _ACTS[act](db, job_id, actor=get_settings().actor, reason=reason)
        _say(answer if isinstance(answer, str) else f"{act} is done for job {job_id}.", as_json=as_json)
    _show_or_follow(db, jobs.get(db, job_id), follow=follow, as_json=as_json)


@command("cancel")
def cancel(job_id: JobId, reason: Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Cancel a fine-tuning job, also one that a provider has."""
    db = database(workspace)
    words = jobs.cancel(db, job_id, actor=get_settings().actor, reason=reason)
    show({**_as_json(jobs.get(db, job_id)), "words": words}, as_json=as_json, text=words)


def _show_or_follow(db: Database, job: Job, *, follow: bool, as_json: bool) -> None:
    if follow:
        job = _followed(db, job, as_json=as_json)
    happened = jobs.events(db, job.id, limit=1_000)
    if as_json or not follow:
        told = [_line(job), *(_event(each) for each in happened), *_hints(job)]
        show({**_as_json(job), "events": [asdict(each) for each in happened]}, as_json=as_json, text="\n".join(told))
    else:
        _say("\n".join([_line(job), *_hints(job)]), as_json=as_json)
    if follow and job.state in ("failed", "blocked", "expired", "cancelled"):
        raise typer.Exit(1)


def _followed(db: Database, job: Job, *, as_json: bool) -> Job:
    """Tell what happens. This process looks after jobs meanwhile, unless another does: then it only looks on."""
    poller = Poller(db, workspaces=[db.schema])
    poller.start()
    seen, said = 0, ""
    try:
        while True:
            job = jobs.get(db, job.id)
            for event in jobs.events(db, job.id, after=seen):
                seen = event.id
                _say(_event(event), as_json=as_json)
            progress = _progress(job)
            if progress and progress != said:
                said = progress
                _say(f"          {progress}", as_json=as_json)
            if not job.is_open or job.needs_person:
                return job
            time.sleep(_LOOK_EVERY_S)
    finally:
        poller.stop()


def _say(line: str, *, as_json: bool) -> None:
    if not as_json:
        put(printable(line))


def _progress(job: Job) -> str:
    pieces = [job.phase] if job.phase else []
    if job.total_steps:
        pieces.append(f"step {job.done_steps:,} of {job.total_steps:,}")
    if job.seconds_left is not None:
        pieces.append(f"about {job.seconds_left:,.0f} s left")
    return ", ".join(pieces)


def _event(event: JobEvent) -> str:
    words = f"{event.state.replace('_', ' ')}  {event.message}" if event.kind == "state" else event.message
    sign = {"warning": "! ", "error": "! ", "asked": f"{event.actor}: "}.get(event.kind, "")
    return f"{event.at:%H:%M:%S}  {sign}{words}".rstrip()


def _line(job: Job) -> str:
    pieces = [f"{job.id}", job.state.replace("_", " "), job.provider, job.title]
    if job.is_open and (progress := _progress(job)):
        pieces.append(progress)
    if job.actual_cost is not None:
        pieces.append(dollars(job.actual_cost))
    elif job.estimated_high is not None:
        pieces.append(f"up to {dollars(job.estimated_high)}")
    if job.model_id is not None:
        pieces.append(f"model {job.model_name!r}")
    return "  ".join(pieces)


def _hints(job: Job) -> list[str]:
    lines = [f"Error: {job.error}"] if job.error else []
    lines += [f"What to do: {job.advice}"] if job.advice else []
    if job.state == "validating":
        lines.append(f"The app, or a worker, takes it up; `python -m core job {job.id} --follow` does so here.")
    return lines


def _as_json(job: Job) -> dict[str, Any]:
    return {**asdict(job), "is_open": job.is_open, "needs_person": job.needs_person}


def _describe_check(checked: CheckReport) -> str:
    lines = [f"{'✗' if each.blocks else '!'} {each.sentence} {each.remedy}" for each in checked.obstacles]
    verdict = "It can start." if checked.can_start else "It cannot start."
    return "\n".join([*lines, f"{verdict} {_estimated(checked.estimate)}"])


def _estimated(estimate: Estimate) -> str:
    low, high = estimate.cost_low, estimate.cost_high
    most = high if high is not None else low
    if most is None:
        cost = "What it costs is not known."
    elif low is not None and low != most:
        cost = f"It costs {dollars(low)} to {dollars(most)}."
    else:
        cost = "It costs nothing." if most == 0 else f"It costs about {dollars(most)}."
    takes = "" if estimate.seconds is None else f" It takes about {estimate.seconds / 60:,.0f} minutes."
    return f"{cost}{takes} {estimate.basis}"


def _state(word: str) -> State:
    for each in STATES:
        if word.replace("-", "_") == each:
            return each
    raise TuningRefused(f"--state {word!r} is not known; choose one of {', '.join(STATES)}.")


def _settings(pairs: list[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise TuningRefused(f"--set {pair!r} is no setting; write KEY=VALUE, as in epochs=3.")
        chosen[key.strip()] = _value(value.strip())
    return chosen


def _value(text: str) -> Any:
    """Return a number, true or false where it is one; else the text as it stands."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, int | float | bool | str) else text
