"""Fine-tuning at OpenAI, and at services that speak its protocol (OPENAI_BASE_URL)."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailable
from core.llm import Model, complete
from core.settings import Settings
from core.tuning.providers import catalogue, hosted
from core.tuning.providers.data import DataFacts
from core.tuning.providers.openai import chat_lines, checks, progress
from core.tuning.providers.openai.access import (
    is_openai,
    is_status,
    not_understood,
    query_client,
    said,
    submit_client,
    title,
)
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

#: A file is looked at by OpenAI before it can be trained on.
_MOST_WAITS = 120
_WAIT_S = 2.0
#: A model that was just made may not be found everywhere at once.
_SETTLES_S = 900


class OpenAI:
    """The protocol of `core.tuning.providers.protocol`, over OpenAI's SDK with its retries switched off."""

    id = "openai"
    capabilities = Capabilities(
        trains=True,
        methods=checks.METHODS,
        finds="likely",
        cancels=True,
        stops_and_resumes=False,
        retries_free=False,
        costs_money=True,
        hosting_costs=False,
    )

    def __init__(
        self,
        *,
        today: Callable[[], dt.date] = hosted.today,
        pause: Callable[[float], None] = time.sleep,
        timeout_s: float = 120,
    ):
        self._today, self._pause, self._timeout_s = today, pause, timeout_s

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        """Return the same for every base."""
        return checks.offered(method)

    def bases(self, settings: Settings) -> Sequence[str]:
        """Those of the catalogue that can still be tuned; another service may offer others, by their names."""
        known = catalogue.bases("openai")
        return [each.name for each in known if not is_openai(settings) or not catalogue.is_closed(each, self._today())]

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        """Key, dates, sizes and price; `live`: the key is tried, and the base looked up."""
        return checks.check(spec, data, settings, live=live, today=self._today())

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Each file once: `files` has their ids by the hash of their content. Raises `NotSubmitted`."""
        files = job.files("dpo" if job.spec.method == "dpo" else checks.FORM.format)
        validation = files.validation if "validation" in hosted.splits_of(job.spec) else None
        report_progress("Looking through the files", None)
        noticed = chat_lines.warnings(files.train, validation, job.spec.method)
        ids = dict(job.remote.get("files") or {})
        remote: dict[str, Any] = {"files": ids, "noticed": noticed, "validation_file": None}
        with submit_client(job.settings, self._timeout_s, may_begin=False) as client:
            for name, path in (("training_file", files.train), ("validation_file", validation)):
                if path is not None:
                    ids[path.stem] = remote[name] = self._file(
                        client, ids.get(path.stem), path, job.settings, report_progress
                    )
        return remote

    def submit(self, job: JobView) -> Submitted:
        """Create the job, once. Raises `NotSubmitted` or `SubmitUnknown`."""
        body = _request(job)
        with submit_client(job.settings, self._timeout_s, may_begin=True) as client:
            made = client.fine_tuning.jobs.create(**body)
            remote_id = getattr(made, "id", None)
            if not (isinstance(remote_id, str) and remote_id):
                not_understood(job.settings, ValueError("no id"), may_begin=True)
            return Submitted(remote_id, progress.text(getattr(made, "status", None)))

    def find(self, job: JobView) -> Submitted | None:
        """Return the job with this key in its metadata, compared here too: a service may ignore the filter."""
        with query_client(job.settings, self._timeout_s) as client:
            found, others = hosted.chosen_of(_marked(client, job.key), lambda each: each.created_at or 0)
        if found is None:
            return None
        more = {"same_marker": [each.id for each in others]} if others else {}
        return Submitted(found.id, progress.text(found.status), more)

    def poll(self, job: JobView) -> JobStatus:
        """State, new events, checkpoints; at the end the table of results."""
        import openai

        with query_client(job.settings, self._timeout_s) as client, _understood(job.settings):
            try:
                return progress.polled(client, job, dt.datetime.now(dt.UTC))
            except openai.APIStatusError as error:
                if not is_status(error, 404):
                    raise
                return progress.gone(job, error)

    def cancel(self, job: JobView) -> str:
        """Cancel at once. Raises `ProviderTrouble`."""
        import openai

        with query_client(job.settings, self._timeout_s) as client:
            try:
                client.fine_tuning.jobs.cancel(job.remote_id)
            except openai.APIStatusError as error:
                if not is_status(error, 400, 409, 422):
                    raise
                return f"{title(job.settings)} does not cancel it any more: {said(error)}."
        return (
            f"{title(job.settings)} was asked to cancel the job. What it has trained until then may be charged; what a "
            "cancelled job costs is not documented."
        )

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Ask the model for one word, and look up until when it will answer."""
        with query_client(job.settings, self._timeout_s) as client, _understood(job.settings):
            found = client.fine_tuning.jobs.retrieve(job.remote_id)
            name = progress.text(found.fine_tuned_model)
            if not name:
                raise NotSubmitted(
                    f"{title(job.settings)} says that job {job.remote_id} has succeeded, and names no model.",
                    advice="Look at the job on the provider's page.",
                )
            made = progress.checkpoints(client, job.remote_id or "")
            ends = self._ends(client, name, job)
        report_progress(hosted.SMOKE, None)
        serving, note = self._smoke(name, found, job.settings)
        tokens = progress.whole(getattr(found, "trained_tokens", None))
        files: Mapping[str, str] = job.remote.get("files") or {}
        return TrainedModel(
            "tuned",
            f"openai:{name}",
            artefacts=[
                {"kind": "model", "id": found.fine_tuned_model},
                {"kind": "job", "id": job.remote_id},
                *({"kind": "file", "id": file_id, "sha256": digest} for digest, file_id in files.items()),
                *({"kind": "results", "id": name} for name in getattr(found, "result_files", None) or []),
            ],
            checkpoints=made,
            parameters=_parameters(found, job),
            cost_usd=hosted.cost("openai", job.spec.base_model, tokens),
            tokens_trained=tokens,
            serving=serving,
            serving_remote={"model": name},
            shutdown_date=ends,
            note=note,
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        """Nothing has to be started: whether the model is there, and still will be. Raises `NotSubmitted`."""
        found = self.serving(model)
        if found.state != "ready":
            raise NotSubmitted(found.error or f"{model.call_name} is not there any more.")
        return found

    def serving(self, model: ModelView) -> ServingStatus:
        """Whether the model is there. Raises `ProviderTrouble`."""
        import openai

        name = _name(model)
        with query_client(model.settings, self._timeout_s) as client:
            try:
                ends = checks.shutdown_date(client.models.retrieve(name))
            except openai.APIStatusError as error:
                if not is_status(error, 404):
                    raise
                return ServingStatus("deleted", error=f"{title(model.settings)} has no model {name} any more.")
        if ends is not None and ends <= self._today():
            return ServingStatus("failed", error=f"{name} was shut down on {ends}.")
        return ServingStatus("ready", f"openai:{name}")

    def unserve(self, model: ModelView) -> ServingStatus:
        """Delete the model at the provider, for good: nothing else makes it answer. Raises `ProviderTrouble`."""
        import openai

        with query_client(model.settings, self._timeout_s) as client:
            try:
                client.models.delete(_name(model))
            except openai.APIStatusError as error:
                if not is_status(error, 404):
                    raise
        return ServingStatus("deleted")

    def _file(
        self, client: Any, known: str | None, path: Path, settings: Settings, report_progress: ReportProgress
    ) -> str:
        """Return the id of the file, uploaded unless it is there, and looked at by OpenAI."""
        found = _existing(client, known) if known else None
        if found is None:
            words = f"Uploading {path.stat().st_size / 2**20:,.1f} MB to {title(settings)}"
            with hosted.Watched(path, report_progress, words) as file:
                found = client.files.create(file=(path.name, file, "application/jsonl"), purpose="fine-tune")
        for _ in range(_MOST_WAITS):
            if getattr(found, "status", None) == "error":
                why = getattr(found, "status_details", None) or "no reason given"
                raise NotSubmitted(
                    f"{title(settings)} cannot use the file: {why}.",
                    code="file_refused",
                    advice="Correct the examples on the Data page, and create a new version.",
                )
            if getattr(found, "status", None) in ("processed", None):
                return found.id
            report_progress(f"{title(settings)} looks at the file", None)
            self._pause(_WAIT_S)
            found = client.files.retrieve(found.id)
        raise NotSubmitted(
            f"{title(settings)} has not finished looking at the file {found.id}.",
            code="file_waits",
            passing=True,
            advice="It is tried again by itself.",
        )

    def _ends(self, client: Any, name: str, job: JobView) -> dt.date | None:
        """Return the last day of the model: what the provider says of it, or what the catalogue knows of its base."""
        import openai

        base = catalogue.base("openai", job.spec.base_model) if is_openai(job.settings) else None
        try:
            return checks.shutdown_date(client.models.retrieve(name)) or (base.shutdown if base else None)
        except openai.APIStatusError as error:
            if not is_status(error, 404, 405, 501):
                raise
            return base.shutdown if base else None

    def _smoke(self, name: str, found: Any, settings: Settings) -> tuple[Any, str]:
        """Whether the model answers, and what to know about it. Raises `ProviderTrouble` to come again."""
        try:
            complete(
                Model("openai", name),
                system="Answer with one word.",
                prompt="Say ready.",
                max_tokens=16,
                timeout_s=60,
                settings=settings,
            )
        except ModelUnavailable as failure:
            if failure.reason in hosted.ANSWERED:
                return "ready", ""
            finished = hosted.number(getattr(found, "finished_at", None)) or 0.0
            is_fresh = time.time() - finished < _SETTLES_S
            if is_fresh and failure.reason in hosted.TRANSIENT_REASONS:
                raise ProviderTrouble(f"The model is trained and does not answer yet: {failure}") from None
            return "failed", f"The model is trained, and did not answer: {failure}"
        return "ready", ""


@contextmanager
def _understood(settings: Settings) -> Iterator[None]:
    """Catch a part that is missing when it is needed: the SDK takes an answer as it comes."""
    try:
        yield
    except (ValueError, TypeError, AttributeError) as error:
        why = "its answer cannot be understood."
        raise hosted.out_of_reach(title(settings), why) from error


def _request(job: JobView) -> dict[str, Any]:
    """Return the body of the one request that is paid for."""
    kind = "dpo" if job.spec.method == "dpo" else "supervised"
    names = ("n_epochs", "batch_size", "learning_rate_multiplier", *(("beta",) if kind == "dpo" else ()))
    chosen = {name: job.spec.settings.get(name, "auto") for name in names}
    body: dict[str, Any] = {
        "model": job.spec.base_model,
        "training_file": job.remote["training_file"],
        "method": {"type": kind, kind: {"hyperparameters": chosen}},
        "suffix": hosted.short_name(job, 40),
        "metadata": {hosted.MARKER: job.key},
    }
    if job.remote.get("validation_file"):
        body["validation_file"] = job.remote["validation_file"]
    if job.spec.settings.get("seed") is not None:
        body["seed"] = job.spec.settings["seed"]
    return body


def _marked(client: Any, key: str) -> Iterator[Any]:
    import openai

    def fetch(cursor: Any) -> tuple[list[Any], Any]:
        more = {"after": cursor} if cursor else {}
        page = client.fine_tuning.jobs.list(limit=100, metadata={hosted.MARKER: key}, **more)
        entries = page.data if isinstance(page.data, list) else []
        return entries, entries[-1].id if entries and page.has_more else None

    try:
        for each in hosted.pages(fetch):
            marks = getattr(each, "metadata", None)
            if isinstance(marks, dict) and marks.get(hosted.MARKER) == key:
                yield each
    except openai.APIStatusError as error:
        # A service without a list of jobs can prove nothing.
        if not is_status(error, 404, 405, 501):
            raise


def _existing(client: Any, file_id: str) -> Any:
    """Return the file of an earlier upload, unless it was deleted since."""
    import openai

    try:
        return client.files.retrieve(file_id)
    except openai.NotFoundError:
        return None


def _name(model: ModelView) -> str:
    return model.call_name.removeprefix("openai:") or str(model.serving_remote.get("model", ""))


def _parameters(found: Any, job: JobView) -> dict[str, Any]:
    """Return what was chosen, and what OpenAI made of `auto`."""
    method = getattr(found, "method", None)
    of_method = getattr(method, getattr(method, "type", None) or "", None)
    used = getattr(of_method, "hyperparameters", None) or getattr(found, "hyperparameters", None)
    values = used.model_dump(exclude_none=True) if used is not None else {}
    return {**job.spec.settings, **values, "seed": getattr(found, "seed", None), "method": job.spec.method}


PROVIDER = OpenAI()
