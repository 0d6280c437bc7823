"""Reads of fine-tuning for its page. What providers say without being asked over the net is remembered for a moment,
over all visitors; states of jobs are read each time, from indexes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import deployments
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.deployments import preferences
from core.errors import WhetstoneError
from core.settings import get_settings
from core.tuning import jobs, preflight
from core.tuning.providers import catalogue, registry
from core.tuning.providers.catalogue import ProviderFacts
from core.tuning.providers.protocol import OPEN, Capabilities, CheckReport, Obstacle, Provider, ProviderId, Spec
from ui.parts.cached_read import cached_read

REMEMBERED_S = 15
#: So many bases are looked at to find one that can be trained now.
_TRIED = 12


@dataclass(frozen=True)
class Way:
    """What a provider can do now with one dataset version, as far as it is known without asking it."""

    facts: ProviderFacts
    capabilities: Capabilities
    bases: tuple[str, ...]
    #: The first base that can be trained now, else the first there is, else "".
    base: str
    #: Of that base with default settings; None without one.
    checked: CheckReport | None
    #: Why it could not even be looked at.
    trouble: str = ""

    @property
    def missing(self) -> tuple[Obstacle, ...]:
        return tuple(each for each in self.checked.obstacles if each.blocks) if self.checked else ()

    @property
    def can_work(self) -> bool:
        return self.checked is not None and self.checked.can_start

    @property
    def needs_name(self) -> bool:
        """It lists no base, and may do with one that is typed."""
        return not self.bases and bool(self.missing) and all(each.code == "base_missing" for each in self.missing)

    @property
    def can_choose(self) -> bool:
        """Whether it can begin now, or after what the page itself offers to set up."""
        return self.can_work or self.needs_name or (bool(self.missing) and all(map(_is_set_up_here, self.missing)))


def _is_set_up_here(obstacle: Obstacle) -> bool:
    return obstacle.code == "no_trainer"


@cached_read(ttl=4, max_entries=16)
def open_jobs(db: Database) -> int:
    """For the navigation, which every run of every page draws."""
    return open_now(db)


def open_now(db: Database) -> int:
    return sum(number for state, number in jobs.counts(db).items() if state in OPEN)


@cached_read(ttl=REMEMBERED_S)
def way(db: Database, dataset: DatasetVersion, provider_id: ProviderId) -> Way:
    provider = registry.provider(provider_id)
    known, can = catalogue.facts(provider_id), provider.capabilities
    try:
        bases = tuple(provider.bases(get_settings()))
        base, checked = _first(db, dataset, provider, bases)
        # What was counted holds the way to the records, which cannot be remembered.
        checked = None if checked is None else replace(checked, data=None)
    except WhetstoneError as error:
        return Way(known, can, (), "", None, str(error))
    return Way(known, can, bases, base, checked)


def in_use(db: Database) -> tuple[str, str]:
    """The model that plans and writes, and what it is."""
    deployed = deployments.current(db)
    if deployed is not None:
        return deployed.model_name, {"base": "base model", "tuned": "tuned model"}.get(deployed.kind, deployed.kind)
    by_hand = preferences.planner_model(db)
    return ("Built-in", "rules, no model") if by_hand is None else (str(by_hand), "set by hand")


def recount() -> None:
    """After a job began or ended: the number beside the page's name is counted anew."""
    open_jobs.clear()


def forget() -> None:
    """After something was set up: look again at what providers can do."""
    way.clear()


def _first(
    db: Database, dataset: DatasetVersion, provider: Provider, bases: Sequence[str]
) -> tuple[str, CheckReport | None]:
    """The first base that can be trained; else the first one, with what stands in its way."""
    first = None
    for base in bases[:_TRIED] or ("",):
        found = look(db, dataset, provider, base)
        if found.can_start:
            return base, found
        first = first or (base, found)
    return first or ("", None)


def look(db: Database, dataset: DatasetVersion, provider: Provider, base: str, *, live: bool = False) -> CheckReport:
    """What stands in the way of `base` with default settings."""
    spec = Spec(provider.id, base, provider.capabilities.methods[0], {})
    return preflight.examine(db, spec, dataset, live=live).checked
