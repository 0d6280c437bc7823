"""An Ollama that only shows: models as it would show them, without weights behind them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                showing.answer(self, {"models": [{"name": name, "model": name} for name in showing.models]})

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                name = json.loads(self.rfile.read(length))["model"]
                found = showing.models.get(name)
                showing.answer(self, found or {"error": f"model '{name}' not found"}, 200 if found else 404)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, said: Any, status: int = 200) -> None:
        out = json.dumps(said).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(out)))
        request.end_headers()
        request.wfile.write(out)

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
