"""A tuned model in Ollama: put there when it is made, put there later, looked at, and taken away again."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from core.settings import Settings
from core.tuning.providers.local.bases import Base
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama import conversations, publishing
from core.tuning.providers.local.ollama.client import Ollama, OllamaAway
from core.tuning.providers.local.ollama.conversations import Compared, Differs
from core.tuning.providers.local.training import interpreter
from core.tuning.providers.protocol import (
    JobView,
    ModelView,
    NotSubmitted,
    ProviderTrouble,
    ReportProgress,
    ServingStatus,
)

_SERVE = "press Serve on the model"


@dataclass(frozen=True)
class Published:
    """What became of putting a model into Ollama."""

    state: Literal["none", "ready", "failed"]
    call_name: str = ""
    remote: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def publish(
    job: JobView,
    chosen: Chosen,
    adapter: Mapping[str, Any],
    weights: Path,
    config: Path,
    engine: str,
    report_progress: ReportProgress,
) -> Published:
    """Put a trained model into Ollama; where that cannot be, say why: trained it is all the same."""
    base = job.remote.get("base", {})
    tag = base.get("tag") or chosen.serve_on
    if not tag:
        return Published(
            "none", note=_without_base(job.spec.base_model, base.get("digest", ""), base.get("folder", ""))
        )
    base_name = Base.parse(job.spec.base_model).name.removesuffix(":latest").rpartition("/")[2]
    wanted = job.spec.name or f"{job.data.label} {base_name}"
    try:
        trained = partial(_of_training, weights, engine, job.settings)
        name, compared = _put(
            Ollama(job.settings), wanted, tag, adapter, base.get("digest", ""), config, chosen, trained, report_progress
        )
    except OllamaAway as away:
        return Published("none", note=f"Trained, not deployed: {away} Then {_SERVE}.")
    except NotSubmitted as refused:
        advice = f" {refused.advice}" if refused.advice else ""
        return Published("failed", remote=_kept(refused), note=f"Trained, not deployed: {refused}{advice}")
    return Published("ready", f"ollama:{name}", {"name": name, conversations.KEPT: compared.kept()}, compared.note)


def _of_training(weights: Path, engine: str, settings: Settings) -> dict[str, Any] | None:
    """Return what the trainer makes of conversations; None where it cannot be asked."""
    today = dt.datetime.now().astimezone().date()
    try:
        return conversations.of_training(weights, engine, lambda: interpreter.python(settings), today)
    except NotSubmitted:
        return None


def _kept(refused: NotSubmitted) -> dict[str, Any]:
    """Return what is kept of a comparison that stopped it."""
    return {conversations.KEPT: refused.compared.kept()} if isinstance(refused, Differs) else {}


def serve(model: ModelView) -> ServingStatus:
    """Put it into Ollama now. Raises `NotSubmitted`."""
    parameters = model.parameters
    chosen = Chosen.of(parameters.get("settings", {}))
    base = parameters.get("base", {})
    tag = base.get("tag") or chosen.serve_on or standing_in(model.base_model, base.get("digest", ""))
    adapter = _adapter(model)
    config = Path(adapter["base_config"])
    trained = partial(_of_training, _weights(model), parameters.get("result", {}).get("engine", ""), model.settings)
    try:
        name, compared = _put(
            Ollama(model.settings),
            model.name,
            tag,
            adapter,
            base.get("digest", ""),
            config,
            chosen,
            trained,
            lambda _w, _s: None,
        )
    except Differs as differs:
        return ServingStatus("failed", remote=_kept(differs), error=f"{differs} {differs.advice}".strip())
    except OllamaAway as away:
        raise NotSubmitted(str(away), code="ollama_not_running", advice="Start Ollama, and try again.") from None
    except ProviderTrouble as trouble:
        raise NotSubmitted(str(trouble), advice="Try again.") from None
    return ServingStatus("ready", f"ollama:{name}", {"name": name, conversations.KEPT: compared.kept()})


def state_of(model: ModelView) -> ServingStatus:
    """Whether Ollama has it. Raises `ProviderTrouble`."""
    name = _name(model)
    if not name:
        return ServingStatus("none")
    shown = Ollama(model.settings).show(name)
    if shown is None:
        return ServingStatus("deleted")
    if shown.adapters != (f"sha256:{_adapter(model)['sha256']}",):
        return ServingStatus("failed", error=f"{name} in Ollama is not this model any more: it has another adapter.")
    return ServingStatus("ready", f"ollama:{name}", {"name": name})


def unserve(model: ModelView) -> ServingStatus:
    """Take it out of Ollama, unless what has its name there is something else. Raises `NotSubmitted`."""
    try:
        if state_of(model).state == "ready":
            Ollama(model.settings).delete(_name(model))
    except OllamaAway as away:
        raise NotSubmitted(str(away), code="ollama_not_running", advice="Start Ollama, and try again.") from None
    return ServingStatus("deleted")


def standing_in(base_model: str, digest: str) -> str:
    """Return the name under which a base that is not Ollama's own is looked for there."""
    plain = publishing.name_of(f"whetstone-base-{Base.parse(base_model).name.rpartition('/')[2]}").removesuffix(
        ":latest"
    )
    commit = digest.removeprefix("commit:")[:8]
    return f"{plain}-{commit}:latest" if commit else f"{plain}:latest"


def _without_base(base_model: str, digest: str, folder: str) -> str:
    name = standing_in(base_model, digest).removesuffix(":latest")
    return (
        "Trained, not deployed: the base is none of Ollama's. If Ollama can import it, make it there with a Modelfile "
        f"that says `FROM {folder}` and `ollama create {name}`; then {_SERVE}."
    )


def _put(
    ollama: Ollama,
    wanted: str,
    tag: str,
    adapter: Mapping[str, Any],
    digest: str,
    config: Path,
    chosen: Chosen,
    trained: Callable[[], Mapping[str, Any] | None],
    report_progress: ReportProgress,
) -> tuple[str, Compared]:
    file, own = Path(adapter["path"]), f"sha256:{adapter['sha256']}"
    if not file.exists() or publishing.sha256(file) != adapter["sha256"]:
        raise NotSubmitted(f"The adapter {file} is gone, or is not what was trained.", advice="Train it again.")
    base = publishing.base_to_serve_on(ollama, tag, digest=digest, config=config)
    name = publishing.free_name(ollama, wanted, own)
    quantise = None if chosen.quantised == "no" else chosen.quantised
    model = publishing.Wanted(name, base, file, own, {"temperature": chosen.temperature}, quantise)
    return name, publishing.publish(ollama, model, trained(), report_progress)


def _adapter(model: ModelView) -> Mapping[str, Any]:
    for each in model.artefacts:
        if each.get("format") == "gguf":
            return each
    raise NotSubmitted(f"{model.name} has no adapter that Ollama takes.", advice="Train it again.")


def _weights(model: ModelView) -> Path:
    """Return the folder with the adapter as it was trained, beside which the trainer wrote what it makes of
    conversations.
    """
    return Path(next((str(each["path"]) for each in model.artefacts if each.get("format") == "peft"), ""))


def _name(model: ModelView) -> str:
    return str(model.serving_remote.get("name") or model.call_name.removeprefix("ollama:"))
