"""An adapter as one GGUF file, as Ollama and llama.cpp take it: `python to_gguf.py BASE_CONFIG_DIR ADAPTER_DIR OUT`.

Of the base it needs `config.json` alone. Prints one line of JSON: {"file", "architecture", "modules", "alpha", "bytes",
"sha256"}, or {"error": sentence} with exit code 1. What a GGUF adapter cannot say is refused rather than left out.
"""

# pyright: reportMissingImports=false

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

MERGE = "merge it into the base instead"


class Unsupported(Exception):
    """It cannot be converted; the message says why."""


class Architecture(NamedTuple):
    """How llama.cpp calls a kind of model."""

    name: str
    #: It stores the rows of q and k in another order, pair by pair.
    is_rotated: bool


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture("LLAMA", True), "mistral": Architecture("LLAMA", True),
    "qwen2": Architecture("QWEN2", False), "qwen3": Architecture("QWEN3", False),
    "gemma": Architecture("GEMMA", False), "gemma2": Architecture("GEMMA2", False),
    "gemma3_text": Architecture("GEMMA3", False), "phi3": Architecture("PHI3", False),
}  # fmt: skip

#: Settings of an adapter that change what it computes, and that GGUF has no words for.
_BEYOND_GGUF = (
    "use_dora", "modules_to_save", "alpha_pattern", "lora_bias", "layer_replication", "trainable_token_indices",
    "target_parameters", "alora_invocation_tokens", "use_qalora", "use_bdlora", "fan_in_fan_out",
)  # fmt: skip
#: Ways to begin an adapter that change the base, too: beside the untouched base it would be wrong.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def convert(base: Path, adapter: Path, out: Path) -> dict[str, Any]:
    """Write the adapter as GGUF, beside `out` and then renamed. Raises `Unsupported`."""
    config = _read(base / "config.json")
    settings = _read(adapter / "adapter_config.json")
    alpha = alpha_of(settings)
    architecture = architecture_of(config)
    tensors = _tensors(adapter / "adapter_model.safetensors")
    unfinished = out.with_name(f".{out.name}.part")
    try:
        modules = _write(unfinished, config, architecture, alpha, tensors)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    return {
        "file": str(out),
        "architecture": architecture.name.lower(),
        "modules": modules,
        "alpha": alpha,
        "bytes": out.stat().st_size,
        "sha256": digest,
    }


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """By the base's model_type. Raises `Unsupported`."""
    kind = str(config.get("model_type"))
    if kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise Unsupported(f"An adapter for {kind} cannot be converted; known are {known}. For others, {MERGE}.")
    return ARCHITECTURES[kind]


def alpha_of(settings: Mapping[str, Any]) -> float:
    """Return the alpha to write: llama.cpp scales by alpha / rank, and rsLoRA means alpha / √rank.

    Raises `Unsupported`.
    """
    if settings.get("peft_type", "LORA") != "LORA":
        raise Unsupported(f"The adapter is {settings['peft_type']}, and only LoRA can be converted.")
    for name in _BEYOND_GGUF:
        if settings.get(name):
            raise Unsupported(f"The adapter uses {name}, which a GGUF adapter cannot hold; {MERGE}.")
    if settings.get("bias", "none") != "none":
        raise Unsupported(f"The adapter trains biases, which a GGUF adapter cannot hold; {MERGE}.")
    beginning = str(settings.get("init_lora_weights", "")).lower()
    if beginning.startswith(_CHANGES_BASE):
        raise Unsupported(f"The adapter was begun with {beginning}, which changes the base, too; {MERGE}.")
    if settings.get("use_rslora") and settings.get("rank_pattern"):
        raise Unsupported(f"The adapter uses rsLoRA with several ranks, which a GGUF adapter cannot hold; {MERGE}.")
    return float(settings["lora_alpha"]) * (math.sqrt(settings["r"]) if settings.get("use_rslora") else 1.0)


def _write(path: Path, config: Mapping[str, Any], architecture: Architecture, alpha: float, tensors: Any) -> int:
    """Write the file; the number of modules."""
    import gguf

    kind = gguf.MODEL_ARCH[architecture.name]
    names = gguf.get_tensor_name_map(kind, config["num_hidden_layers"])
    pairs = [_pair(tensors, name, config, architecture, names) for name in sorted(tensors) if _is_first(name)]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[kind])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, first, second in pairs:
        writer.add_tensor(f"{name}.lora_a", first)
        writer.add_tensor(f"{name}.lora_b", second)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return len(pairs)


def _is_first(name: str) -> bool:
    if not name.endswith((".lora_A.weight", ".lora_B.weight")):
        raise Unsupported(f"The adapter has the tensor {name}, which a GGUF adapter cannot hold; {MERGE}.")
    return name.endswith(".lora_A.weight")


def _pair(
    tensors: Mapping[str, Any], name: str, config: Mapping[str, Any], architecture: Architecture, names: Any
) -> tuple[str, Any, Any]:
    """Return a module's name in GGUF, and its two matrices: (rank, inputs) and (outputs, rank)."""
    import numpy as np

    module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
    ours = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
    if ours is None:
        raise Unsupported(f"llama.cpp has no name for the module {module}; {MERGE}.")
    second = tensors[name.replace(".lora_A.", ".lora_B.")]
    if architecture.is_rotated and module.endswith(("q_proj", "k_proj")):
        second = interleaved(second, _heads(config, module))
    return ours, np.ascontiguousarray(tensors[name]), np.ascontiguousarray(second)


def _heads(config: Mapping[str, Any], module: str) -> int:
    queries = config["num_attention_heads"]
    return queries if module.endswith("q_proj") else config.get("num_key_value_heads") or queries


def interleaved(rows: Any, heads: int) -> Any:
    """Output rows of q or k: each head's two halves (Hugging Face) become pairs (llama.cpp)."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def _tensors(path: Path) -> dict[str, Any]:
    """All tensors as float32 arrays."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:  # not numpy, which knows no bfloat16
            return {name: file.get_tensor(name).float().numpy() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise Unsupported(f"The adapter's weights in {path} cannot be read: {error}.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unsupported(f"{path} cannot be read: {error}.") from None


def main(arguments: list[str]) -> int:
    """Convert an adapter, and return the exit status."""
    if len(arguments) != 3:
        sys.stderr.write("usage: python to_gguf.py BASE_CONFIG_DIR ADAPTER_DIR OUT.gguf\n")
        return 2
    base, adapter, out = map(Path, arguments)
    try:
        said, code = convert(base, adapter, out), 0
    except (Unsupported, OSError) as error:
        said, code = {"error": str(error)}, 1
    sys.stdout.write(json.dumps(said) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
