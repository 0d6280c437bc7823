"""`models`, `model`, `add-model`, `deploy`, `undeploy`, `rollback`, `serve`, `unserve`, `evaluate` and `compare`."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar, cast

import typer

from core import deployments, evaluation, models
from core.cli import AsJson, Workspace, command, database, show
from core.commands.worker import Worker
from core.datasets.splits import SplitName
from core.db import Database
from core.deployments import Deployment, lineage
from core.evaluation import Evaluation, comparison, rows
from core.metrics import Mean
from core.models import Model
from core.settings import get_settings
from core.tuning import serving
from core.tuning.commands import registry
from core.tuning.providers.local.ollama import conversations

Which = Annotated[str, typer.Argument(metavar="MODEL", help="The id or the name of a model.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
Wait = Annotated[bool, typer.Option("--wait", help="Work on it here until it is done.")]

_LOOK_EVERY_S = 0.2
_T = TypeVar("_T")


@command("models")
def list_models(
    archived: Annotated[bool, typer.Option("--archived", help="Archived models too.")] = False,
    kind: Annotated[models.Kind | None, typer.Option("--kind", help="Only one kind.")] = None,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """All models, the newest first, with their last evaluation."""
    db = database(workspace)
    found = [each for each in models.all_models(db, archived=archived) if kind in (None, each.kind)]
    scores = evaluation.latest(db, [each.id for each in found])
    lines = [_line(each, scores.get(each.id)) for each in found]
    facts = [{**_facts(each), "evaluation": _evaluated(scores.get(each.id))} for each in found]
    none = "There is no model yet. Train one with `tune`, or add a base model with `add-model`."
    show(facts, as_json=as_json, text="\n".join(lines or [none]))


@command("model")
def one_model(which: Which, workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """One model: where it comes from, what it is made of, what it is worth, and when it was in use."""
    db = database(workspace)
    found = lineage.of(db, which)
    facts = {
        **_facts(found.model, everything=True),
        "dataset": found.dataset.label if found.dataset else None,
        "examples": dict(found.examples),
        "job": asdict(found.job) if found.job else None,
        "deployments": [asdict(each) for each in found.deployments],
        "evaluations": [_evaluated(each) for each in found.evaluations],
    }
    model = found.model
    counts = ", ".join(f"{name} {number:,}" for name, number in found.examples.items())
    lines = [
        f"{model.name} (model {model.id}, {_KINDS[model.kind]}){', in use' if model.in_use else ''}",
        f"  called   {model.call_name or f'by nothing yet ({model.serving})'}",
        f"  base     {model.base_model} ({model.provider})",
    ]
    lines += [f"  dataset  {found.dataset.label} ({counts})"] if found.dataset else []
    lines += [f"  job      {found.job.id}, {found.job.state}, by {found.job.created_by}"] if found.job else []
    lines += [f"  cost     ${model.cost_usd:,.2f}"] if model.cost_usd is not None else []
    lines += [f"  last day {model.shutdown_date}"] if model.shutdown_date else []
    lines += [f"  {name} = {value}" for name, value in model.parameters.items() if not isinstance(value, dict | list)]
    lines += [f"  artefact {each.get('sha256', '')} {_named(each)}".rstrip() for each in model.artefacts]
    lines += [f"  {_evaluation_line(each)}" for each in found.evaluations]
    lines += [f"  {_deployed(each)}" for each in found.deployments]
    lines += _conversation(model)
    lines += ["", model.notes] if model.notes else []
    show(facts, as_json=as_json, text="\n".join(lines))


@command("add-model")
def add_model(
    call_name: Annotated[str, typer.Argument(metavar="PROVIDER:NAME", help="As in ollama:qwen3:4b.")],
    name: Annotated[str, typer.Option("--name", help="What it is called in the registry.")] = "",
    reason: Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Put a model that answers already into the registry, to compare and deploy it."""
    made = models.add_base(database(workspace), call_name, name=name, actor=get_settings().actor, reason=reason)
    show(_facts(made), as_json=as_json, text=f"{made.name} is in the registry, as model {made.id}.")


