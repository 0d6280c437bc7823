"""Everything that stands in the way of a job, and what it will take."""

from collections.abc import Iterator
from pathlib import Path

from core.settings import Settings
from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import bases, checks, places, shapes
from core.tuning.providers.local.bases import Base
from core.tuning.providers.local.checks import Looked
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.ollama.client import Ollama
from core.tuning.providers.local.training import interpreter, probing
from core.tuning.providers.local.training.probing import Probed
from core.tuning.providers.protocol import CheckReport, Estimate, NotSubmitted, Obstacle, ProviderTrouble, Spec

_LATER = "Three real steps are timed when you press Check, which takes some seconds to minutes."


def check(spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
    """Return what `Provider.check` answers."""
    found = list(checks.of_choices(spec, data))
    if any(each.code == "setting_wrong" for each in found):
        return CheckReport(
            tuple(found), Estimate(None, None, None, None, "Nothing can be estimated with a wrong setting.")
        )
    chosen = Chosen.of(spec.settings)
    try:
        base = Base.parse(spec.base_model)
    except NotSubmitted as refused:
        missing = Obstacle("base_missing", str(refused), refused.advice)
        return CheckReport((*found, missing), probing.unmeasured(chosen, data, "There is no base to measure with."))
    found += _static(base, chosen, data, settings, live=live)
    if not live:
        return CheckReport(tuple(found), probing.unmeasured(chosen, data, _LATER))
    can_run = not any(each.code == "no_trainer" and each.blocks for each in found)
    looked = _look(base, chosen, settings, can_run=can_run)
    found += looked.obstacles
    if looked.shape is not None:
        found += checks.of_memory(looked.shape, chosen, data)
    probed = _measured(base, chosen, data, settings, looked, found)
    # The probe knows better what the rule of thumb said.
    kept = [each for each in found if each.code != "too_long"] if probed.estimate.seconds is not None else found
    return CheckReport((*kept, *probed.obstacles), probed.estimate)


def _static(base: Base, chosen: Chosen, data: DataFacts, settings: Settings, *, live: bool) -> Iterator[Obstacle]:
    yield from checks.of_combination(chosen, data)
    yield from interpreter.obstacles(settings, chosen)
    if chosen.runner == "ray":
        yield from checks.of_ray(chosen, settings, live=live)
    if base.kind == "folder":
        yield from checks.of_folder(base)


def _look(base: Base, chosen: Chosen, settings: Settings, *, can_run: bool) -> Looked:
    """At the base, where it is."""
    if base.kind == "ollama":
        return checks.of_ollama(base, chosen, settings)
    shape = bases.shape_of(base, None, places.store(settings, chosen.runner))
    more = list(_of_serving(chosen, settings))
    if base.kind == "hub" and shape is None and can_run:
        try:
            seen = bases.look_at_hub(base, python=interpreter.python(settings))
        except NotSubmitted as refused:
            return Looked((*more, _of_hub(refused)))
        shape = shapes.of_config(seen["config"])
        more += checks.of_architecture(str(seen["config"].get("model_type", "")), frozenset(shapes.ARCHITECTURES))
    return Looked(tuple(more), shape)


def _of_hub(refused: NotSubmitted) -> Obstacle:
    if refused.code == "not_reachable":
        return Obstacle("not_reachable", str(refused), "Check the connection, or choose a base of Ollama or a folder.")
    return Obstacle("base_missing", str(refused), "Choose another base.")


def _of_serving(chosen: Chosen, settings: Settings) -> Iterator[Obstacle]:
    """Check the serving: a base that is not Ollama's own needs one there to be put on."""
    if away := checks.ollama_is_away(settings):
        yield away
    if not chosen.serve_on:
        yield Obstacle(
            "other",
            "No model of Ollama with these weights is known, so what is trained will not answer yet.",
            "Name a model of Ollama with the same weights under Serve on; or see what the finished job says.",
            blocks=False,
        )
        return
    try:
        missing = away is None and Ollama(settings).show(chosen.serve_on) is None
    except (NotSubmitted, ProviderTrouble):
        return
    if missing:
        yield Obstacle(
            "base_missing",
            f"Ollama has no model {chosen.serve_on} to serve on.",
            f"Get it with `ollama pull {chosen.serve_on}`, or correct Serve on.",
            blocks=False,
        )


def _measured(
    base: Base, chosen: Chosen, data: DataFacts, settings: Settings, looked: Looked, found: list[Obstacle]
) -> Probed:
    if any(each.blocks for each in found):
        return Probed((), probing.unmeasured(chosen, data, "It is measured when nothing stands in the way any more."))
    if chosen.runner == "ray":
        return Probed((), probing.unmeasured(chosen, data, "On a cluster it is not measured beforehand."))
    if data.files is None:
        return Probed((), probing.unmeasured(chosen, data, _LATER))
    python = interpreter.python(settings)
    try:
        folder = _ready(base, chosen, settings, looked, python)
    except NotSubmitted as refused:
        return Probed(
            (Obstacle("base_missing", str(refused), refused.advice or "Choose another base."),),
            probing.unmeasured(chosen, data, "There is no base to measure with."),
        )
    if folder is None:
        return Probed(
            (), probing.unmeasured(chosen, data, "It is measured once the base is fetched, which the job does.")
        )
    return probing.probe(chosen, data, data.files("openai"), folder, python=python, settings=settings)


def _ready(base: Base, chosen: Chosen, settings: Settings, looked: Looked, python: str) -> Path | None:
    """Return the base as a folder; None for a hub's that was not fetched yet: gigabytes are not fetched for a check."""
    store = places.store(settings, chosen.runner)
    if base.kind == "folder":
        return Path(base.name)
    if base.kind == "hub":
        kept = bases.kept_hub(base, store)
        return kept.folder if kept else None
    dtype = bases.dtype_of(chosen.precision, looked.shape)
    if looked.shown is None:
        known = bases.remembered(base, store, dtype)
        return known.folder if known else None
    return bases.of_ollama(base, looked.shown, store=store, python=python, dtype=dtype, report_progress=_silence).folder


def _silence(_what: str, _share: float | None) -> None:
    """Tell nobody how far a check is."""
