"""What stands in the way of a training on one's own machines, each with what to do about it."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.settings import Settings, without_login
from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import bases, choices, places, shapes
from core.tuning.providers.local.bases import Base
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama.client import Ollama, OllamaAway, Shown
from core.tuning.providers.local.runners.ray import RayRunner, is_address, is_loopback
from core.tuning.providers.local.shapes import ARCHITECTURES, ModelShape, format_bytes
from core.tuning.providers.protocol import NotSubmitted, Obstacle, ProviderTrouble, Spec

#: Below, a model learns the examples by heart; from the second on it is only worth a word.
LEAST_EXAMPLES, FEW_EXAMPLES = 10, 50
#: A CPU trains what is larger so slowly that nobody waits for it.
_LARGE_FOR_CPU = 1_000_000_000
#: What Ollama quantises when it makes a model; all else it refuses.
_PLAIN = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Looked:
    """What a live look at a base found."""

    obstacles: tuple[Obstacle, ...]
    shape: ModelShape | None = None
    shown: Shown | None = None


def of_choices(spec: Spec, data: DataFacts) -> Iterator[Obstacle]:
    """Yield what can be said without asking anything: settings, and the number of examples."""
    for label, sentence in choices.wrong(spec.settings):
        yield Obstacle("setting_wrong", f"{label} {sentence}.", "Correct the setting.")
    if data.train < LEAST_EXAMPLES:
        yield Obstacle(
            "too_small",
            f"{data.label} has {data.train:,} training examples; fewer than {LEAST_EXAMPLES} are learned by heart.",
            "Create a version with more examples, or with a larger share for training.",
        )
    elif data.train < FEW_EXAMPLES:
        yield Obstacle(
            "too_small",
            f"{data.label} has only {data.train:,} training examples; what comes of it is a trial.",
            f"Some hundred examples are a better beginning than {data.train:,}.",
            blocks=False,
        )


def of_combination(chosen: Chosen, data: DataFacts) -> Iterator[Obstacle]:
    """Find settings that are right alone, and not together or not for these records."""
    if chosen.gpus > 1 and chosen.device == "cpu":
        yield Obstacle(
            "setting_wrong", f"{chosen.gpus} GPUs are chosen, and the device is the CPU.", "Choose one of both."
        )
    if data.longest_tokens > chosen.max_length:
        about = "" if data.is_exact else "about "
        yield Obstacle(
            "too_long",
            f"The longest example of {data.label} has {about}{data.longest_tokens:,} tokens by another counting; what "
            f"is beyond {chosen.max_length:,} is cut off.",
            "Raise the longest example, or exclude long ones; a live check counts with the base's own tokenizer.",
            blocks=False,
        )


def of_ray(chosen: Chosen, settings: Settings, *, live: bool) -> Iterator[Obstacle]:
    """Yield what a cluster needs. Live: it is asked for its version, too."""
    address = settings.ray_address or ""
    if not is_address(address):
        said = f"is {without_login(address)!r}, which is no dashboard's address" if address else "is not set"
        yield Obstacle("not_reachable", f"RAY_ADDRESS {said}.", "Set it to one such as http://10.0.0.5:8265.")
        return
    if settings.ray_python is None:
        yield Obstacle(
            "no_trainer",
            "WHETSTONE_RAY_PYTHON is not set, so it is not known what trains on the cluster's machines.",
            "Install the trainer's packages there, and set it to that Python.",
        )
    if settings.ray_token is None:
        yield Obstacle(
            "key_missing",
            "RAY_AUTH_TOKEN is not set. A cluster without a token runs whatever anybody sends it.",
            "Start the cluster with RAY_AUTH_MODE=token, and set RAY_AUTH_TOKEN here.",
            blocks=not is_loopback(address),
        )
    elif address.startswith("http://") and not is_loopback(address):
        yield Obstacle(
            "other",
            "The token goes to the Ray cluster over plain HTTP, where others on the network can read it.",
            "Put TLS in front of the dashboard, or reach it through an SSH tunnel.",
            blocks=False,
        )
    if chosen.device == "auto":
        yield Obstacle(
            "other",
            "With the device auto, nothing is reserved on the cluster, and it trains on the machine of its head.",
            "Choose cuda to have GPUs reserved anywhere in the cluster, or cpu.",
            blocks=False,
        )
    if live:
        yield from _unreachable(RayRunner(address, settings.ray_token))


def _unreachable(ray: RayRunner) -> Iterator[Obstacle]:
    try:
        ray.version()
    except ProviderTrouble as trouble:
        yield Obstacle("not_reachable", str(trouble), "Start the cluster, or correct RAY_ADDRESS.")
    except NotSubmitted as refused:
        code = "key_refused" if refused.code == "key_refused" else "key_missing"
        yield Obstacle(code, str(refused), refused.advice)


def of_folder(base: Base) -> Iterator[Obstacle]:
    """Check a folder of the user's, which can be looked at without asking anybody."""
    folder = Path(base.name)
    config = shapes.config_in(folder)
    if config is None:
        yield Obstacle(
            "base_missing",
            f"{folder} is no model's folder: it has no config.json."
            if folder.is_dir()
            else f"There is no folder {folder}.",
            "Choose the folder of a model in Hugging Face's form, with config.json, weights and tokenizer.",
        )
        return
    if not any(folder.glob("*.safetensors")):
        yield Obstacle("base_missing", f"{folder} has no weights (*.safetensors).", "Fetch the whole model.")
    yield from of_architecture(str(config.get("model_type", "")), ARCHITECTURES)


