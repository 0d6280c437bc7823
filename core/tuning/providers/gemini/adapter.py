"""Fine-tuning of Gemini on Google Cloud: files in a bucket, one request, and an endpoint that Google deploys itself."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.errors import ModelUnavailable
from core.llm import Model, complete
from core.settings import Settings
from core.tuning.providers import catalogue, hosted
from core.tuning.providers.data import DataFacts
from core.tuning.providers.gemini import bucket, checks, endpoints, progress
from core.tuning.providers.gemini.access import TITLE, is_status, place, query_client, said, submit_client
from core.tuning.providers.protocol import (
    Capabilities,
    CheckReport,
    JobStatus,
    JobView,
    Method,
    ModelView,
    NotSubmitted,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    TrainedModel,
)

#: An endpoint that was just deployed may not answer everywhere at once.
_SETTLES_S = 900
_MOST_NAME = 128


class Gemini:
    """The protocol of `core.tuning.providers.protocol`, over google-genai on Google Cloud and Cloud Storage."""

    id = "gemini"
    capabilities = Capabilities(
        trains=True,
        methods=("sft",),
        finds="likely",
        cancels=True,
        stops_and_resumes=False,
        retries_free=False,
        costs_money=True,
        hosting_costs=False,
    )

    def __init__(self, *, today: Callable[[], dt.date] = hosted.today, timeout_s: float = 120):
        self._today, self._timeout_s = today, timeout_s

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        """Return the same for every base."""
        return checks.offered()

    def bases(self, settings: Settings) -> Sequence[str]:
        """Those of the catalogue that can still be tuned."""
        return [each.name for each in catalogue.bases("gemini") if not catalogue.is_closed(each, self._today())]

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        """Project, region, bucket, credentials, dates, sizes and price; `live`: project and bucket are tried."""
        timeout_s = min(self._timeout_s, 20)
        return checks.check(spec, data, settings, live=live, today=self._today(), timeout_s=timeout_s)

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Return the files in the bucket, under the hash of their content. Raises `NotSubmitted`."""
        files = job.files(checks.FORM.format)
        training = bucket.bring(job.settings, files.train, report_progress, self._timeout_s)
        validation = ""
        if files.validation is not None and "validation" in hosted.splits_of(job.spec):
            validation = bucket.bring(job.settings, files.validation, report_progress, self._timeout_s)
        return {"training_uri": training, "validation_uri": validation}

    def submit(self, job: JobView) -> Submitted:
        """Create the job, once. Raises `NotSubmitted` or `SubmitUnknown`."""
        from google.genai import types

        place(job.settings)  # a key alone opens nothing that tunes, whatever the SDK would make of it
        dataset = types.TuningDataset(gcs_uri=job.remote["training_uri"])
        config = types.CreateTuningJobConfig(**_chosen(job))
        with submit_client(job.settings, self._timeout_s) as client:
            made = client.tunings.tune(base_model=job.spec.base_model, training_dataset=dataset, config=config)
            if not (isinstance(made.name, str) and "/tuningJobs/" in made.name):
                raise ValueError("the job has no name")
        return Submitted(made.name, progress.word(made.state))

    def find(self, job: JobView) -> Submitted | None:
        """Return the job with this key among its labels, compared here too: whether the filter is heeded is not
        documented.
        """
        with query_client(job.settings, self._timeout_s) as client:
            marked = [each for each in _listed(client, job.key) if (each.labels or {}).get(hosted.MARKER) == job.key]
            found, others = hosted.chosen_of(marked, lambda each: str(each.create_time or ""))
        if found is None:
            return None
        more = {"same_marker": [each.name for each in others]} if others else {}
        return Submitted(found.name, progress.word(found.state), more)

    def poll(self, job: JobView) -> JobStatus:
        """State, phase, what was left out, checkpoints."""
        from google.genai import errors

        name = job.remote_id or ""
        with query_client(job.settings, self._timeout_s, name) as client:
            try:
                found = client.tunings.get(name=name)
            except errors.APIError as error:
                if not is_status(error, 404):
                    raise
                return progress.gone(job, error)
            if not found.name:
                raise ValueError("the job has no name")
            return progress.polled(found, job)

    def cancel(self, job: JobView) -> str:
        """Ask for an end, which Google gives where it can. Raises `ProviderTrouble`."""
        from google.genai import errors

        name = job.remote_id or ""
        with query_client(job.settings, self._timeout_s, name) as client:
            try:
                client.tunings.cancel(name=name)
            except errors.APIError as error:
                if not is_status(error, 400, 409):
                    raise
                return f"{TITLE} does not cancel it any more: {said(error)}."
        return (
            f"{TITLE} was asked to cancel the job and does so where it can: it may still be trained to its end. What "
            "it has trained until then may be charged."
        )

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Ask the endpoint for one word. Raises `ProviderTrouble` to come again."""
        name = job.remote_id or ""
        with query_client(job.settings, self._timeout_s, name) as client:
            found = client.tunings.get(name=name)
            endpoint = found.tuned_model.endpoint if found.tuned_model else None
            model = (found.tuned_model.model if found.tuned_model else None) or ""
        if not endpoint:
            raise NotSubmitted(
                f"{TITLE} says that job {name} has succeeded, and names no endpoint.",
                advice="Look at the job in the Google Cloud console.",
            )
        report_progress(hosted.SMOKE, None)
        serving, note = self._smoke(endpoint, found, job.settings)
        checkpoints = progress.checkpoints(found)
        more = [each["endpoint"] for each in checkpoints if each["endpoint"] not in ("", endpoint)]
        tokens = progress.tokens(found)
        base = catalogue.base("gemini", job.spec.base_model)
        uris = [job.remote.get("training_uri"), job.remote.get("validation_uri")]
        return TrainedModel(
            "tuned",
            f"vertex:{endpoint}",
            artefacts=[
                {"kind": "endpoint", "id": endpoint},
                {"kind": "model", "id": model},
                {"kind": "job", "id": job.remote_id},
                *(
                    {"kind": "file", "id": uri, "sha256": uri.rpartition("/")[2].removesuffix(".jsonl")}
                    for uri in uris
                    if uri
                ),
            ],
            checkpoints=checkpoints,
            parameters={**job.spec.settings, "epoch_count": progress.epochs(found), "method": job.spec.method},
            cost_usd=hosted.cost("gemini", job.spec.base_model, tokens),
            tokens_trained=tokens,
            serving=serving,
            serving_remote={"endpoint": endpoint, "model": model, "more_endpoints": more},
            shutdown_date=base.shutdown if base else None,
            note=note,
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        """Nothing has to be started: whether its endpoint is there. Raises `NotSubmitted`."""
        found = self.serving(model)
        if found.state != "ready":
            raise NotSubmitted(
                found.error or f"{model.call_name} was deleted at Google; train it again to have it back."
            )
        return found

    def serving(self, model: ModelView) -> ServingStatus:
        """Whether the endpoint is there; while it is being ended, the next step of that. Raises `ProviderTrouble`."""
        model = _with_endpoint(model)
        if model.serving_remote.get("ending"):
            return endpoints.end(model, self._timeout_s)
        if endpoints.is_there(model.settings, model.serving_remote["endpoint"], self._timeout_s):
            return ServingStatus("ready", model.call_name, remote=model.serving_remote)
        return ServingStatus("deleted", error=f"{TITLE} has no endpoint {model.serving_remote['endpoint']} any more.")

    def unserve(self, model: ModelView) -> ServingStatus:
        """Begin to delete endpoints and model, for good; `serving` goes on with it. Raises `ProviderTrouble`."""
        return endpoints.end(_with_endpoint(model), self._timeout_s)

    def _smoke(self, endpoint: str, found: Any, settings: Settings) -> tuple[Any, str]:
        """Whether the model answers, and what to know about it. Raises `ProviderTrouble` to come again."""
        try:
            complete(
                Model("vertex", endpoint),
                system="Answer with one word.",
                prompt="Say ready.",
                max_tokens=16,
                timeout_s=60,
                settings=settings,
            )
        except ModelUnavailable as failure:
            if failure.reason in hosted.ANSWERED:
                return "ready", ""
            ended = found.end_time or found.update_time
            is_fresh = ended is not None and (dt.datetime.now(dt.UTC) - ended).total_seconds() < _SETTLES_S
            if is_fresh and failure.reason in hosted.TRANSIENT_REASONS:
                raise ProviderTrouble(f"The model is trained and does not answer yet: {failure}") from None
            return "failed", f"The model is trained, and did not answer: {failure}"
        return "ready", ""


def _chosen(job: JobView) -> dict[str, Any]:
    """Return the configuration of a job. What Google is to choose is left out."""
    chosen = job.spec.settings
    rate, size = chosen.get("learning_rate_multiplier", "auto"), chosen.get("adapter_size", "auto")
    config: dict[str, Any] = {
        "epoch_count": chosen.get("epoch_count", checks.EPOCHS),
        "tuned_model_display_name": hosted.short_name(job, _MOST_NAME),
        "labels": {hosted.MARKER: job.key},
        "export_last_checkpoint_only": bool(chosen.get("export_last_checkpoint_only", False)),
    }
    if job.remote.get("validation_uri"):
        config["validation_dataset"] = {"gcs_uri": job.remote["validation_uri"]}
    if rate != "auto":
        config["learning_rate_multiplier"] = rate
    if size != "auto":
        config["adapter_size"] = f"ADAPTER_SIZE_{checks.ADAPTERS[int(size)]}"
    return config


def _listed(client: Any, key: str) -> Iterator[Any]:
    """Yield the jobs of the region: those with the label where the filter is heeded, and all where it is not taken."""
    from google.genai import errors

    chosen = {"filter": f"labels.{hosted.MARKER}={key}"}

    def fetch(cursor: Any) -> tuple[list[Any], Any]:
        more = {"page_token": cursor} if cursor else {}
        pager = client.tunings.list(config={"page_size": 100, **chosen, **more})
        return pager.page, pager.config.get("page_token") or None

    try:
        yield from hosted.pages(fetch)
    except errors.APIError as error:
        if not is_status(error, 400):
            raise
        chosen.clear()
        yield from hosted.pages(fetch)


def _with_endpoint(model: ModelView) -> ModelView:
    """Read the endpoint out of the model's name, for one whose serving was never recorded."""
    if model.serving_remote.get("endpoint"):
        return model
    return replace(model, serving_remote={**model.serving_remote, "endpoint": model.call_name.removeprefix("vertex:")})


PROVIDER = Gemini()
