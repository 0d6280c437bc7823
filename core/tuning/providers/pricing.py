"""What training costs: the list price of the catalogue, or what the workspace entered instead."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from core import workspace_settings
from core.db import Database
from core.errors import ConfigurationError
from core.tuning.providers import catalogue
from core.tuning.providers.protocol import ProviderId

_KEY = "tuning_prices"
_MILLION = 1_000_000
_MOST = Decimal(1_000_000)


@dataclass(frozen=True)
class Price:
    """US dollars for a million training tokens, and where that comes from. None: nobody knows, which is not 0."""

    usd_per_million: Decimal | None
    source: str
    is_override: bool = False


#: The workspace one of whose jobs is looked at: providers have no database to ask.
_workspace: ContextVar[Database | None] = ContextVar("workspace_of_prices", default=None)


@contextmanager
def prices_of(db: Database) -> Iterator[None]:
    """Within this, `price(None, …)` is the price in the workspace of `db`. Nothing is read before it is asked for."""
    token = _workspace.set(db)
    try:
        yield
    finally:
        _workspace.reset(token)


def price(db: Database | None, provider: ProviderId, base: str) -> Price:
    """Return the price of training on `base`: the workspace's own, else the catalogue's.

    Without `db` the workspace is the one of `prices_of`, and outside of that none.
    """
    if provider == "local":
        return Price(Decimal(0), "your own machine")
    db = db or _workspace.get()
    own = None if db is None else overrides(db).get(_name(provider, base))
    if own is not None:
        return Price(own, "entered in this workspace", is_override=True)
    listed = catalogue.base(provider, base)
    if listed is None or listed.usd_per_million_training is None:
        return Price(None, "no price is known")
    return Price(listed.usd_per_million_training, f"{listed.source}, read on {listed.read}")


def overrides(db: Database) -> dict[str, Decimal]:
    """Prices that the workspace entered, by `provider/base`."""
    with db.connect() as connection:
        return {name: Decimal(value) for name, value in workspace_settings.read(connection, _KEY, {}).items()}


def set_price(
    db: Database, provider: ProviderId, base: str, usd: Decimal | float | str | None, *, actor: str, reason: str
) -> bool:
    """Use this price from now on; None: the catalogue's again. Whether that changed anything.

    Raises `ConfigurationError` for what is no price. Jobs that were started keep their estimates.
    """
    wanted = None if usd is None else _amount(usd)
    with db.begin() as connection:
        workspace_settings.lock(connection, _KEY)
        before = workspace_settings.read(connection, _KEY, {})
        after = {name: value for name, value in before.items() if name != _name(provider, base)}
        if wanted is not None:
            after[_name(provider, base)] = str(wanted)
        return workspace_settings.write(connection, _KEY, after, {}, actor=actor, reason=reason)


def range_usd(
    tokens: int, epochs_low: float, epochs_high: float, usd_per_million: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Least and most that training costs: tokens times epochs times price. None where the price is not known."""
    if usd_per_million is None:
        return None, None
    low, high = (
        Decimal(tokens) * Decimal(str(epochs)) * usd_per_million / _MILLION for epochs in (epochs_low, epochs_high)
    )
    return low, high


def _name(provider: ProviderId, base: str) -> str:
    return f"{provider}/{base}"


def _amount(usd: Decimal | float | str) -> Decimal:
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= _MOST):
        raise ConfigurationError(
            f"{usd!r} is no price; write US dollars for a million training tokens, as in 5 or 1.50."
        )
    return amount
