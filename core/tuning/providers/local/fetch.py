"""A hub's model as a folder: `python fetch.py ORG/NAME [OUT_DIR]`, with the trainer's Python.

Without OUT_DIR it only looks: prints {"commit", "bytes", "config"}. With it, lines of {"done", "total"} in bytes, then
{"commit", "folder"}. {"error": sentence} with exit code 1 where that does not work.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

#: Weights, and what describes them. No code, and no weights in other forms.
WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "vocab*",
    "merges.txt",
    "added_tokens.json",
    "chat_template*",
)
_TELL_S = 1.0


def main(name: str, out: Path | None) -> int:
    """Fetch the model, or without `out` only say what the hub has of it; the exit status."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import httpx2  # pyright: ignore[reportMissingImports]
    from huggingface_hub import HfApi  # pyright: ignore[reportMissingImports]
    from huggingface_hub.errors import (  # pyright: ignore[reportMissingImports]
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
    )

    try:
        api = HfApi()
        say(**(look(api, name) if out is None else fetch(api, name, out)))
    except GatedRepoError:
        return fail("base_missing", f"{name} is given only to who agreed to its terms: do so, and set HF_TOKEN.")
    except RepositoryNotFoundError:
        return fail("base_missing", f"The hub has no model {name}, or shows it only with HF_TOKEN.")
    except HfHubHTTPError as error:
        return fail("not_reachable", f"The hub refused {name}: {str(error).splitlines()[0]}")
    except (OSError, httpx2.HTTPError) as error:
        return fail("not_reachable", f"{name} cannot be fetched from the hub: {type(error).__name__}: {error}")
    return 0


def look(api: Any, name: str) -> dict[str, Any]:
    """Return what the hub has."""
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportMissingImports]

    info, files = wanted(api, name)
    config = json.loads(Path(hf_hub_download(name, "config.json", revision=info.sha)).read_text(encoding="utf-8"))
    return {"commit": info.sha, "bytes": sum(size for _, size in files), "config": config}


def fetch(api: Any, name: str, out: Path) -> dict[str, Any]:
    """Into a folder, all or nothing of it being there is for the caller to see to."""
    from huggingface_hub import snapshot_download  # pyright: ignore[reportMissingImports]

    info, files = wanted(api, name)
    total = sum(size for _, size in files)
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(_TELL_S):
            say(done=min(size_of(out), total), total=total)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        snapshot_download(name, revision=info.sha, local_dir=out, allow_patterns=list(WANTED))
    finally:
        ended.set()
        teller.join()
    return {"commit": info.sha, "folder": str(out)}


def wanted(api: Any, name: str) -> tuple[Any, list[tuple[str, int]]]:
    """Return the model at its newest commit, and its files that are wanted with their sizes."""
    from huggingface_hub.utils import filter_repo_objects  # pyright: ignore[reportMissingImports]

    info = api.model_info(name, files_metadata=True)
    sizes = {each.rfilename: each.size or 0 for each in info.siblings or ()}
    names = filter_repo_objects(sizes, allow_patterns=list(WANTED))
    return info, [(each, sizes[each]) for each in names]


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def say(**values: Any) -> None:
    """Print one line of JSON for the program that started this one."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def fail(code: str, sentence: str) -> int:
    """Say what went wrong, and return the exit status."""
    say(error=sentence, code=code)
    return 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.stderr.write("usage: python fetch.py ORG/NAME [OUT_DIR]\n")
        sys.exit(2)
    sys.exit(main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else None))
