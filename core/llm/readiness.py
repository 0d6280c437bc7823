"""Which providers can be asked, and what the others lack."""

from core.errors import ModelUnavailable
from core.llm import prices
from core.llm.calling import access_to
from core.llm.models import PROVIDERS, Model, ProviderName, ProviderStatus
from core.settings import Settings


def configured(settings: Settings, *, probe_s: float = 0.5) -> list[ProviderStatus]:
    """Each provider with what it lacks. Ollama alone is asked what it has, for `probe_s` at most; keys are not tried.

    With `probe_s` 0 nothing is asked at all.
    """
    return [_ollama(settings, probe_s) if name == "ollama" else _by_key(name, settings) for name in PROVIDERS]


def _by_key(name: ProviderName, settings: Settings) -> ProviderStatus:
    models = tuple(price.model for price in prices.table() if price.provider == name)
    try:
        access_to(Model(name, ""), settings)
    except ModelUnavailable as failure:
        return ProviderStatus(name, False, str(failure), models)
    return ProviderStatus(name, True, "", models)


def _ollama(settings: Settings, probe_s: float) -> ProviderStatus:
    if not probe_s:
        return ProviderStatus("ollama", False, "Ollama was not asked.", ())
    from core.llm.providers import ollama  # the SDK behind it is slow to import

    try:
        models = ollama.models(access_to(Model("ollama", ""), settings), probe_s)
    except ModelUnavailable as failure:
        return ProviderStatus("ollama", False, str(failure), ())
    missing = "" if models else "Ollama runs, but has no model. Get one, as in `ollama pull qwen3:4b`."
    return ProviderStatus("ollama", bool(models), missing, models)