def of_architecture(kind: str, known: Mapping[str, Any] | frozenset[str]) -> Iterator[Obstacle]:
    """Refuse a kind of model whose adapter Ollama cannot take."""
    if kind not in known:
        yield Obstacle(
            "other",
            f"An adapter for {kind or 'an unknown kind of model'} cannot be made into a file that Ollama takes.",
            f"Choose a base of one of these kinds: {', '.join(sorted(known))}.",
        )


def of_ollama(base: Base, chosen: Chosen, settings: Settings) -> Looked:
    """Look at a model of Ollama, asked for now."""
    store = places.store(settings, chosen.runner)
    try:
        shown = Ollama(settings).show(base.name)
    except OllamaAway as away:
        # What was read of the base before can be trained; all else lies with Ollama.
        known = bases.remembered(base, store, bases.dtype_of(chosen.precision, None))
        if known is None:
            return Looked((Obstacle("ollama_not_running", f"{away} The base is one of its models.", "Start Ollama."),))
        config = shapes.config_in(known.folder) or {}
        return Looked((_not_running(away),), shapes.of_config(config))
    except (NotSubmitted, ProviderTrouble) as refused:
        return Looked((Obstacle("base_missing", str(refused), f"Look at `ollama show {base.name}`."),))
    if shown is None:
        missing = Obstacle(
            "base_missing",
            f"Ollama has no model {base.name}.",
            f"Get it with `ollama pull {base.name}`, or choose another.",
        )
        return Looked((missing,))
    shape = shapes.of_facts(shown.facts)
    found = [*of_architecture(shown.architecture, frozenset(ARCHITECTURES.values())), *_of_shown(base, chosen, shown)]
    if not bases.kept(shown, store, bases.dtype_of(chosen.precision, shape)):
        found += [*_unreadable(base, shown), *_no_room(store, shape, chosen)]
    return Looked(tuple(found), shape, shown)


def ollama_is_away(settings: Settings) -> Obstacle | None:
    """Nothing that hinders a training; but what it makes will not answer yet."""
    try:
        Ollama(settings).names()
    except OllamaAway as away:
        return _not_running(away)
    except (NotSubmitted, ProviderTrouble) as trouble:
        return Obstacle("ollama_not_running", str(trouble), "Look at Ollama's log.", blocks=False)
    return None


def _not_running(away: OllamaAway) -> Obstacle:
    return Obstacle(
        "ollama_not_running",
        f"{away} It can be trained now, and deployed later.",
        "Start Ollama, and press Serve on the model when it is trained.",
        blocks=False,
    )


def _of_shown(base: Base, chosen: Chosen, shown: Shown) -> Iterator[Obstacle]:
    if shown.adapters:
        yield Obstacle(
            "other",
            f"{base.name} has an adapter already; a second one would be put on top of it.",
            "Choose the model that it was made from.",
        )
    if len(shown.files) > 1:
        yield Obstacle(
            "other",
            f"{base.name} has parts besides text, such as for pictures, which cannot be trained here.",
            "Choose a model for text.",
        )
    if chosen.quantised != "no" and shown.quantisation not in _PLAIN:
        yield Obstacle(
            "setting_wrong",
            f"{base.name} is {shown.quantisation or 'quantised'} already, and Ollama makes only plain weights smaller.",
            "Set quantised publishing to no.",
        )


def _unreadable(base: Base, shown: Shown) -> Iterator[Obstacle]:
    if bases.weights_file(shown) is None:
        where = shown.files[0] if shown.files else "Ollama names no file"
        yield Obstacle(
            "base_missing",
            f"The weights of {base.name} cannot be read from here ({where}).",
            bases.UNREADABLE,
        )


def _no_room(store: Path, shape: ModelShape | None, chosen: Chosen) -> Iterator[Obstacle]:
    if shape is None:
        return
    needed = shape.parameters * number_bytes(chosen, shape)
    free = shutil.disk_usage(_existing(store)).free
    if needed > free:
        yield Obstacle(
            "other",
            f"The base needs {format_bytes(needed)} on the disk with its weights made plain; "
            f"{format_bytes(free)} are free.",
            f"Make room in {store}, or choose a smaller base.",
        )


def of_memory(shape: ModelShape, chosen: Chosen, data: DataFacts) -> Iterator[Obstacle]:
    """By a rule, before real steps are measured. Only for what trains on this machine's processor."""
    if chosen.runner == "ray" or chosen.device == "cuda":
        return
    needed = shape.memory(chosen, data.longest_tokens, number_bytes=number_bytes(chosen, shape))
    memory = psutil.virtual_memory()
    smaller = "Choose a smaller base, batch or longest example, or a larger machine."
    if needed > memory.total:
        yield Obstacle(
            "no_memory",
            f"Training takes about {format_bytes(needed)} of memory; this machine has {format_bytes(memory.total)}.",
            smaller,
        )
    elif needed > memory.available:
        yield Obstacle(
            "no_memory",
            f"Training takes about {format_bytes(needed)} of memory; {format_bytes(memory.available)} are free now.",
            f"Close what needs memory. {smaller}",
            blocks=False,
        )
    if shape.parameters > _LARGE_FOR_CPU and chosen.device != "cuda":
        yield Obstacle(
            "other",
            f"A base of {shape.parameters / 1e9:,.1f} billion parameters trains for days without a GPU.",
            "Choose one below a billion, a machine with a GPU, or a Ray cluster.",
            blocks=False,
        )


def number_bytes(chosen: Chosen, shape: ModelShape | None) -> int:
    """Return the bytes of one weight of the base as it is kept."""
    return 2 if bases.dtype_of(chosen.precision, shape) == "bfloat16" else 4


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists: the disk is the same."""
    return folder if folder.exists() else _existing(folder.parent)
