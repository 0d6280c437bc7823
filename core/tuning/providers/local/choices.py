"""What can be chosen for a training on one's own machines, and what was."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from core.tuning.providers.protocol import Setting

#: How Ollama calls what it makes of a base with plain weights; "no" leaves the base as it is.
QUANTISED = ("no", "q8_0", "q4_K_M", "q4_K_S")

SETTINGS: tuple[Setting, ...] = (
    Setting("epochs", "Epochs", "How often each example is seen; more learns it better, and in the end by heart.",
            3, "integer", 1, 100),
    Setting("learning_rate", "Learning rate",
            "How far each step goes; lower it when the loss jumps, raise it when it hardly falls.",
            2e-4, "number", 1e-6, 0.1),
    Setting("rank", "Rank", "Size of the adapter; more can learn more, needs more memory and more examples.",
            8, "integer", 1, 256),
    Setting("alpha", "Alpha", "How strongly the adapter counts beside the base; twice the rank is usual.",
            16, "number", 1, 1024),
    Setting("dropout", "Dropout", "Share of the adapter left out at random, which helps against learning by heart.",
            0.0, "number", 0, 0.5),
    Setting("max_length", "Longest example", "Tokens of an example; what is beyond is cut off. Memory grows with it.",
            1024, "integer", 32, 131_072),
    Setting("batch_size", "Batch size", "Examples of one step on one device; more is faster and needs more memory.",
            4, "integer", 1, 256),
    Setting("runner", "Runs on", "This machine, or the Ray cluster that RAY_ADDRESS names.",
            "machine", "choice", choices=("machine", "ray")),
    Setting("gradient_accumulation", "Gradient accumulation",
            "Batches that count as one step; a larger step without more memory.",
            1, "integer", 1, 256, is_advanced=True),
    Setting("seed", "Seed", "The same seed on the same machine makes the same model, byte for byte.",
            1, "integer", 0, 2**31 - 1, is_advanced=True),
    Setting("engine", "Engine", "TRL, or plain Transformers with PEFT, which learns the same and needs less installed.",
            "trl", "choice", choices=("trl", "plain"), is_advanced=True),
    Setting("precision", "Precision",
            "Numbers of the base while it is trained; bfloat16 takes half the memory, and is slow on older processors.",
            "auto", "choice", choices=("auto", "float32", "bfloat16"), is_advanced=True),
    Setting("device", "Device", "Where it computes; auto takes a GPU where torch finds one.",
            "auto", "choice", choices=("auto", "cpu", "cuda"), is_advanced=True),
    Setting("gpus", "GPUs", "Devices that train together; more than one is started by torchrun.",
            1, "integer", 1, 64, is_advanced=True),
    Setting("threads", "Threads",
            "Processor threads; 0 takes all. Fewer leave room for others, and another number makes other bytes.",
            0, "integer", 0, 1024, is_advanced=True),
    Setting("checkpoint_every", "Checkpoint every",
            "Steps between two checkpoints, from which training goes on after a stop or a crash.",
            50, "integer", 1, 100_000, is_advanced=True),
    Setting("temperature", "Temperature", "How freely the model answers in Ollama; 0 always says the same.",
            0.0, "number", 0, 2, is_advanced=True),
    Setting("quantised", "Quantised publishing",
            "Make the base smaller when it is published; it then answers faster, and a little differently.",
            "no", "choice", choices=QUANTISED, is_advanced=True),
    Setting("serve_on", "Serve on",
            "Model of Ollama with the same weights, for a base that is a folder or a hub's; without it nothing serves.",
            "", "text", is_advanced=True),
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The settings of one job, each with its value."""

    epochs: int
    learning_rate: float
    rank: int
    alpha: float
    dropout: float
    max_length: int
    batch_size: int
    runner: Literal["machine", "ray"]
    gradient_accumulation: int
    seed: int
    engine: Literal["trl", "plain"]
    precision: Literal["auto", "float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    gpus: int
    threads: int
    checkpoint_every: int
    temperature: float
    quantised: str
    serve_on: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Chosen":
        """Return what was chosen, and for the rest the defaults. Only values that `wrong` has nothing against."""
        known = {each.name: settings.get(each.name, each.default) for each in SETTINGS}
        return cls(**{each.name: known[each.name] for each in fields(cls)})

    def steps(self, examples: int) -> int:
        """Return steps of the whole training."""
        return self.epochs * -(-examples // (self.batch_size * self.gradient_accumulation * self.gpus))


def wrong(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each setting that cannot be used: its label or name, and what it has to be."""
    known = {each.name: each for each in SETTINGS}
    found = [(name, f"is unknown; there are: {', '.join(known)}") for name in settings if name not in known]
    for name, value in settings.items():
        if name in known and (sentence := _fault(known[name], value)):
            found.append((known[name].label, sentence))
    return found


def _fault(setting: Setting, value: Any) -> str:
    """Return what is wrong with a value, or ""."""
    if setting.kind == "choice":
        return "" if value in setting.choices else f"is {value!r}; it can be {', '.join(map(str, setting.choices))}"
    if setting.kind == "text":
        return "" if isinstance(value, str) and value.isprintable() else f"is {value!r}; it has to be a text"
    kinds = (int,) if setting.kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return f"is {value!r}; it has to be a {'whole ' if setting.kind == 'integer' else ''}number"
    assert setting.least is not None
    assert setting.most is not None
    if not setting.least <= value <= setting.most:
        return f"is {value!r}; it has to be {setting.least:g} to {setting.most:g}"
    return ""
