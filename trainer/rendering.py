"""What the trainer makes of three conversations: `python rendering.py ADAPTER_DIR [trl|plain]`.

A training writes it beside its adapter as `conversations.json`; this program makes it for one that was trained before,
and anew where the template writes the day's date. Whoever serves the model compares his own text and tokens with it.
Prints the same as one line of JSON, or {"error": sentence, "code"} with exit code 1.
"""

# pyright: reportMissingImports=false

import datetime as dt
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import base as bases
from base import CONVERSATIONS
from job import FAILED, Job, JobRefused
from rows import Reader, end_of

FILE = "conversations.json"


def made(reader: Reader, *, taught: bool | None) -> dict[str, Any]:
    """Text and tokens up to where the answer begins. `taught`: whether the records teach its end; None: not known."""
    tokenizer = reader.tokenizer
    end = end_of(reader)
    template = reader.template or bases.template_of(tokenizer) or ""
    return {
        "conversations": [
            {"name": name, "messages": messages, **_rendered(reader, messages)}
            for name, messages in CONVERSATIONS.items()
        ],
        "bos": tokenizer.bos_token,
        "end": None if end is None else {"id": end, "text": tokenizer.convert_ids_to_tokens(end), "taught": taught},
        # A template that writes the date makes another text tomorrow.
        "day": dt.datetime.now().astimezone().date().isoformat() if "strftime_now" in template else None,
    }


def _rendered(reader: Reader, messages: list[dict[str, str]]) -> dict[str, Any]:
    def apply(**options: Any) -> Any:
        return reader.tokenizer.apply_chat_template(
            messages, chat_template=reader.template, add_generation_prompt=True, **options
        )

    try:
        return {"text": apply(tokenize=False), "ids": list(apply(tokenize=True, return_dict=True)["input_ids"])}
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "jinja2":
            raise
        return {"refused": str(error)}  # a template that takes no system prompt


def write(folder: Path, found: Mapping[str, Any]) -> None:
    """Beside the adapter."""
    unfinished = folder / f".{FILE}.part"
    unfinished.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(folder / FILE)


def main(arguments: list[str]) -> int:
    """Write what the trainer makes of conversations, and return the exit status."""
    engine = arguments[1] if len(arguments) == 2 else "trl"
    if len(arguments) not in (1, 2) or engine not in ("trl", "plain"):
        sys.stderr.write("usage: python rendering.py ADAPTER_DIR [trl|plain]\n")
        return 2
    folder = Path(arguments[0])
    job = Job(str(folder), "", engine=engine)
    try:
        if not folder.is_dir():
            raise JobRefused("base_missing", f"There is no adapter in {folder}.")
        bases.quiet_libraries(job)
        found = made(bases.reader_of(job, bases.tokenizer_of(job)), taught=_taught_before(folder))
        write(folder, found)
        said, code = found, 0
    except JobRefused as refused:
        said, code = {"error": str(refused), "code": refused.code}, FAILED
    except OSError as error:
        said, code = {"error": str(error), "code": "other"}, FAILED
    sys.stdout.write(json.dumps(said) + "\n")
    return code


def _taught_before(folder: Path) -> bool | None:
    """Return what the training itself said of its records."""
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))["end"]["taught"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
