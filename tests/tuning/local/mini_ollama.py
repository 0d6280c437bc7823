"""A stand-in for an Ollama server whose models really answer: llama.cpp, through `xllamacpp`, with what was uploaded.

Run as a program of its own: `python -m tests.tuning.local.mini_ollama STORE PORT` prints its address (PORT 0: any that
is free), and serves until its standard input ends. What it checks of a file, a name and a `create`, and in which words
it refuses, follows the source of Ollama 0.33, and so do the text and the tokens of a chat: by the model's own TEMPLATE
where it has one, otherwise by llama.cpp with the template in the file. Of Go's templates it knows one loop over
messages, and it detects none. What it holds in `STORE` is there again after a restart; `faults.json` there makes it an
older one.
"""

import hashlib
import json
import re
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tests import http_server

_NAME = re.compile(r"[\w][\w.-]{0,79}:[\w][\w.-]{0,79}\Z")
_BLOB = re.compile(r"sha256[:-][0-9a-f]{64}\Z")
_PLAIN = ("F32", "F16", "BF16")
_LORA = "adapter"
_LOOP = re.compile(r"(.*?)\{\{-? range \.Messages \}\}(.*?)\{\{ end \}\}(.*)", re.DOTALL)


class Refused(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Store:
    """Blobs by their hash, and models by their name."""

    def __init__(self, folder: Path) -> None:
        self.blobs = folder / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self._file = folder / "models.json"
        self._faults = folder / "faults.json"
        self.models: dict[str, dict[str, Any]] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._lock = threading.Lock()
        self._running: dict[str, Any] = {}

    def blob(self, digest: str) -> Path:
        if not _BLOB.match(digest):
            raise Refused(400, "invalid digest format")
        return self.blobs / digest.replace(":", "-")

    def has(self, fault: str) -> bool:
        """`no debug`: it does not know `_debug_render_only`. `no count`: it does not say how long a prompt was."""
        return self._faults.exists() and fault in json.loads(self._faults.read_text())

    def named(self, name: str) -> tuple[str, dict[str, Any]]:
        whole = name if ":" in name else f"{name}:latest"
        if whole not in self.models:
            raise Refused(404, f"model '{name}' not found")
        return whole, self.models[whole]

    def put(self, name: str, model: dict[str, Any] | None) -> None:
        with self._lock:
            self._running.pop(name, None)
            if model is None:
                del self.models[name]
            else:
                self.models[name] = model
            self._file.write_text(json.dumps(self.models))

    def server(self, name: str, model: Mapping[str, Any]) -> Any:
        """llama.cpp with the weights and the adapters of a model."""
        xllamacpp: Any = import_module("xllamacpp")
        with self._lock:
            if name not in self._running:
                for adapter in model["adapters"]:
                    self._fits(self.blob(model["model"]), self.blob(adapter))
                params = xllamacpp.CommonParams()
                params.model.path = str(self.blob(model["model"]))
                params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 512, 1, False, 0
                params.cpuparams.n_threads = 1
                params.lora_adapters = [
                    xllamacpp.CommonAdapterLoraInfo(str(self.blob(each)), 1.0) for each in model["adapters"]
                ]
                self._running[name] = xllamacpp.Server(params)
            return self._running[name]

    def _fits(self, model: Path, adapter: Path) -> None:
        """llama.cpp says so and ends its process, which in Ollama is one of its own."""
        weights, small = shapes(model), shapes(adapter)
        for name, shape in small.items():
            base = weights.get(name.rpartition(".lora_")[0])
            inner = name.endswith(".lora_a")
            if base is None or shape[0 if inner else 1] != base[0 if inner else 1]:
                raise Refused(500, f"llama runner process has terminated: error: failed to apply lora: {name}")


def reader(path: Path) -> Any:
    import gguf  # pyright: ignore[reportMissingImports]

    return gguf.GGUFReader(path)


def shapes(path: Path) -> dict[str, list[int]]:
    return {each.name: [int(size) for size in each.shape] for each in reader(path).tensors}


def facts(path: Path) -> dict[str, Any]:
    """What stands in a GGUF file besides its tensors, without the long lists."""
    found = {}
    for name, field in reader(path).fields.items():
        value = field.contents()
        if not name.startswith("GGUF.") and not isinstance(value, list):
            found[name] = value
    return found


def post(address: str, path: str, **body: Any) -> Any:
    """Ask llama.cpp's own server."""
    request = urllib.request.Request(
        f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise Refused(500, json.loads(error.read())["error"]["message"]) from None


def by_template(template: str, messages: list[dict[str, str]]) -> str:
    """What Go makes of a template with one loop."""
    loop = _LOOP.fullmatch(template)
    if loop is None:
        raise Refused(400, "template error: the stand-in knows one loop over .Messages")
    before, each, after = loop.groups()
    pieces = [each.replace("{{ .Role }}", m["role"]).replace("{{ .Content }}", m["content"]) for m in messages]
    return before + "".join(pieces) + after


def quantisation(path: Path) -> str:
    import gguf  # pyright: ignore[reportMissingImports]

    kind = facts(path).get("general.file_type")
    return gguf.LlamaFileType(kind).name.removeprefix("ALL_").removeprefix("MOSTLY_") if kind is not None else "unknown"


def to_q8_0(path: Path) -> bytes:
    """The same model with its matrices in Q8_0, as `llama-quantize` would write it."""
    import gguf  # pyright: ignore[reportMissingImports]
    import numpy as np

    source, out = reader(path), path.with_suffix(".q8")
    writer = gguf.GGUFWriter(out, facts(path)["general.architecture"])
    for name, field in source.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(
            name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        )
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    for tensor in source.tensors:
        if len(tensor.shape) == 2 and tensor.shape[0] % 32 == 0:
            quantised = gguf.quants.quantize(np.array(tensor.data), gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(tensor.name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    try:
        return out.read_bytes()
    finally:
        out.unlink()


class Ollama:
    """What the server answers, request by request."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def answer(self, method: str, path: str, raw: bytes) -> tuple[int, Any]:
        if path.startswith("/api/blobs/"):
            return self._blob(method, path.rpartition("/")[2], raw)
        if (method, path) == ("GET", "/api/version"):
            return 200, {"version": "0.33.0"}
        if (method, path) == ("GET", "/api/tags"):
            return 200, {"models": [{"name": name, "model": name} for name in self.store.models]}
        body = json.loads(raw) if raw else {}
        match (method, path):
            case ("POST", "/api/show"):
                return 200, self._show(body)
            case ("POST", "/api/create"):
                return 200, self._create(body)
            case ("POST", "/api/chat"):
                return 200, self._chat(body)
            case ("DELETE", "/api/delete"):
                self.store.put(self.store.named(body["model"])[0], None)
                return 200, None
        raise Refused(404, "404 page not found")

    def _blob(self, method: str, digest: str, raw: bytes) -> tuple[int, Any]:
        path = self.store.blob(digest)
        if method == "HEAD":
            return (200 if path.exists() else 404), None
        if path.exists():
            return 200, None
        found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if found != digest:
            raise Refused(400, f'digest mismatch, expected "{digest}", got "{found}"')
        path.write_bytes(raw)
        return 201, None

    def _show(self, body: Any) -> Any:
        name, model = self.store.named(body["model"])
        path = self.store.blob(model["model"])
        lines = ['# Modelfile generated by "ollama show"', f"# FROM {name}", "", f"FROM {path}"]
        lines += [f"ADAPTER {self.store.blob(each)}" for each in model["adapters"]]
        lines += ['TEMPLATE """{{ .Prompt }}', 'FROM what the template says"""']
        lines += [f'SYSTEM """{model["system"]}"""'] if model.get("system") else []
        each = [
            (key, one)
            for key, value in model["parameters"].items()
            for one in (value if isinstance(value, list) else [value])
        ]
        lines += [f"PARAMETER {key} {value}" for key, value in each]
        return {
            "modelfile": "\n".join(lines),
            "parameters": "\n".join(f"{key:30} {json.dumps(value)}" for key, value in each),
            "system": model.get("system", ""),
            "details": {"format": "gguf", "quantization_level": quantisation(path)},
            "model_info": {**facts(path), "general.parameter_count": _parameters(path)},
        }

    def _create(self, body: Any) -> Any:
        name = body["model"] if ":" in body["model"] else f"{body['model']}:latest"
        if not _NAME.match(name):
            raise Refused(400, "invalid model name")
        adapters, files = body.get("adapters") or {}, body.get("files") or {}
        if not body.get("from") and not files:
            raise Refused(400, "neither 'from' or 'files' was specified")
        for digest in [*adapters.values(), *files.values()]:
            path = self.store.blob(digest)
            if not path.exists() or path.open("rb").read(4) != b"GGUF":
                raise Refused(400, "supplied file was not in GGUF format")
        if len(adapters) > 1:
            raise Refused(400, "only one adapter is currently supported")
        for digest in adapters.values():
            if facts(self.store.blob(digest)).get("general.type") != _LORA:
                raise Refused(400, "not a supported adapter type")
        model = self._from(body["from"]) if body.get("from") else {"adapters": [], "parameters": {}}
        if files:
            model["model"] = next(iter(files.values()))
        if body.get("quantize"):
            model["model"] = self._quantised(model["model"], body["quantize"])
        model["adapters"] = [*model["adapters"], *adapters.values()]
        model |= {key: body[key] for key in ("system", "template") if body.get(key)}  # an empty one changes nothing
        model["parameters"] = {**model["parameters"], **(body.get("parameters") or {})}
        self.store.put(name, model)
        return {"status": "success"}

    def _from(self, source: str) -> dict[str, Any]:
        """Ollama would fetch what is not there; here there is nowhere to fetch it from."""
        try:
            return dict(self.store.named(source)[1])
        except Refused:
            raise Refused(500, "pull model manifest: file does not exist") from None

    def _quantised(self, digest: str, wanted: str) -> str:
        path = self.store.blob(digest)
        if quantisation(path) not in _PLAIN:
            raise Refused(500, "quantization is only supported for F16 and F32 models")
        if wanted.upper() != "Q8_0":
            raise Refused(500, f"unsupported quantization type {wanted}")
        raw = to_q8_0(path)
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        self.store.blob(digest).write_bytes(raw)
        return digest

    def _chat(self, body: Any) -> Any:
        name, model = self.store.named(body["model"])
        address = self.store.server(name, model).listening_address
        messages = body["messages"]
        if model.get("system") and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": model["system"]}, *messages]
        if model.get("template"):
            text = by_template(model["template"], messages)
        else:
            text = post(address, "apply-template", messages=messages)["prompt"]
        told = {"model": name, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""}}
        if body.get("_debug_render_only") and not self.store.has("no debug"):
            return {**told, "done": False, "_debug_info": {"rendered_template": text}}
        if facts(self.store.blob(model["model"])).get("tokenizer.ggml.add_bos_token"):
            text = text.removeprefix("<bos>")  # the only one that Ollama knows by its text
        options = {**model["parameters"], **(body.get("options") or {})}
        said = post(
            address,
            "completion",
            prompt=text,
            temperature=options.get("temperature", 0.8),
            n_predict=options.get("num_predict", 128),
            seed=options.get("seed", 0),
            stop=options.get("stop", []),
        )
        timings = said["timings"]
        counted = {} if self.store.has("no count") else {"prompt_eval_count": timings["cache_n"] + timings["prompt_n"]}
        return {
            **told,
            "message": {"role": "assistant", "content": said["content"]},
            "done": True,
            "done_reason": "length" if said["stop_type"] == "limit" else "stop",
            "eval_count": timings["predicted_n"],
            **counted,
        }


def _parameters(path: Path) -> int:
    return sum(int(each.n_elements) for each in reader(path).tensors)


class Handler(http_server.Handler):
    ollama: Ollama

    def asked(self) -> None:
        try:
            status, said = self.ollama.answer(self.command, self.path, self.sent())
        except Refused as refused:
            status, said = refused.status, {"error": str(refused)}
        out = b"" if said is None else json.dumps(said).encode() + b"\n"
        self.reply(status, out)


def main(folder: Path, port: int) -> None:
    Handler.ollama = Ollama(Store(folder))
    server = http_server.Server(Handler, port).start()
    sys.stdout.write(f"address {server.url}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
