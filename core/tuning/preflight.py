"""What stands in the way of a job before it is made: settings, the provider's own checks, budget, and what was done."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, select

from core.datasets.versions import DatasetVersion, frozen
from core.db import Database
from core.db.tables import tuning_jobs
from core.settings import Settings, get_settings
from core.tuning import budget, facts, files
from core.tuning.providers import pricing, registry
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import CheckReport, Estimate, Obstacle, Provider, ProviderId, Setting, Spec

Providers = Callable[[ProviderId], Provider]

#: States of jobs that ended without a model: the same may be started again.
WITHOUT_MODEL = ("failed", "cancelled", "expired", "blocked", "draft", "legacy")


@dataclass(frozen=True)
class Examined:
    """A job that could be made: what was chosen with everything filled in, and what was found out about it."""

    spec: Spec
    version: DatasetVersion
    data: DataFacts
    #: By the provider alone.
    checked: CheckReport

    @property
    def spec_hash(self) -> str:
        """The same for the same records, base, method and settings, whatever the version or the model is called."""
        # The hash of the records says nothing of how they are paired.
        pairs = {"pairs_of": self.version.id} if self.spec.method == "dpo" else {}
        chosen = {
            **pairs,
            "records": self.data.root_hash,
            "provider": self.spec.provider,
            "base": self.spec.base_model,
            "method": self.spec.method,
            "settings": dict(self.spec.settings),
        }
        return hashlib.sha256(orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS)).hexdigest()


def check(
    db: Database,
    spec: Spec,
    dataset: str | int | DatasetVersion,
    *,
    live: bool,
    settings: Settings | None = None,
    again: bool = False,
    over_budget: bool = False,
    providers: Providers = registry.provider,
) -> CheckReport:
    """Everything that stands in the way of this job, and what it will take.

    `live`: the provider is asked too, which takes seconds. `again`: the same was done before, and that is meant.
    `over_budget`: that it goes over the month's budget was confirmed. Raises `DatasetRefused` or `UnknownDataset` for
    what is no frozen version, `TuningRefused` for no such provider.
    """
    found = examine(db, spec, dataset, live=live, settings=settings, providers=providers)
    with db.connect() as connection:
        more = [
            already_done(connection, found.spec_hash, again=again),
            budget.obstacle(found.checked.estimate, budget.budget_in(connection), confirmed=over_budget),
        ]
    return replace(found.checked, obstacles=(*found.checked.obstacles, *(each for each in more if each is not None)))


def examine(
    db: Database,
    spec: Spec,
    dataset: str | int | DatasetVersion,
    *,
    live: bool,
    settings: Settings | None = None,
    providers: Providers = registry.provider,
) -> Examined:
    """Return what the provider says to the job, with every setting filled in.

    Nothing of budget, and of what was done.
    """
    settings = settings or get_settings()
    version = frozen(db, dataset)
    provider = providers(spec.provider)
    data = facts.of(db, version, home=settings.home)
    if spec.method not in provider.capabilities.methods:
        return Examined(spec, version, data, CheckReport((_not_offered(spec, provider),), _NOTHING_KNOWN))
    offered = provider.settings_for(spec.base_model, spec.method)
    wrong = list(_wrong(spec, offered))
    spec = replace(spec, settings={**{each.name: each.default for each in offered}, **spec.settings})
    if wrong:
        # The provider would calculate with them.
        return Examined(spec, version, data, CheckReport(tuple(wrong), _NOTHING_KNOWN))
    # Who measures needs the records, too.
    at_hand = replace(data, files=lambda format_: files.of(db, version, format_, settings.home)) if live else data
    with pricing.prices_of(db):
        checked = provider.check(spec, at_hand, settings, live=live)
    return Examined(spec, version, data, _without_training_data(checked, data))


def already_done(connection: Connection, spec_hash: str, *, again: bool) -> Obstacle | None:
    """Return the newest job of the same records, base and settings that runs, or that made a model."""
    job_id = duplicate_of(connection, spec_hash)
    if job_id is None:
        return None
    return Obstacle(
        "already_done",
        f"Job {job_id} trains, or has trained, the same records on the same base with the same settings.",
        "Use its model, or say that you want it a second time.",
        blocks=not again,
    )


def duplicate_of(connection: Connection, spec_hash: str) -> int | None:
    """Return the id of that job, by the index that keeps it the only one."""
    columns = tuning_jobs.c
    query = select(columns.id).where(columns.spec_hash == spec_hash, columns.state.not_in(WITHOUT_MODEL))
    return connection.execute(query.order_by(columns.id.desc()).limit(1)).scalar_one_or_none()


_NOTHING_KNOWN = Estimate(None, None, None, None, "Nothing can be estimated before what stands in the way is gone.")


def _not_offered(spec: Spec, provider: Provider) -> Obstacle:
    offered = ", ".join(provider.capabilities.methods)
    return Obstacle(
        "method_not_offered",
        f"The method {spec.method!r} is not offered by {spec.provider}; it offers: {offered}.",
        "Choose one of these, or another provider.",
    )


def _without_training_data(checked: CheckReport, data: DataFacts) -> CheckReport:
    if (checked.data or data).train or any(each.code == "too_small" and each.blocks for each in checked.obstacles):
        return checked
    empty = Obstacle(
        "too_small",
        f"{data.label} has no training examples.",
        "Create a version with a larger share for training.",
    )
    return replace(checked, obstacles=(empty, *checked.obstacles))


def _wrong(spec: Spec, offered: Sequence[Setting]) -> Iterator[Obstacle]:
    known = {each.name: each for each in offered}
    for name, value in spec.settings.items():
        if name not in known:
            there = ", ".join(known) or "none"
            yield Obstacle(
                "setting_wrong",
                f"There is no setting {name!r} here; there are: {there}.",
                "Leave it out, or correct it.",
            )
        elif sentence := _fault(known[name], value):
            yield Obstacle("setting_wrong", f"{known[name].label} is {value!r}. {sentence}", "Correct the setting.")


def _fault(setting: Setting, value: Any) -> str:
    """Return what is wrong with a value, in a sentence, or ""."""
    if value == setting.default or value in setting.choices:
        return ""
    if setting.kind == "choice":
        return f"It can be {', '.join(map(str, setting.choices))}."
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float, Decimal),
        "boolean": (bool,),
        "text": (str,),
    }
    is_right = isinstance(value, kinds[setting.kind]) and (setting.kind == "boolean" or not isinstance(value, bool))
    if not is_right:
        extra = f", or one of {', '.join(map(str, setting.choices))}" if setting.choices else ""
        return f"It has to be {_KIND[setting.kind]}{extra}."
    if setting.kind in ("integer", "number") and not _within(setting, float(value)):
        return f"It has to be {_range(setting)}."
    return ""


_KIND = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "text": "a text"}


def _within(setting: Setting, value: float) -> bool:
    above = setting.least is None or value >= setting.least
    return above and (setting.most is None or value <= setting.most)


def _range(setting: Setting) -> str:
    least, most = (None if each is None else f"{each:g}" for each in (setting.least, setting.most))
    if most is None:
        return f"{least} at least"
    return f"{most} at most" if least is None else f"{least} to {most}"
