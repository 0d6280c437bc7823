"""Small open bases to begin with on one's own machine: licence, size, and what a training takes here by a rule."""

import os
from dataclasses import dataclass

from core.tuning.providers.data import DataFacts
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.shapes import ModelShape

#: Parameters times tokens that one core trains a second in float32, as measured in docs/local-tuning.md.
_WORK_A_CORE_S = 2.2e10
#: How the hub keeps these: two bytes a number.
_KEPT_BYTES, _TRAINED_BYTES = 2, 4


@dataclass(frozen=True)
class Starter:
    """A base with what it takes to train it on one dataset version with default settings, on this processor."""

    #: As a job names it: `hub:ORG/NAME`.
    name: str
    title: str
    licence: str
    parameters: int
    download_bytes: int
    memory_bytes: int
    seconds: float


_SHAPES: tuple[tuple[str, str, str, ModelShape], ...] = (
    (
        "hub:HuggingFaceTB/SmolLM2-135M-Instruct",
        "SmolLM2 135M",
        "Apache 2.0",
        ModelShape("llama", 30, 576, 1_536, 9, 3, 64, 49_152, 134_515_008),
    ),
    (
        "hub:HuggingFaceTB/SmolLM2-360M-Instruct",
        "SmolLM2 360M",
        "Apache 2.0",
        ModelShape("llama", 32, 960, 2_560, 15, 5, 64, 49_152, 361_821_120),
    ),
    (
        "hub:Qwen/Qwen2.5-0.5B-Instruct",
        "Qwen2.5 0.5B",
        "Apache 2.0",
        ModelShape("qwen2", 24, 896, 4_864, 14, 2, 64, 151_936, 494_032_768),
    ),
    (
        "hub:Qwen/Qwen3-0.6B",
        "Qwen3 0.6B",
        "Apache 2.0",
        ModelShape("qwen3", 28, 1_024, 3_072, 16, 8, 128, 151_936, 596_049_920),
    ),
    (
        "hub:Qwen/Qwen2.5-1.5B-Instruct",
        "Qwen2.5 1.5B",
        "Apache 2.0",
        ModelShape("qwen2", 28, 1_536, 8_960, 12, 2, 128, 151_936, 1_543_714_304),
    ),
)
#: Small enough for a processor, and the newest of its size.
RECOMMENDED = "hub:Qwen/Qwen3-0.6B"


def starters(data: DataFacts, *, cores: int | None = None) -> tuple[Starter, ...]:
    """Return the bases for these records, the smallest first. `cores` None: those of this machine."""
    chosen = Chosen.of({})
    a_second = _WORK_A_CORE_S * (cores or os.cpu_count() or 1)
    return tuple(
        Starter(
            name,
            title,
            licence,
            shape.parameters,
            shape.parameters * _KEPT_BYTES,
            shape.memory(chosen, data.longest_tokens, number_bytes=_TRAINED_BYTES),
            data.tokens_train * chosen.epochs * shape.parameters / a_second,
        )
        for name, title, licence, shape in _SHAPES
    )
