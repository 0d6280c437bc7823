"""A GGUF file, such as a blob of Ollama's, as a folder that can be trained: `python from_gguf.py FILE OUT_DIR [DTYPE]`.

DTYPE: float32 (default) or bfloat16; the weights are de-quantised, so that takes 4 or 2 bytes of memory a parameter.
Prints one line of JSON: {"folder", "architecture", "parameters", "template", "dtype", "bytes"}, or {"error": sentence}
with exit code 1. `template` false: there is no chat template in the file, and training needs one.
"""

# pyright: reportMissingImports=false

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any


class Unsupported(Exception):
    """It cannot be converted; the message says why."""


def convert(file: Path, out: Path, dtype: str) -> dict[str, Any]:
    """Write the folder, beside `out` and then renamed. Raises `Unsupported`."""
    check(file)
    if out.exists():
        raise Unsupported(f"There is already something in {out}; remove it, or name another folder.")
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        facts = _write(file.resolve(), unfinished, dtype)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    size = sum(each.stat().st_size for each in out.iterdir())
    return {"folder": str(out), **facts, "dtype": dtype, "bytes": size}


def check(file: Path) -> None:
    """Whether it is a model in GGUF. Raises `Unsupported`."""
    try:
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise Unsupported(f"{file} cannot be read: {error.strerror}.") from None
    if magic != b"GGUF":
        raise Unsupported(f"{file} is not a GGUF file.")


def _write(file: Path, folder: Path, dtype: str) -> dict[str, Any]:
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=getattr(torch, dtype))
    except (ValueError, KeyError, OSError, RuntimeError, NotImplementedError, AttributeError, TypeError) as error:
        raise Unsupported(f"{file.name} cannot be made trainable: {type(error).__name__}: {error}") from error
    # The weights are plain by now; with these marks a trainer would refuse the model.
    model.hf_quantizer = None
    model.is_quantized = False
    model.__dict__.pop("quantization_method", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    kind = (model.config.architectures or [type(model).__name__])[0]
    return {"architecture": kind, "parameters": model.num_parameters(), "template": bool(tokenizer.chat_template)}


def main(arguments: list[str]) -> int:
    """Make the folder, and return the exit status."""
    dtype = arguments[2] if len(arguments) == 3 else "float32"
    if len(arguments) not in (2, 3) or dtype not in ("float32", "bfloat16"):
        sys.stderr.write("usage: python from_gguf.py FILE OUT_DIR [float32|bfloat16]\n")
        return 2
    try:
        said, code = convert(Path(arguments[0]), Path(arguments[1]), dtype), 0
    except (Unsupported, OSError) as error:
        said, code = {"error": str(error)}, 1
    except MemoryError:
        said, code = {"error": "The memory does not suffice to de-quantise this base; choose a smaller one."}, 1
    sys.stdout.write(json.dumps(said) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
