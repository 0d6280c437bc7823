"""The tiny base with another template, other marks or another end: as a GGUF file, and as a folder to be trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np

TEMPLATE = "tokenizer.chat_template"
_KINDS = {bool: gguf.GGUFValueType.BOOL, int: gguf.GGUFValueType.UINT32, str: gguf.GGUFValueType.STRING}


def variant(base: Path, out: Path, changes: dict[str, Any]) -> Path:
    """The same weights with other facts."""
    source = gguf.GGUFReader(base)
    writer = gguf.GGUFWriter(out, "llama")
    for name, field in source.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or name in changes:
            continue
        kind = field.types[0]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, of)
    for name, value in changes.items():
        if isinstance(value, list):
            writer.add_key_value(name, value, gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.STRING)
        else:
            writer.add_key_value(name, value, _KINDS[type(value)])
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def folder(base: Path, out: Path, template: str, tokenizer: dict[str, str], words: tuple[str, str] = ("", "")) -> Path:
    """The same model for the trainer, with settings of its tokenizer, and one token called otherwise."""
    shutil.copytree(base, out)
    (out / "chat_template.jinja").write_text(template)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (out / name).read_text(encoding="utf-8")
        (out / name).write_text(text.replace(*words) if words[0] else text, encoding="utf-8")
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    (out / "tokenizer_config.json").write_text(json.dumps(settings | tokenizer), encoding="utf-8")
    return out
