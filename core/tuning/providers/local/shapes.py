"""How large a base is, and what training it takes: a rule, told as one, until real steps are measured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.tuning.providers.local.choices import Chosen

#: What can become a GGUF adapter: model_type of Transformers, and the architecture of GGUF that is the same.
ARCHITECTURES: Mapping[str, str] = {
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2",
    "gemma3_text": "gemma3", "phi3": "phi3",
}  # fmt: skip

#: The rule of the trainer's own probe, which knows the records: libraries; values kept for the way back, a token and
#: layer, in widths of the hidden state and of the inner one; copies of the logits in float32.
_LIBRARIES = 450_000_000
_HIDDEN_COPIES, _INNER_COPIES, _LOGITS_COPIES = 16, 4, 4
#: float32 weight, its gradient, and two averages.
_BYTES_A_TRAINED = 16
#: Where a GGUF file does not tell it.
_VOCABULARY = 150_000


@dataclass(frozen=True)
class ModelShape:
    """The form of a transformer."""

    kind: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    parameters: int

    def trained(self, rank: int) -> int:
        """Parameters of an adapter on all linear layers."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        pairs = ((self.width, queries), (self.width, keys), (self.width, keys), (queries, self.width))
        ends = sum(map(sum, pairs)) + 3 * (self.width + self.inner)
        return rank * ends * self.layers

    def memory(self, chosen: Chosen, longest: int, *, number_bytes: int) -> int:
        """Bytes that training takes, about. `longest`: tokens of the longest example."""
        tokens = chosen.batch_size * min(chosen.max_length, max(longest, 1))
        layer = (_HIDDEN_COPIES * self.width + _INNER_COPIES * self.inner) * number_bytes
        activations = tokens * (self.layers * layer + self.vocabulary * 4 * _LOGITS_COPIES)
        trained = self.trained(chosen.rank) * _BYTES_A_TRAINED
        return _LIBRARIES + self.parameters * number_bytes + trained + activations


def of_config(config: Mapping[str, Any]) -> ModelShape | None:
    """By a model's config.json; None where it does not say enough."""
    try:
        width, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
        inner, heads = int(config["intermediate_size"]), int(config["num_attention_heads"])
        vocabulary = int(config["vocab_size"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        head = int(config.get("head_dim") or width // heads)
    except (KeyError, TypeError, ValueError):
        return None
    tables = 1 if config.get("tie_word_embeddings") else 2
    a_layer = width * head * (2 * heads + 2 * kv_heads) + 3 * width * inner
    parameters = tables * vocabulary * width + layers * a_layer
    return ModelShape(
        str(config.get("model_type", "")), layers, width, inner, heads, kv_heads, head, vocabulary, parameters
    )


def of_facts(facts: Mapping[str, Any]) -> ModelShape | None:
    """By the facts in a GGUF file, as Ollama shows them; None where they do not say enough."""
    kind = str(facts.get("general.architecture", ""))
    try:
        width, layers = int(facts[f"{kind}.embedding_length"]), int(facts[f"{kind}.block_count"])
        inner, heads = int(facts[f"{kind}.feed_forward_length"]), int(facts[f"{kind}.attention.head_count"])
        kv_heads = int(facts.get(f"{kind}.attention.head_count_kv") or heads)
        head = int(facts.get(f"{kind}.attention.key_length") or width // heads)
        vocabulary = int(facts.get(f"{kind}.vocab_size") or _VOCABULARY)
        parameters = int(facts["general.parameter_count"])
    except (KeyError, TypeError, ValueError):
        return None
    return ModelShape(kind, layers, width, inner, heads, kv_heads, head, vocabulary, parameters)


def config_in(folder: Path) -> dict[str, Any] | None:
    """Return a model folder's config.json; None where there is none to read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None


def format_bytes(size: float) -> str:
    """Bytes for people."""
    return f"{size / 2**30:,.1f} GB" if size >= 2**29 else f"{size / 2**20:,.0f} MB"
