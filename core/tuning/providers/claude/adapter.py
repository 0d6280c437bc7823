"""Claude: a profile instead of tuning, which Anthropic does not offer.

A profile is a system prompt with examples. Which examples is decided by what they gain on the validation split, asked
through Message Batches. No model changes, and nothing here is called training.

A batch bears no mark of ours but the ids of its requests, and those can be read only when it has ended. So a batch
whose creation was not answered is found by its size and the time of its creation, and taken for ours when its ids
prove it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from core.errors import ModelUnavailable, TuningRefused
from core.llm import prices
from core.llm.models import Model
from core.settings import Settings
from core.tuning.providers.claude import checks, document, messages, requests, stages
from core.tuning.providers.claude.answers import BatchAnswer, Bill
from core.tuning.providers.claude.batches import MOST_BYTES, Batch, Batches
from core.tuning.providers.claude.options import SETTINGS, wishes
from core.tuning.providers.claude.records import FORM, at
from core.tuning.providers.claude.selection import BASE
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.protocol import (
    Capabilities,
    CheckReport,
    JobStatus,
    JobView,
    Method,
    ModelView,
    NewJobEvent,
    NotSubmitted,
    ProviderId,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    TrainedModel,
)

#: A batch is looked for so long before and after it was sent: clocks differ, and a large one takes a while to send.
_BEFORE = dt.timedelta(hours=1)
_AFTER = dt.timedelta(hours=2)
#: How soon to look again for a batch that has to end before it can be told whose it is.
_LOOK_AGAIN_S = 300


class ClaudeProfile:
    """Profiles for Claude, chosen by measured gain."""

    id: ProviderId = "claude"
    capabilities = Capabilities(
        trains=False,
        methods=("profile",),
        finds="likely",
        cancels=True,
        stops_and_resumes=False,
        retries_free=False,
        costs_money=True,
        hosting_costs=False,
    )

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        """Return what can be chosen, with defaults."""
        return SETTINGS

    def bases(self, settings: Settings) -> Sequence[str]:
        """Return the models whose price of asking is known."""
        return [each.model for each in prices.table() if each.provider == "anthropic"]

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        """Everything that stands in the way; `live` asks whether the key may use the base, which is free."""
        return checks.check(spec, data, settings, live=live)

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Choose what is asked. Nothing leaves this machine yet."""
        report_progress("choosing examples", None)
        wished, files = wishes(job.spec.settings), _files(job)
        try:
            if job.stage == 0:
                plan = stages.plan_validation(files, job.data, wished)
            else:
                plan = stages.plan_test(files, job.remote["stage0"], job.remote["result0"]["chosen"], wished)
        except TuningRefused as refused:
            raise NotSubmitted(str(refused), code="too_small", advice="Create a version with other records.") from None
        return {f"stage{job.stage}": plan}

    def submit(self, job: JobView) -> Submitted:
        """Send the batch of this stage, once."""
        batches = _batches(job, NotSubmitted)
        plan = job.remote[f"stage{job.stage}"]
        asked = list(
            stages.asked(plan, _files(job), job.stage, job.key, job.spec.base_model, wishes(job.spec.settings))
        )
        size = sum(len(orjson.dumps(each)) for each in asked)
        if size > MOST_BYTES:
            raise NotSubmitted(
                f"The batch would have {size / 2**20:,.0f} MB; Anthropic takes {MOST_BYTES // 2**20} MB.",
                code="too_long",
                advice="Choose fewer validation records, or smaller numbers of examples.",
            )
        batch = batches.create(asked)
        return Submitted(batch.id, batch.status, {f"batch{job.stage}": batch.id})

    def find(self, job: JobView) -> Submitted | None:
        """Return the batch of this stage, if one of those created around then has our ids.

        Raises `ProviderTrouble` naming those of its size that cannot be told yet, because they have not ended.
        """
        batches = _batches(job, ProviderTrouble)
        sent = job.submitted_at or dt.datetime.now(dt.UTC)
        total = job.remote[f"stage{job.stage}"]["requests"]
        unproven = []
        for batch in batches.since(sent - _BEFORE):
            if batch.total != total or batch.created_at > sent + _AFTER or batch.is_archived:
                continue
            if batch.status != "ended":
                unproven.append(batch)
            elif _is_ours(batches, batch, requests.prefix(job.key, job.stage)):
                return Submitted(batch.id, batch.status, {f"batch{job.stage}": batch.id})
        if unproven:
            raise _not_told(unproven)
        return None

    def poll(self, job: JobView) -> JobStatus:
        """How far the batch is, and when it ended what its answers say."""
        batches = _batches(job, ProviderTrouble)
        plan = job.remote[f"stage{job.stage}"]
        batch = batches.get(job.remote_id or "")
        if batch.status == "ended":
            return _ended(job, batches, batch, plan)
        state = {"in_progress": "running", "canceling": "cancelling"}.get(batch.status, "unknown")
        return JobStatus(
            state,  # type: ignore[arg-type]
            batch.status,
            messages.phase(plan, job.stage),
            done_steps=batch.total - batch.processing,
            total_steps=batch.total,
        )

    def cancel(self, job: JobView) -> str:
        """Ask for the end of the batch."""
        _batches(job, ProviderTrouble).cancel(job.remote_id or "")
        return (
            "Anthropic was asked to end the batch. Requests that were answered before, or are being answered now, are "
            "charged; the others are not."
        )

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Write the profile down."""
        report_progress("writing the profile", None)
        made = _profile(job)
        data = document.written(made)
        path = job.folder / "profile.json"
        beside = path.with_suffix(".part")
        beside.write_bytes(data)
        beside.replace(path)
        artefact = {
            "kind": "profile",
            "name": path.name,
            "path": str(path),
            "sha256": document.sha256(data),
            "size_bytes": len(data),
        }
        return TrainedModel(
            kind="profile",
            call_name=str(_model(job)),
            artefacts=[artefact],
            parameters={key: made[key] for key in ("settings", "chosen", "validation", "test")},
            profile=made,
            cost_usd=_spent(job.remote),
            serving="ready",
            note=_note(job),
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        """Nothing has to run: a profile is sent with each question."""
        return ServingStatus("ready", model.call_name or f"anthropic:{model.base_model}")

    def serving(self, model: ModelView) -> ServingStatus:
        """Ready, always."""
        return self.serve(model)

    def unserve(self, model: ModelView) -> ServingStatus:
        """Nothing runs, so nothing has to end."""
        return ServingStatus("none")


def _model(job: JobView) -> Model:
    return Model("anthropic", job.spec.base_model)


def _files(job: JobView) -> Files:
    return job.files(FORM.format)


def _batches(job: JobView, otherwise: type[NotSubmitted] | type[ProviderTrouble]) -> Batches:
    try:
        return Batches(_model(job), job.settings)
    except ModelUnavailable as failure:
        raise otherwise(str(failure)) from None


def _is_ours(batches: Batches, batch: Batch, prefix: str) -> bool:
    """By the id of any one of its requests: a batch is all ours or not at all."""
    for answer in batches.answers(batch.id):
        return answer.custom_id.startswith(prefix)
    return False


def _not_told(unproven: Sequence[Batch]) -> ProviderTrouble:
    names = "; ".join(f"{each.id} of {each.created_at:%Y-%m-%d %H:%M} UTC" for each in unproven[:5])
    return ProviderTrouble(
        f"Anthropic has {len(unproven):,} running batch{'es' if len(unproven) > 1 else ''} of {unproven[0].total:,} "
        f"requests from that time ({names}). Whether one is this job's shows when it has ended; it is looked at again. "
        "It can be seen and cancelled in Anthropic's console.",
        retry_after_s=_LOOK_AGAIN_S,
    )


def _ended(job: JobView, batches: Batches, batch: Batch, plan: Mapping[str, Any]) -> JobStatus:
    """Return what comes after a batch. Reading it twice gives the same, and costs nothing."""
    answers = sorted(batches.answers(batch.id), key=lambda each: each.custom_id)
    if len(answers) != batch.total:
        raise ProviderTrouble(
            f"Only {len(answers):,} of {batch.total:,} results of batch {batch.id} could be read. They are read again."
        )
    # Every answer, so that figures can be computed again.
    path = job.folder / f"answers-{job.stage}.jsonl"
    path.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in answers))
    bill = Bill()
    for answer in answers:
        bill = bill.with_answer(_model(job), answer)
    remote = {f"cost{job.stage}": None if bill.cost_usd is None else str(bill.cost_usd)}
    remote["cost_usd"] = _text(_spent({**job.remote, **remote}))
    notes = list(messages.course(answers, bill, job.stage, batch.id))
    if batch.is_cancelled or batch.canceled or job.state == "cancelling":
        outcome = JobStatus("cancelled")
    elif job.stage == 0:
        outcome = _after_validation(job, batch, plan, answers)
    else:
        outcome = _after_test(job, batch, plan, answers)
    return replace(
        outcome,
        provider_status=batch.status,
        done_steps=batch.total - batch.processing,
        total_steps=batch.total,
        notes=[*notes, *outcome.notes],
        remote={**remote, **outcome.remote},
    )


def _after_validation(job: JobView, batch: Batch, plan: Mapping[str, Any], answers: Sequence[BatchAnswer]) -> JobStatus:
    wished = wishes(job.spec.settings)
    try:
        _, result = stages.judge(plan, _files(job), 0, job.key, answers, wished.seed)
    except TuningRefused as refused:
        is_late = batch.expired > batch.errored
        return JobStatus(
            "expired" if is_late else "failed",
            error=_words(refused, answers),
            error_code="too_few_answers",
            advice="Anthropic was too busy for a whole day; start the job again later."
            if is_late
            else "Look at Anthropic's words, and start the job again when the cause is gone.",
        )
    # Of the bare model there is nothing to compare with, and nobody pays for that.
    is_done = result["chosen"] == BASE or not job.data.test or not wished.test_rows
    return JobStatus(
        "trained" if is_done else "again",
        notes=list(messages.choice(result, batch.id)),
        remote={"result0": result},
    )


def _after_test(job: JobView, batch: Batch, plan: Mapping[str, Any], answers: Sequence[BatchAnswer]) -> JobStatus:
    """Read the test.

    The profile is chosen by now, so too few answers only mean that nothing is known of the test split.
    """
    try:
        _, result = stages.judge(plan, _files(job), 1, job.key, answers, wishes(job.spec.settings).seed)
    except TuningRefused as refused:
        note = NewJobEvent(_words(refused, answers), "warning", source=f"{batch.id}:test")
        return JobStatus("trained", notes=[note], remote={"result1": None})
    note = NewJobEvent(messages.comparison(result, job.remote["result0"]["chosen"]), source=f"{batch.id}:test")
    return JobStatus("trained", notes=[note], remote={"result1": result})


def _words(refused: TuningRefused, answers: Sequence[BatchAnswer]) -> str:
    said = next((each.error for each in answers if each.error), "")
    return f"{refused} Anthropic said: {said}" if said else str(refused)


def _spent(remote: Mapping[str, Any]) -> Decimal | None:
    """Return what both batches cost; None where the price of one is not known."""
    costs = [remote[name] for name in ("cost0", "cost1") if name in remote]
    return None if None in costs else sum((Decimal(each) for each in costs), Decimal(0))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _profile(job: JobView) -> dict[str, Any]:
    plan, result = job.remote["stage0"], job.remote["result0"]
    wished = wishes(job.spec.settings)
    chosen = stages.line_of(result, result["chosen"])
    examples = at(_files(job).train, set(chosen["positions"]))
    base = stages.line_of(result, BASE)
    test = job.remote.get("result1")
    return document.profile(
        model=str(_model(job)),
        system=plan["system"],
        examples=[examples[position] for position in chosen["positions"]],
        max_tokens=wished.max_answer_tokens,
        dataset={"id": job.data.dataset_id, "label": job.data.label, "root_hash": job.data.root_hash},
        chosen=chosen["name"],
        validation={"n": result["n"], "base": base, "profile": chosen},
        test=test
        and {
            "n": test["n"],
            "base": stages.line_of(test, BASE),
            "profile": stages.line_of(test, chosen["index"]),
        },
        candidates=result["candidates"],
        settings={each.name: job.spec.settings.get(each.name, each.default) for each in SETTINGS},
    )


def _note(job: JobView) -> str:
    result = job.remote["result0"]
    sentences = [each.message for each in messages.choice(result, "") if each.kind == "message"]
    if job.remote.get("result1"):
        sentences.append(messages.comparison(job.remote["result1"], result["chosen"]))
    elif result["chosen"] == BASE:
        sentences.append("The test split was not asked about: there is nothing to compare.")
    else:
        sentences.append("Nothing is known of held-out records.")
    return " ".join(sentences)


PROVIDER = ClaudeProfile()
