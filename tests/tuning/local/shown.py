"""An Ollama that only shows: models as it would show them, without weights behind them."""

import json
from pathlib import Path
from typing import Any

from tests import http_server

FACTS: dict[str, Any] = {
    "general.architecture": "llama", "general.parameter_count": 127_168, "llama.embedding_length": 64,
    "llama.block_count": 2, "llama.feed_forward_length": 128, "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2, "llama.vocab_size": 414,
}  # fmt: skip


class Showing:
    """Serves until `close`. `models`: what it has, by name."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        showing = self

        class Handler(http_server.Handler):
            def asked(self) -> None:
                if self.command == "GET":
                    showing.answer(self, {"models": [{"name": name, "model": name} for name in showing.models]})
                    return
                name = json.loads(self.sent())["model"]
                found = showing.models.get(name)
                showing.answer(self, found or {"error": f"model '{name}' not found"}, 200 if found else 404)

        self._server = http_server.Server(Handler).start()
        self.address = self._server.url

    def close(self) -> None:
        self._server.close()

    def answer(self, request: http_server.Handler, said: Any, status: int = 200) -> None:
        request.reply(status, json.dumps(said).encode())

    def add(
        self, name: str, *files: Path, adapters: tuple[Path, ...] = (), quantisation: str = "F32", **facts: Any
    ) -> None:
        """A model with these files; `facts` replace those of a tiny Llama."""
        lines = ["# Modelfile", f"# FROM {name}", *(f"FROM {each}" for each in files[:1])]
        lines += [f"ADAPTER {each}" for each in adapters] + [f"FROM {each}" for each in files[1:]]
        lines += ["TEMPLATE {{ .Prompt }}", "FROM nowhere, which is a line of the template"]
        found = {name.replace("__", "."): value for name, value in facts.items()}
        self.models[name] = {
            "modelfile": "\n".join(lines),
            "details": {"format": "gguf", "quantization_level": quantisation},
            "model_info": {**FACTS, **found},
        }
