"""From an adapter to a model that Ollama answers with: one GGUF file, put on the untouched base, and asked once."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.tuning.providers.local import shapes
from core.tuning.providers.local.ollama import conversations
from core.tuning.providers.local.ollama.client import Ollama, Shown
from core.tuning.providers.local.ollama.conversations import Compared, Differs
from core.tuning.providers.local.runners import folders
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import NotSubmitted, ReportProgress

#: What a name in Ollama can hold; it takes up to 80 characters.
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
_LONGEST_NAME = 60
_MOST_NUMBERS = 1_000
_PROMPT = "Hello."

_NOT_TOLD = "Not compared with the training: the trainer does not say what it made of a conversation."
_REMAKE = (
    "Give {base} in Ollama what it was trained with: take TEMPLATE and SYSTEM out of `ollama show {base} --modelfile`, "
    "and `ollama create {base}` anew from the rest; or update Ollama. Then press Serve."
)
_NO_OTHER = (
    "The template in the base's own file is not the trained one either: train on ollama:{base} itself, or bring the "
    "base into Ollama whose template was trained, or update Ollama. Then press Serve."
)

#: What has to be the same for an adapter to fit, by the words of config.json and of GGUF.
_FITS: Mapping[str, str] = {
    "num_hidden_layers": "block_count", "hidden_size": "embedding_length", "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count", "num_key_value_heads": "attention.head_count_kv",
}  # fmt: skip


def to_gguf(
    base_config: Path, adapter: Path, out: Path, *, python: str, report_progress: ReportProgress
) -> dict[str, Any]:
    """Return the adapter as one GGUF file; an artefact of the model. Raises `NotSubmitted`.

    What was made of the same adapter before is taken as it is.
    """
    weights, note = sha256(adapter / "adapter_model.safetensors"), out.with_suffix(".json")
    said = _made_before(out, note, weights)
    if said is None:
        report_progress("converting the adapter", None)
        out.parent.mkdir(parents=True, exist_ok=True)
        said = programs.run(
            python,
            "to_gguf.py",
            base_config,
            adapter,
            out,
            told=lambda _: report_progress("converting the adapter", None),
        )
        if said.get("sha256") != sha256(out):
            raise NotSubmitted(f"{out} is not what was written; look at the disk, and try again.")
        folders.write_json(note, {"made_of": weights, **said})
    return {
        "kind": "adapter",
        "format": "gguf",
        "path": str(out),
        "sha256": said["sha256"],
        "bytes": out.stat().st_size,
        "base_config": str(base_config),
        **{name: said.get(name) for name in ("architecture", "modules", "alpha")},
    }


def _made_before(out: Path, note: Path, weights: str) -> dict[str, Any] | None:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        return said if said.get("made_of") == weights and said.get("sha256") == sha256(out) else None
    except (OSError, ValueError):
        return None


def name_of(wanted: str) -> str:
    """Return what a model is called in Ollama: lower case, no blanks, and with a tag, so that
    nobody has to guess one.
    """
    plain = _NOT_IN_NAMES.sub("-", wanted.lower()).strip("-._")[:_LONGEST_NAME].strip("-._")
    return f"{plain or 'whetstone'}:latest"


def free_name(ollama: Ollama, wanted: str, adapter: str) -> str:
    """Return this name, or one with a number: the first that is free, or has this very adapter and so is ours from
    before.
    """
    plain = name_of(wanted).removesuffix(":latest")
    for number in range(1, _MOST_NUMBERS):
        name = f"{plain}:latest" if number == 1 else f"{plain}-{number}:latest"
        shown = ollama.show(name)
        if shown is None or shown.adapters == (adapter,):
            return name
    raise NotSubmitted(f"Ollama has {_MOST_NUMBERS} models called {plain}; choose another name.")


@dataclass(frozen=True)
class Wanted:
    """A model that is to be in Ollama: an adapter on a base."""

    name: str
    base: Shown
    file: Path
    #: Of the adapter, as `sha256:…`.
    digest: str
    parameters: Mapping[str, Any]
    quantise: str | None = None


def publish(
    ollama: Ollama,
    wanted: Wanted,
    trained: Mapping[str, Any] | None,
    report_progress: ReportProgress = lambda _what, _share: None,
) -> Compared:
    """Make the model, ask it once, and compare what it makes of conversations with what the trainer made of them.

    One that cannot answer, or that reads them in another way, is removed again. Raises `NotSubmitted`. `trained` None:
    it is not known what the trainer made of them, so nothing is compared.
    """
    report_progress("giving the adapter to Ollama", None)
    ollama.take_blob(wanted.file, wanted.digest)
    shown = _create(ollama, wanted, report_progress)
    if trained is None:
        return Compared("unknown", _NOT_TOLD)
    try:
        return _alike(ollama, wanted, shown, trained, report_progress)
    except NotSubmitted:
        ollama.delete(wanted.name)
        raise


def _alike(
    ollama: Ollama, wanted: Wanted, shown: Shown, trained: Mapping[str, Any], report_progress: ReportProgress
) -> Compared:
    """As it was trained: as the base is in Ollama, or else with nothing of that but its weights."""
    report_progress("comparing with the training", None)
    first = conversations.compare(ollama, wanted.name, shown, trained)
    if first.verdict != "different":
        return first
    base = wanted.base
    if first.advice or len(base.files) != 1 or not base.digest:
        raise Differs(first, _REMAKE.format(base=base.name))
    try:
        shown = _create(ollama, wanted, report_progress, weights=base.digest)
        second = conversations.compare(ollama, wanted.name, shown, trained)
    except NotSubmitted:  # Ollama makes no model of the weights alone
        raise Differs(first, _REMAKE.format(base=base.name)) from None
    if second.verdict == "different":
        raise Differs(first, _NO_OTHER.format(base=base.name))
    told = (
        f"{second.sentence} It has the template in the base's own file, and not what {base.name} has: {first.sentence}"
    )
    return replace(second, sentence=told, is_of_weights=True)


def _create(ollama: Ollama, wanted: Wanted, report_progress: ReportProgress, *, weights: str = "") -> Shown:
    """Return the model as Ollama shows it, once it has answered."""
    report_progress("making the model in Ollama", None)
    name, base = wanted.name, wanted.base.name
    ollama.create(
        name, base=base, adapter=wanted.digest, parameters=wanted.parameters, quantise=wanted.quantise, weights=weights
    )
    shown = ollama.show(name)
    if shown is None or shown.adapters != (wanted.digest,):
        raise NotSubmitted(
            f"Ollama made {name}, but shows it without the adapter; look at `ollama show {name} --modelfile`."
        )
    report_progress("asking the model", None)
    try:
        ollama.ask(name, _PROMPT)
    except NotSubmitted as refused:
        ollama.delete(name)
        raise NotSubmitted(
            f"Ollama cannot answer with the adapter on {base}: {refused}",
            code="smoke",
            advice="The base in Ollama is probably not the one that was trained; fetch that one, and press Serve.",
        ) from None
    return shown


def base_to_serve_on(ollama: Ollama, tag: str, *, digest: str, config: Path) -> Shown:
    """Return the base in Ollama, when it is there, untouched, and still the one that was trained.

    Raises `NotSubmitted`.
    """
    shown = ollama.show(tag)
    if shown is None:
        raise NotSubmitted(
            f"Ollama has no {tag}.", code="base_missing", advice=f"Get it with `ollama pull {tag}`, and press Serve."
        )
    if shown.adapters:
        raise NotSubmitted(
            f"{tag} has an adapter already, and a second one would be put on top of it.",
            code="base_missing",
            advice="Name the model it was made from.",
        )
    if digest.startswith("sha256:") and shown.digest and shown.digest != digest:
        raise NotSubmitted(
            f"{tag} is another model now than the one that was trained on.",
            code="base_missing",
            advice=f"Bring back the former one ({digest[:19]}…) under the name {tag}, and press Serve.",
        )
    if differing := _differing(shown, config):
        raise NotSubmitted(
            f"{tag} is not the base that was trained: {differing}.",
            code="base_missing",
            advice="Name a model of Ollama with the same weights.",
        )
    return shown


def _differing(shown: Shown, config: Path) -> str:
    """Return what does not fit, or "". Whether the weights are the same is not seen in this."""
    trained, kind = shapes.config_in(config) or {}, shown.architecture
    for ours, theirs in _FITS.items():
        here, there = trained.get(ours), shown.facts.get(f"{kind}.{theirs}")
        if isinstance(here, int) and isinstance(there, int) and here != there:
            return f"{ours.replace('_', ' ')} is {there} there and {here} here"
    return ""


def sha256(file: Path) -> str:
    """Return the hash of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