@command("deploy")
def deploy(which: Which, reason: Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Let the orchestrator plan, write and judge with this model from now on."""
    made = deployments.deploy(database(workspace), which, actor=get_settings().actor, reason=reason)
    show(asdict(made), as_json=as_json, text=f"{made.model_name} ({made.call_name}) is in use from now on.")


@command("undeploy")
def undeploy(reason: Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Let the built-in planner plan from now on, without a model."""
    ended = deployments.undeploy(database(workspace), actor=get_settings().actor, reason=reason)
    show(
        asdict(ended),
        as_json=as_json,
        text=f"{ended.model_name} is not in use any more; the built-in planner plans from now on.",
    )


@command("rollback")
def rollback(reason: Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Bring back what was in use before the model that is deployed now; again: one further back."""
    db = database(workspace)
    former = deployments.before(db)
    now = deployments.rollback(db, actor=get_settings().actor, reason=reason)
    facts = {"now": asdict(now) if now else None, "planner": now.call_name if now else former.by_hand if former else ""}
    show(facts, as_json=as_json, text=f"Rolled back: {former} is in use from now on.")


@command("serve")
def serve(
    which: Which,
    confirm_cost: Annotated[bool, typer.Option("--confirm-cost", help="Yes to what it costs by the hour.")] = False,
    wait: Wait = False,
    reason: Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Have its provider make a model answer."""
    db = database(workspace)
    model = serving.serve(db, which, actor=get_settings().actor, reason=reason, confirmed_hourly=confirm_cost)
    _served(db, model, wait, as_json)


@command("unserve")
def unserve(
    which: Which, wait: Wait = False, reason: Reason = "", workspace: Workspace = "public", as_json: AsJson = False
) -> None:
    """Have its provider end what makes a model answer, and what that costs."""
    db = database(workspace)
    _served(db, serving.unserve(db, which, actor=get_settings().actor, reason=reason), wait, as_json)


@command("evaluate")
def evaluate(
    which: Which,
    label: Annotated[str, typer.Argument(metavar="DATASET[@VERSION]", help="Without version: the newest frozen one.")],
    split: Annotated[str, typer.Option("--split", help="Which records: train, validation or test.")] = "test",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many records.")] = None,
    confirm_cost: Annotated[bool, typer.Option("--confirm-cost", help="Yes to what asking may cost.")] = False,
    wait: Wait = False,
    reason: Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Have a model answer the frozen records of a split, and measure the answers."""
    db = database(workspace)
    part = cast(SplitName, split)
    made = evaluation.start(
        db, which, label, part, limit, actor=get_settings().actor, reason=reason, confirmed_cost=confirm_cost
    )
    found = evaluation.get(db, made)
    if wait:
        found = _until(db, lambda: evaluation.get(db, made), lambda now: now.state != "running")
    show(_evaluated(found), as_json=as_json, text=_evaluation_line(found))
    if found.state == "failed":
        raise typer.Exit(1)


@command("compare")
def compare(
    first: Annotated[int, typer.Argument(metavar="EVALUATION", help="The number of an evaluation.")],
    second: Annotated[int, typer.Argument(metavar="EVALUATION", help="That of another one on the same split.")],
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Two evaluations on the same records: who was right where the other was not, and whether that may be luck."""
    found = comparison.compare(database(workspace), first, second)
    verdict = "better" if found.is_better else "worse" if found.is_worse else "no clear difference"
    by = "exact" if found.is_clear_in_exact else "likeness"
    facts = {
        "a": _evaluated(found.a),
        "b": _evaluated(found.b),
        "n": found.n,
        "both": found.both,
        "only_a": found.only_a,
        "only_b": found.only_b,
        "neither": found.neither,
        "p": found.p,
        "exact": asdict(found.exact),
        "similarity": asdict(found.similarity),
        "verdict": verdict,
        "indicative": found.is_indicative,
        "by": by if found.is_better or found.is_worse else None,
    }
    sentence, told = found.sentence(), f" (by {by})" if facts["by"] else ""
    show(facts, as_json=as_json, text=f"{sentence[0].upper()}{sentence[1:]}\n{found.a.model_name}: {verdict}{told}.")


def _until(db: Database, look: Callable[[], _T], is_so: Callable[[_T], bool]) -> _T:
    """Return what it has become, by a worker of this process or by any other."""
    worker = Worker(db, registry(), workspaces=[db.schema], threads=1)
    worker.start()
    try:
        while not is_so(now := look()):
            time.sleep(_LOOK_EVERY_S)
        return now
    finally:
        worker.stop()


def _served(db: Database, model: Model, wait: bool, as_json: bool) -> None:
    if wait:
        model = _until(db, lambda: models.get(db, model.id), lambda now: not now.is_moving)
    error = f": {model.serving_error}" if model.serving_error else "."
    show(_facts(model), as_json=as_json, text=f"{model.name}: {model.serving}{error}")
    if model.serving == "failed":
        raise typer.Exit(1)


def _facts(model: Model, *, everything: bool = False) -> dict[str, Any]:
    """As JSON; what makes it up only when asked for."""
    long = {"parameters", "checkpoints", "artefacts", "profile", "serving_remote", "notes"}
    return {name: value for name, value in asdict(model).items() if everything or name not in long}


def _evaluated(found: Evaluation | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _line(model: Model, score: Evaluation | None) -> str:
    parts = [f"{'*' if model.in_use else ' '} {model.id:>4}", model.name, _KINDS[model.kind]]
    parts += [model.call_name or f"not served ({model.serving})"]
    parts += [_score(score)] if score else []
    parts += ["past its last day"] if model.is_past() else []
    return "  ".join(parts)


_KINDS = {"base": "base", "tuned": "tuned", "profile": "profile (prompt)"}


def _score(found: Evaluation) -> str:
    exact = found.mean("exact")
    if exact is None:
        return f"{found.dataset_label} {found.split}: {found.state}, {found.row_done:,} of {found.row_total:,}"
    few = ", indicative only" if found.is_indicative else ""
    return f"exact {_mean(exact)} on {found.dataset_label} {found.split}{few}"


def _mean(mean: Mean) -> str:
    return f"{mean.mean:.3f} ({mean.low:.3f} to {mean.high:.3f}, n {mean.n:,})"


def _evaluation_line(found: Evaluation) -> str:
    cost = "at an unknown cost" if found.cost_usd is None else f"for ${found.cost_usd:,.4f}"
    told = f"Evaluation {found.id}: {found.model_name}, {_score(found)}, {cost}."
    return " ".join(filter(None, [told, rows.why_skipped(found.row_skipped), found.error]))


def _conversation(model: Model) -> list[str]:
    """Where Ollama reads conversations in another way than the training did: the first of them, as both make it."""
    compared = conversations.of_model(model.serving_remote)
    if compared is None or compared.verdict != "different":
        return []
    first = next((each for each in compared.conversations if each.differs), None)
    lines = ["", compared.sentence]
    for who, text in (("The training", first.trained), ("Ollama", first.ollama)) if first else ():
        lines += [f"{who}:", *(f"  {line}" for line in (text or "It does not show its text.").split("\n"))]
    return lines


def _named(artefact: Any) -> str:
    return str(next((artefact[key] for key in ("name", "path", "id", "kind") if artefact.get(key)), ""))


def _deployed(each: Deployment) -> str:
    until = (
        "until now" if each.ended_at is None else f"until {each.ended_at:%Y-%m-%d %H:%M} ({each.end_reason or 'ended'})"
    )
    why = f": {each.reason}" if each.reason else ""
    return f"In use from {each.at:%Y-%m-%d %H:%M} {until}, by {each.actor}{why}"
