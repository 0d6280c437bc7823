"""Which model is asked, what it is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast, get_args

from pydantic import SecretStr

from core.errors import ConfigurationError

ProviderName = Literal["ollama", "openai", "anthropic", "gemini", "vertex"]
PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)

#: How a provider is called in a sentence.
TITLES: dict[ProviderName, str] = {
    "ollama": "Ollama",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "vertex": "Gemini on Google Cloud",
}
#: The setting with a provider's key. Ollama has none; Google Cloud takes the machine's own credentials.
KEY_SETTINGS: dict[ProviderName, str] = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
}
_LONGEST_NAME = 200
#: What was said before the question: who said it, and what.
Turn: TypeAlias = tuple[Literal["user", "assistant"], str]


@dataclass(frozen=True)
class Profile:
    """A tuned prompt: what stands before every question that a model is asked with it."""

    #: Before the system prompt of the question.
    system: str = ""
    #: Questions with the answers they should get, before what was said in the conversation itself.
    examples: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> "Profile":
        """Return the profile in a document with `system` and `examples` of `user` and `assistant`; more may stand in
        it.
        """
        examples = document.get("examples") or ()
        return cls(str(document.get("system") or ""), tuple((each["user"], each["assistant"]) for each in examples))

    @property
    def turns(self) -> tuple[Turn, ...]:
        turns: list[Turn] = []
        for user, assistant in self.examples:
            turns.append(("user", user))
            turns.append(("assistant", assistant))
        return tuple(turns)

    def before(self, system: str) -> str:
        """Return the system prompt that is sent; one that says the same is not said twice."""
        own, given = self.system.strip(), system.strip()
        return own if given == own else "\n\n".join(filter(None, (own, given)))


@dataclass(frozen=True)
class Model:
    """A model of a provider, written `provider:name`, as in `ollama:qwen3:4b`, and perhaps with a profile."""

    provider: ProviderName
    name: str
    profile: Profile | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Model":
        """Return the model that `text` names. Raises `ConfigurationError`."""
        provider, _, name = text.strip().partition(":")
        if provider not in PROVIDERS or not name or len(name) > _LONGEST_NAME or not name.isprintable() or " " in name:
            raise ConfigurationError(
                f"{text[:_LONGEST_NAME]!r} names no model. Write provider:name, as in ollama:qwen3:4b; "
                f"the providers are {', '.join(PROVIDERS)}."
            )
        return cls(cast(ProviderName, provider), name)


@dataclass(frozen=True)
class Completion:
    """An answer, and what it took."""

    text: str
    #: The answer as JSON, where a schema was given; it fits the schema.
    data: Any | None
    #: As the provider counted them; 0 where it did not say.
    tokens_in: int
    tokens_out: int
    #: By list price; None where the price is not known.
    cost_usd: Decimal | None
    duration_s: float
    model: Model


@dataclass(frozen=True)
class ProviderStatus:
    """Whether a provider can be asked now."""

    name: ProviderName
    is_ready: bool
    #: What is missing, and what to do; "" when nothing is.
    missing: str
    #: Names to choose from: what Ollama has, or what the price table knows. Others may exist.
    models: tuple[str, ...]


@dataclass(frozen=True)
class ChatRequest:
    """What a provider is asked, whichever it is."""

    model: Model
    #: "": none is sent, so that what a model was made with stands.
    system: str
    prompt: str
    schema: dict[str, Any] | None
    max_tokens: int
    #: Before the prompt: first the user, then the assistant, and so on.
    turns: tuple[Turn, ...] = ()

    @property
    def conversation(self) -> tuple[Turn, ...]:
        """The turns, and the prompt as the last of them."""
        return (*self.turns, ("user", self.prompt))


@dataclass(frozen=True)
class Access:
    """Where a provider is, and what opens it."""

    key: SecretStr | None
    base_url: str | None
    #: Google Cloud alone: whose model it is, and in which region.
    project: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class Reply:
    """What a provider said, before anything is made of it."""

    text: str
    tokens_in: int
    tokens_out: int
    #: cut: by the limit of tokens; declined: the provider or the model would not answer.
    ending: Literal["done", "cut", "declined"] = "done"
    #: The provider's word for a refusal.
    detail: str = ""
