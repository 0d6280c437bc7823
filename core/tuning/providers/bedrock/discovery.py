"""What an account may customise, asked live: nothing of it is taken from a table."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.tuning.providers.bedrock import families
from core.tuning.providers.bedrock.access import Amazon

#: An answer is used again for so long, so that a page that is drawn does not ask each time.
_KEPT_S = 600


@dataclass(frozen=True)
class DiscoveredBases:
    """Bases that the account lists as customisable now, and those it lists whose form of data is not known here."""

    bases: tuple[str, ...]
    others: tuple[str, ...]


_kept: dict[Amazon, tuple[float, DiscoveredBases]] = {}
_lock = threading.Lock()


def ask(
    amazon: Amazon, *, now: dt.datetime | None = None, clock: Callable[[], float] = time.monotonic
) -> DiscoveredBases:
    """Ask AWS, and keep the answer. Raises `AwsRefused`, `NoAnswer` or `Unreachable`."""
    with amazon.spoken("bedrock") as client:
        answer = client.list_foundation_models(byCustomizationType="FINE_TUNING")
    moment = now or dt.datetime.now(dt.UTC)
    alive = [each["modelId"] for each in answer.get("modelSummaries", []) if _is_alive(each, moment)]
    known = tuple(name for name in alive if families.of(name))
    found = DiscoveredBases(known, tuple(name for name in alive if name not in known))
    with _lock:
        _kept[amazon] = (clock(), found)
    return found


def kept(amazon: Amazon, *, clock: Callable[[], float] = time.monotonic) -> DiscoveredBases | None:
    """Return what AWS answered within the last ten minutes, or None."""
    with _lock:
        at, found = _kept.get(amazon, (0.0, None))
    return found if found is not None and clock() - at < _KEPT_S else None


def forget() -> None:
    """Ask anew next time."""
    with _lock:
        _kept.clear()


def _is_alive(model: dict, now: dt.datetime) -> bool:
    """Active, and not past the end that AWS announced. A model without a life cycle in the answer is not offered."""
    cycle = model.get("modelLifecycle", {})
    end = cycle.get("endOfLifeTime")
    return cycle.get("status") == "ACTIVE" and (end is None or _aware(end) > now)


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
