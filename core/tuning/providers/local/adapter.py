"""Training on one's own machines, and answering with Ollama. Nothing leaves them, and nothing is paid."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import bases, choices, places, preflight
from core.tuning.providers.local.bases import Base, Resolved
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama import publishing, serving
from core.tuning.providers.local.ollama.client import Ollama, OllamaAway
from core.tuning.providers.local.runners import Runner, TrainerRun
from core.tuning.providers.local.shapes import config_in
from core.tuning.providers.local.training import folder, interpreter, watching
from core.tuning.providers.protocol import (
    Capabilities,
    CheckReport,
    JobStatus,
    JobView,
    Method,
    ModelView,
    NotSubmitted,
    NotThere,
    ProviderId,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
    Setting,
    Spec,
    Submitted,
    TrainedModel,
)


class LocalProvider:
    """Trains LoRA adapters with the trainer, on this machine or a Ray cluster."""

    id: ProviderId = "local"
    capabilities = Capabilities(
        trains=True,
        methods=("sft",),
        finds="exact",
        cancels=True,
        stops_and_resumes=True,
        retries_free=True,
        costs_money=False,
        hosting_costs=False,
        is_on_a_machine=True,
    )

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        return choices.SETTINGS

    def bases(self, settings: Settings) -> Sequence[str]:
        """Return what Ollama has; folders and a hub's models can be named besides."""
        try:
            return [f"ollama:{name}" for name in Ollama(settings).names()]
        except (NotSubmitted, ProviderTrouble):
            return []

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        return preflight.check(spec, data, settings, live=live)

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Return the base as a folder that can be trained, and the job's own folder with everything
        the trainer needs.
        """
        chosen = Chosen.of(job.spec.settings)
        resolved = _resolve(job, chosen, report_progress)
        report_progress("laying out the job", None)
        there = places.folder_of(job)
        folder.prepare(there, chosen, resolved.folder, job.files("openai"), job.data.train)
        return {
            "folder": str(there),
            "base": {"digest": resolved.digest, "tag": resolved.tag, "folder": str(resolved.folder)},
        }

    def submit(self, job: JobView) -> Submitted:
        """Start the trainer, or put it in line for the device."""
        remote_id = _runner(job).submit(_work(job))
        return Submitted(remote_id, remote={"offset": _offset(job)})

    def find(self, job: JobView) -> Submitted | None:
        """By what stands in the job's folder: it is written before anything is started."""
        found = _runner(job).find(places.folder_of(job), job.key)
        if found is None:
            raise NotThere(f"Nothing was begun in {places.folder_of(job)}.")
        return Submitted(found, remote={"offset": _offset(job)})

    def poll(self, job: JobView) -> JobStatus:
        try:
            runner = _runner(job)
        except NotSubmitted as refused:  # the cluster's address was taken away meanwhile
            raise ProviderTrouble(f"{refused} {refused.advice}") from None
        return watching.polled(places.folder_of(job), job.remote, runner)

    def cancel(self, job: JobView) -> str:
        _runner(job).cancel(places.folder_of(job))
        return "The trainer is told to end; nothing is charged for what it did."

    def stop(self, job: JobView) -> str:
        """`Resumable`."""
        _runner(job).stop(places.folder_of(job))
        return "The trainer saves a checkpoint at its next step, and ends."

    def resume(self, job: JobView) -> Submitted:
        """`Resumable`."""
        # The trainer may have been installed anew since.
        remote_id = _runner(job).resume(places.folder_of(job), python=_work(job).python)
        return Submitted(remote_id, remote={"offset": _offset(job)})

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Return the adapter as one GGUF file, and a model in Ollama where that runs."""
        there = places.folder_of(job)
        made = _runner(job).artifacts(there)
        if made is None:
            raise NotSubmitted(
                f"The trainer left no result in {there}.", advice="Start the job again; what it learned was there."
            )
        python = interpreter.python(job.settings)
        gguf = job.folder / "adapter.gguf"
        adapter = publishing.to_gguf(
            made.base_config, made.adapter, gguf, python=python, report_progress=report_progress
        )
        chosen = Chosen.of(job.spec.settings)
        parameters = _parameters(job, chosen, made.result)
        engine = str(made.result.get("engine", ""))
        served = serving.publish(job, chosen, adapter, made.adapter, made.base_config, engine, report_progress)
        return TrainedModel(
            "tuned",
            served.call_name,
            artefacts=[adapter, _weights(made.adapter, made.result)],
            checkpoints=[{"name": each.name, "path": str(each)} for each in made.checkpoints],
            parameters=parameters,
            cost_usd=Decimal(0),
            tokens_trained=_whole(made.result.get("tokens")),
            serving=served.state,
            serving_remote=served.remote,
            note=served.note,
        )

    def serve(self, model: ModelView, *, confirmed_hourly: bool = False) -> ServingStatus:
        """Push an adapter that was trained before. Nothing is paid for it."""
        return serving.serve(model)

    def serving(self, model: ModelView) -> ServingStatus:
        return serving.state_of(model)

    def unserve(self, model: ModelView) -> ServingStatus:
        """Delete it from Ollama; adapter and base stay."""
        return serving.unserve(model)


def _resolve(job: JobView, chosen: Chosen, report_progress: ReportProgress) -> Resolved:
    base = Base.parse(job.spec.base_model)
    store = places.store(job.settings, chosen.runner)
    if base.kind == "folder":
        there = Path(base.name)
        if config_in(there) is None:
            raise NotSubmitted(f"There is no model in {there}.", code="base_missing", advice="Choose another base.")
        return Resolved(there, "", "")
    python = interpreter.python(job.settings)
    if base.kind == "hub":
        return bases.of_hub(base, store=store, python=python, report_progress=report_progress)
    try:
        shown = Ollama(job.settings).show(base.name)
    except OllamaAway:
        known = bases.remembered(base, store, bases.dtype_of(chosen.precision, None))
        if known is None:
            raise
        return known
    if shown is None:
        raise NotSubmitted(
            f"Ollama has no model {base.name}.", code="base_missing", advice=f"Get it with `ollama pull {base.name}`."
        )
    dtype = bases.dtype_of(chosen.precision, bases.shape_of(base, shown, store))
    return bases.of_ollama(base, shown, store=store, python=python, dtype=dtype, report_progress=report_progress)


def _runner(job: JobView) -> Runner:
    return places.runner_of(job.settings, Chosen.of(job.spec.settings).runner)


def _work(job: JobView) -> TrainerRun:
    chosen = Chosen.of(job.spec.settings)
    there = places.folder_of(job)
    on_cluster = chosen.runner == "ray"
    python = job.settings.ray_python if on_cluster else interpreter.python(job.settings)
    if python is None:
        raise NotSubmitted(
            "WHETSTONE_RAY_PYTHON is not set, so it is not known what trains on the cluster's machines.",
            code="no_trainer",
            advice="Install the trainer's packages there, and set it to that Python.",
        )
    return TrainerRun(
        there,
        job.key,
        python,
        there / "trainer" / "train.py",
        chosen.gpus,
        cpus=1 if on_cluster and chosen.device == "cpu" else 0,
        gpus=chosen.gpus if on_cluster and chosen.device == "cuda" else 0,
    )


def _offset(job: JobView) -> int:
    """How much of the events was read."""
    return int(job.remote.get("offset", 0))


def _parameters(job: JobView, chosen: Chosen, result: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that says how the model came about."""
    base = job.remote.get("base", {})
    told = {name: value for name, value in result.items() if name not in ("tokens", "adapter_sha256")}
    return {
        "settings": vars(chosen),
        "base": dict(base),
        "result": told,
        "dataset": {"label": job.data.label, "root_hash": job.data.root_hash},
    }


def _weights(adapter: Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the adapter as PEFT wrote it, to go on with elsewhere."""
    file = adapter / "adapter_model.safetensors"
    return {
        "kind": "adapter",
        "format": "peft",
        "path": str(adapter),
        "sha256": result.get("adapter_sha256"),
        "bytes": file.stat().st_size if file.exists() else None,
    }


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


PROVIDER = LocalProvider()
