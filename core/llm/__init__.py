"""One chat call over five providers. Importing this imports none of their SDKs: they are slow, and often not needed."""

from core.llm.calling import complete
from core.llm.models import Completion, Model, Profile, ProviderName, ProviderStatus, Turn
from core.llm.readiness import configured

__all__ = ["Completion", "Model", "Profile", "ProviderName", "ProviderStatus", "Turn", "complete", "configured"]
