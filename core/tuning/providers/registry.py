"""The providers there are, each imported when it is first asked for."""

from importlib import import_module

from core.errors import TuningRefused
from core.tuning.providers.protocol import PROVIDER_IDS, Provider, ProviderId


def provider(provider_id: ProviderId) -> Provider:
    """Return the provider of this id. Raises `TuningRefused` for none."""
    if provider_id not in PROVIDER_IDS:
        raise TuningRefused(f"There is no provider {provider_id!r}; there are: {', '.join(PROVIDER_IDS)}.")
    return import_module(f"core.tuning.providers.{provider_id}.adapter").PROVIDER
