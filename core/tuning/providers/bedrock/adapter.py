"""Amazon Bedrock: customises the models that the user's own account lists as customisable, and no others.

The marker is the name of the job, which is unique in an account, and the token of the request is the job's key: even a
request that were sent twice would be one job.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import TuningRefused
from core.settings import Settings
from core.tuning.providers import catalogue
from core.tuning.providers.bedrock import bucket as store
from core.tuning.providers.bedrock import checks, discovery, families, hosting, shapes
from core.tuning.providers.bedrock.access import Amazon, AwsRefused, NoAnswer, Unreachable, is_installed
from core.tuning.providers.bedrock.families import Family
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import (
    Capabilities,
    CheckReport,
    JobStatus,
    JobView,
    Method,
    ModelView,
    NewJobEvent,
    NotSubmitted,
    NotThere,
    ProviderId,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    SubmitUnknown,
    TrainedModel,
)

_STATES = {
    "InProgress": "running",
    "Stopping": "cancelling",
    "Stopped": "cancelled",
    "Failed": "failed",
    "Completed": "trained",
}
_LONGEST_NAME = 63


class Bedrock:
    """Customisation at Amazon Bedrock."""

    id: ProviderId = "bedrock"
    capabilities = Capabilities(
        trains=True,
        methods=("sft",),
        finds="exact",
        cancels=True,
        stops_and_resumes=False,
        retries_free=False,
        costs_money=True,
        hosting_costs=True,
    )

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        """Return what can be chosen, with Bedrock's own defaults."""
        family = families.of(base_model)
        return family.settings if family else ()

    def bases(self, settings: Settings) -> Sequence[str]:
        """Return what AWS listed when it was last asked; before that, what is known of from its documentation."""
        found = discovery.kept(Amazon.of(settings)) if is_installed() else None
        return found.bases if found else [each.name for each in catalogue.bases("bedrock")]

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        """Everything that stands in the way; without a live answer of AWS nothing can start."""
        return checks.check(spec, data, settings, live=live)

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Store train and validation split in the bucket."""
        amazon, family, bucket = _amazon(job), _family(job), job.settings.bedrock_bucket
        if not is_installed():
            raise NotSubmitted("Amazon's SDK for Python is not installed.", advice="Install it: pip install boto3")
        if not bucket or not job.settings.bedrock_role or not amazon.region:
            raise NotSubmitted("Region, bucket or role of Bedrock is not set.", advice="Look at the checks of the job.")
        files = job.files(families.form(family).format)
        report_progress("uploading training data", 0.0)
        train = store.upload(amazon, bucket, family, files.train)
        if not train:
            raise NotSubmitted(
                f"{family.title} takes none of the training records.",
                code="too_small",
                advice="Create a version with other records, or choose another provider.",
            )
        remote: dict[str, Any] = {
            "train": train,
            "output": f"s3://{bucket}/whetstone/output/{job.key}",
            "region": amazon.region,
            "account": _account(amazon),
        }
        report_progress("uploading validation data", 0.5)
        if files.validation is not None:
            held_out = store.upload(amazon, bucket, family, files.validation)
            remote |= {"validation": held_out} if held_out else {}
        report_progress("uploaded", 1.0)
        return remote

    def submit(self, job: JobView) -> Submitted:
        """Send the one request that costs money, once."""
        request = _request(job)
        try:
            with _amazon(job).spoken("bedrock") as client:
                if wrong := shapes.violations(client, "CreateModelCustomizationJob", request):
                    raise NotSubmitted(" ".join(wrong), code="setting_wrong", advice="Change what is named.")
                arn = client.create_model_customization_job(**request)["jobArn"]
        except AwsRefused as refused:
            raise _not_begun(refused) from None
        except Unreachable as error:
            raise NotSubmitted(str(error), code="not_reachable", passing=True) from None
        except (NoAnswer, KeyError) as error:
            raise SubmitUnknown(f"{error} AWS may have begun the job, and may charge for it.") from None
        return Submitted(arn, "InProgress", {"arn": arn, "name": request["jobName"]})

    def find(self, job: JobView) -> Submitted | None:
        """Return the job by its name. Raises `NotThere` when both ways of asking say that there is none."""
        amazon, name = _amazon(job), _job_name(job)
        if (account := _account(amazon)) != job.remote.get("account", account):
            raise ProviderTrouble(
                f"The credentials are of the AWS account {account or 'unknown'}; the job belongs to "
                f"{job.remote['account'] or 'another'}. Set the credentials it was started with."
            )
        try:
            with amazon.patient("bedrock") as client:
                found = client.get_model_customization_job(jobIdentifier=name)
        except AwsRefused:
            if _is_listed(amazon, name):
                raise ProviderTrouble(f"AWS lists the job {name} but does not describe it yet.") from None
            raise NotThere(f"AWS has no customisation job {name}.") from None
        if found.get("clientRequestToken", job.key) != job.key:
            raise ProviderTrouble(f"The job {name} at AWS bears another token; look at it in AWS's console.")
        return Submitted(found["jobArn"], found["status"], {"arn": found["jobArn"], "name": name})

    def poll(self, job: JobView) -> JobStatus:
        """How far the job is."""
        try:
            with _amazon(job).patient("bedrock") as client:
                found = client.get_model_customization_job(jobIdentifier=_job_name(job))
        except AwsRefused as refused:
            raise ProviderTrouble(
                f"AWS does not know the job {_job_name(job)} any more. {refused} Check credentials and region."
            ) from None
        return _polled(job, found)

    def cancel(self, job: JobView) -> str:
        """Ask for the end of the job."""
        try:
            with _amazon(job).spoken("bedrock") as client:
                client.stop_model_customization_job(jobIdentifier=_job_name(job))
        except AwsRefused as refused:
            if refused.is_taken:  # it ended by itself in the meantime
                return "AWS says that the job cannot be stopped any more; what it is charged is decided by AWS."
            raise ProviderTrouble(str(refused)) from None
        except (NoAnswer, Unreachable) as error:
            raise ProviderTrouble(str(error)) from None
        return "AWS was asked to stop the job. It may charge for what was trained until then."

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Return the model that AWS made. It answers only when it is hosted, which is begun by a person."""
        report_progress("asking for the model", None)
        try:
            with _amazon(job).patient("bedrock") as client:
                found = client.get_model_customization_job(jobIdentifier=_job_name(job))
        except AwsRefused as refused:
            raise ProviderTrouble(str(refused)) from None
        if not found.get("outputModelArn"):
            raise ProviderTrouble(f"AWS does not name the model of the job {_job_name(job)} yet.")
        return TrainedModel(
            kind="tuned",
            call_name="",
            artefacts=[
                {
                    "kind": "bedrock_model",
                    "name": found["outputModelName"],
                    "arn": found["outputModelArn"],
                    "output": job.remote["output"],
                }
            ],
            parameters={
                "hyperparameters": dict(found.get("hyperParameters", {})),
                "training_metrics": dict(found.get("trainingMetrics", {})),
                "validation_metrics": [dict(each) for each in found.get("validationMetrics", [])],
            },
            # AWS does not say what it charged.
            cost_usd=None,
            note=hosting.words_for(job.spec.base_model),
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        """Host the model, after somebody said yes to what that costs."""
        if not confirmed_hourly:
            raise NotSubmitted(hosting.words_for(model.base_model), code="hourly", advice="Confirm the cost to go on.")
        try:
            return hosting.begin(model)
        except ProviderTrouble as trouble:
            raise NotSubmitted(str(trouble), passing=True) from None

    def hourly_words(self, base_model: str) -> str:
        """Return what answering costs, in words; AWS tells no price to a program."""
        return hosting.words_for(base_model)

    def serving(self, model: ModelView) -> ServingStatus:
        """How far hosting, or its end, is."""
        return hosting.state(model)

    def unserve(self, model: ModelView) -> ServingStatus:
        """End hosting, and its cost."""
        return hosting.end(model)


def _amazon(job: JobView) -> Amazon:
    """Where the job is, which stays where it was begun."""
    return Amazon.of(job.settings, job.remote.get("region"))


def _family(job: JobView) -> Family:
    family = families.of(job.spec.base_model)
    if family is None:
        raise NotSubmitted(
            f"Which form the data of {job.spec.base_model} must have is not known here.", code="method_not_offered"
        )
    return family


def _account(amazon: Amazon) -> str:
    """Return the number of the account; "" where the credentials may not ask for it."""
    try:
        with amazon.spoken("sts") as client:
            return client.get_caller_identity()["Account"]
    except (AwsRefused, NoAnswer, Unreachable):
        return ""


def _job_name(job: JobView) -> str:
    return f"whetstone-{job.key}"


def _model_name(job: JobView) -> str:
    """Return a name that no other model of the account has."""
    stem = re.sub(r"[^0-9a-zA-Z]+", "-", job.spec.name or job.data.label).strip("-") or "model"
    mark = job.key[:12]
    return f"{stem[: _LONGEST_NAME - len(mark) - 1].rstrip('-')}-{mark}"


def _request(job: JobView) -> dict[str, Any]:
    try:
        chosen = families.hyperparameters(_family(job), job.spec.settings)
    except TuningRefused as refused:
        raise NotSubmitted(str(refused), code="setting_wrong", advice="Change the setting.") from None
    request: dict[str, Any] = {
        "jobName": _job_name(job),
        "customModelName": _model_name(job),
        "roleArn": job.settings.bedrock_role or "",
        "clientRequestToken": job.key,
        "baseModelIdentifier": job.spec.base_model,
        "customizationType": "FINE_TUNING",
        "trainingDataConfig": {"s3Uri": job.remote["train"]},
        "outputDataConfig": {"s3Uri": job.remote["output"]},
        "hyperParameters": chosen,
    }
    if "validation" in job.remote:
        request["validationDataConfig"] = {"validators": [{"s3Uri": job.remote["validation"]}]}
    return request


def _not_begun(refused: AwsRefused) -> NotSubmitted | SubmitUnknown:
    if refused.is_taken:
        # The name holds the key of this job: whoever has it is an earlier request of ours.
        return SubmitUnknown(f"{refused} An earlier request may have begun the job.")
    return NotSubmitted(
        str(refused),
        code=refused.code,
        advice="Look at AWS's words; check role, bucket and quotas."
        if not refused.is_forbidden
        else "Set credentials that may call bedrock:CreateModelCustomizationJob.",
        passing=refused.is_busy,
    )


def _is_listed(amazon: Amazon, name: str) -> bool:
    with amazon.patient("bedrock") as client:
        found = client.list_model_customization_jobs(nameContains=name)
    return any(each["jobName"] == name for each in found.get("modelCustomizationJobSummaries", []))


def _polled(job: JobView, found: Mapping[str, Any]) -> JobStatus:
    word = found["status"]
    details = found.get("statusDetails", {})
    state = _STATES.get(word, "unknown")
    if state == "running" and details.get("trainingDetails", {}).get("status") == "NotStarted":
        state = "queued"
    if state == "failed":
        # The field may be filled in any state; only here it means something.
        return JobStatus(
            "failed",
            word,
            error=found.get("failureMessage", "") or "AWS gave no reason.",
            error_code="customization_failed",
            advice="Look at the job in AWS's console; its words are those of AWS.",
        )
    if state != "trained":
        return JobStatus(state, word, _phase(details))  # type: ignore[arg-type]
    return JobStatus(
        "trained", word, notes=list(_losses(found)), points=store.series(_amazon(job), job.remote["output"])
    )


def _phase(details: Mapping[str, Any]) -> str:
    """Return the part that is at work, as AWS tells it."""
    parts = (
        ("trainingDetails", "training"),
        ("dataProcessingDetails", "processing the data"),
        ("validationDetails", "validating the data"),
    )
    for name, words in parts:
        if details.get(name, {}).get("status") in ("InProgress", "Stopping"):
            return words
    return ""


def _losses(found: Mapping[str, Any]) -> Sequence[NewJobEvent]:
    loss = found.get("trainingMetrics", {}).get("trainingLoss")
    if loss is None:
        return ()
    return (NewJobEvent(f"Bedrock reports a training loss of {loss:.4f}.", source=f"{found['jobArn']}:loss"),)


PROVIDER = Bedrock()
