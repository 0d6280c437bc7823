"""Sentence vectors of a BERT encoder, in numpy alone: mean of the last layer, scaled to length 1.

The arithmetic is that of `transformers`; tests/similarity holds it against vectors made there. Texts of as many tokens
go through together, so nothing is padded and nothing has to be masked.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from scipy.special import erf

from core.errors import SimilarityRefused
from core.similarity.threads import one_core
from core.similarity.wordpiece import WordPiece

Floats = np.ndarray[Any, np.dtype[np.float32]]
#: More tokens than this say little more of what a text is about; the published models were trained with no more.
_MOST_TOKENS = 256
_TOGETHER = 32
_DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_PROJECTIONS = ("query", "key", "value")


class Encoder:
    """A model that is loaded. Many threads may use it at once: it is only read."""

    def __init__(self, folder: Path) -> None:
        """Of a folder with `config.json`, `vocab.txt` and `model.safetensors`. Raises `SimilarityRefused`."""
        try:
            config = orjson.loads((folder / "config.json").read_bytes())
            self._tokens = WordPiece.read(folder / "vocab.txt")
        except OSError as error:
            raise SimilarityRefused(f"{error.filename} cannot be read: {error.strerror}.") from None
        except KeyError as missing:
            raise SimilarityRefused(
                f"{folder / 'vocab.txt'} has no {missing.args[0]}; it is of another model."
            ) from None
        except ValueError as error:
            raise SimilarityRefused(f"A file of {folder} cannot be understood: {error}.") from None
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
            raise SimilarityRefused(
                f"{folder} holds a {config.get('model_type')} with {config.get('hidden_act')}; only BERT with gelu can"
                " be used, such as all-MiniLM-L6-v2."
            )
        self._heads = int(config["num_attention_heads"])
        self._layers = int(config["num_hidden_layers"])
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._most = min(_MOST_TOKENS, int(config["max_position_embeddings"]))
        #: Numbers in a vector.
        self.dimension = int(config["hidden_size"])
        self._weights = self._fused(tensors(folder / "model.safetensors"))

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return a vector of length 1 for each text; the cosine of two of them is their product."""
        ids = [self._tokens.ids(text, self._most) for text in texts]
        found = np.zeros((len(ids), self.dimension), np.float32)
        with one_core():
            lengths: dict[int, list[int]] = {}
            for number, each in enumerate(ids):
                lengths.setdefault(len(each), []).append(number)
            for numbers in lengths.values():
                for start in range(0, len(numbers), _TOGETHER):
                    some = numbers[start : start + _TOGETHER]
                    found[some] = self._forward(np.array([ids[number] for number in some])).mean(1)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def _forward(self, ids: np.ndarray[Any, Any]) -> Floats:
        """Return the last layer for texts (rows) of as many tokens (columns)."""
        weights = self._weights
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._normed(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(self._layers):
            layer = f"encoder.layer.{number}"
            x = self._normed(x + self._attention(x, layer), f"{layer}.attention.output.LayerNorm")
            inner = _gelu(self._dense(x, f"{layer}.intermediate.dense"))
            x = self._normed(x + self._dense(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        return x

    def _attention(self, x: Floats, layer: str) -> Floats:
        texts, tokens, width = x.shape
        parts = self._dense(x, f"{layer}.attention.self").reshape(texts, tokens, 3, self._heads, -1)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32(1 / math.sqrt(width // self._heads))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = scores / scores.sum(-1, keepdims=True) @ value
        together = seen.transpose(0, 2, 1, 3).reshape(texts, tokens, width)
        return self._dense(together, f"{layer}.attention.output.dense")

    def _dense(self, x: Floats, name: str) -> Floats:
        flat = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _normed(self, x: Floats, name: str) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(self._epsilon))
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]

    def _fused(self, given: dict[str, Floats]) -> dict[str, Floats]:
        """Weights as they are used: those of query, key and value as one, and those of every layer turned around."""
        weights = {name.removeprefix("bert."): each for name, each in given.items()}
        try:
            for number in range(self._layers):
                own = f"encoder.layer.{number}.attention.self"
                for kind in ("weight", "bias"):
                    weights[f"{own}.{kind}"] = np.concatenate(
                        [weights.pop(f"{own}.{each}.{kind}") for each in _PROJECTIONS]
                    )
                for name in ("attention.self", "attention.output.dense", "intermediate.dense", "output.dense"):
                    turned = f"encoder.layer.{number}.{name}.weight"
                    weights[turned] = np.ascontiguousarray(weights[turned].T)
        except KeyError as missing:
            raise SimilarityRefused(f"The weights have no {missing.args[0]}; they are of another model.") from None
        return weights


def _gelu(x: Floats) -> Floats:
    return np.float32(0.5) * x * (1 + erf(x * np.float32(math.sqrt(0.5))))


def tensors(path: Path) -> dict[str, Floats]:
    """Return the weights of a safetensors file: a JSON header that says what lies where, then the numbers."""
    content = path.read_bytes()
    try:
        begin = 8 + int.from_bytes(content[:8], "little")
        header: dict[str, Any] = orjson.loads(content[8:begin])
        header.pop("__metadata__", None)
        return {
            name: _tensor(content, begin, each)
            for name, each in header.items()
            if each["dtype"] in _DTYPES  # the numbers of positions, in some files
        }
    except (ValueError, KeyError, TypeError) as error:
        raise SimilarityRefused(f"{path} is no whole safetensors file: {error}.") from None


def _tensor(content: bytes, begin: int, each: dict[str, Any]) -> Floats:
    start, end = each["data_offsets"]
    flat = np.frombuffer(content[begin + start : begin + end], _DTYPES[each["dtype"]])
    return flat.reshape(each["shape"]).astype(np.float32, copy=False)
