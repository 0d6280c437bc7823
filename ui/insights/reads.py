"""Reads of the page that take more than a moment, remembered until there is something new to see."""

from core import history, patterns
from core.commands import store
from core.commands.filters import CommandFilter
from core.commands.models import CommandRow
from core.db import Database
from core.history.correlation import Correlations, Monthly, Of
from core.history.effectiveness import Platform, Times, Topics
from core.patterns import Kept, State, experiment
from ui.data import reads as examples
from ui.parts.cached_read import cached_read

STATES: tuple[State, ...] = ("new", "accepted", "decayed", "retired")
#: So many patterns are shown; mining finds some dozens.
MOST = 1_000
#: Seconds for which figures of history may be old: a million posts take half a second.
REMEMBERED_S = 60
#: More ids than this do not fit into an address.
IDS_IN_URL = 2_000


@cached_read(version=patterns.version)
def all_patterns(db: Database) -> list[Kept]:
    """Of every state, the surest first."""
    return patterns.patterns(db, states=STATES, limit=MOST)


@cached_read(version=examples.version)
def example_ids(db: Database, pattern_id: str, did_well: bool) -> tuple[int, ...]:
    """Examples that have all its items and did well, or did not; one more than fit into an address shows that."""
    return patterns.ids_of(db, patterns.get(db, pattern_id), did_well=did_well, limit=IDS_IN_URL + 1)


@cached_read(ttl=30, max_entries=16)
def effect(db: Database) -> experiment.Effect:
    """What the experiment has shown so far; it reads every scored execution."""
    return experiment.effect(db)


@cached_read(ttl=REMEMBERED_S, max_entries=16)
def topics(db: Database) -> Topics:
    return history.topics(db)


@cached_read(ttl=REMEMBERED_S, max_entries=16)
def platforms(db: Database) -> tuple[Platform, ...]:
    return history.platforms(db)


@cached_read(ttl=REMEMBERED_S)
def times(db: Database, platform: str, zone: str) -> Times:
    return history.times(db, platform=platform, zone=zone)


@cached_read(ttl=REMEMBERED_S, max_entries=16)
def correlations(db: Database, of: Of) -> Correlations:
    return history.correlations(db, of=of)


@cached_read(ttl=REMEMBERED_S, max_entries=16)
def monthly(db: Database) -> Monthly:
    return history.monthly(db)


def forget_history() -> None:
    """After an act on history of this page: nobody looks at figures of before it."""
    for read in (topics, platforms, times, correlations, monthly):
        read.clear()


def mining(db: Database) -> CommandRow | None:
    """The latest command to mine."""
    found = store.page(db, CommandFilter(agents=(patterns.AGENT,)), limit=1).rows
    return found[0] if found else None


def version(db: Database, latest: CommandRow | None) -> tuple[object, ...]:
    """Another one whenever something happened to a pattern, or to the mining."""
    return (patterns.version(db), latest and latest.id, latest and latest.status)
