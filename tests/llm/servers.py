"""Servers on loopback that speak each provider's protocol, and are as strict as the provider is documented to be.

A test says what the server shall answer next (`say`, `fail`, `hang`, …) and afterwards looks at `asked`, the bodies of
the requests. What the provider would refuse (an unknown field, a schema it cannot take, a missing header) is answered
with its own kind of error, whatever was planned.
"""

import json
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from core.llm.schemas import burden
from tests import http_server

KEY = "sk-test-0123456789abcdefghijklmnop"
KNOWN_MODEL = "tiny-1"
#: What credentials of Google are changed for.
TOKEN: tuple[int, Any] = (200, {"access_token": KEY, "expires_in": 3600, "token_type": "Bearer"})


class Refused(Exception):
    """The request is one the provider would answer with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


#: What may stand in a schema: the structure, and none of the limits.
KEYWORDS = {"type", "title", "description", "enum", "const", "properties", "required", "items", "anyOf"}
KEYWORDS |= {"additionalProperties", "$defs", "$ref"}

Planned = Callable[["Handler"], None]


class Handler(http_server.Handler):
    """One request."""

    server: "Server"
    protocol_version = "HTTP/1.1"

    def asked(self) -> None:
        data = self.sent()
        if self.command == "GET":
            self.server.provider.planned.popleft()(self)
            return
        if self.path == "/token":  # Google's, where credentials are changed for something that opens the API
            self.answer(*TOKEN)
            return
        body = json.loads(data)
        self.server.provider.asked.append(body)
        try:
            self.server.provider.check(self.path, self.headers, body)
        except Refused as refused:
            self.answer(refused.status, self.server.provider.error(refused.status, refused.message))
            return
        by_body = self.server.provider.by_body
        (by_body(body) if by_body else self.server.provider.planned.popleft())(self)

    def answer(
        self, status: int, body: Any, headers: dict[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.reply(status, data, {"Content-Type": kind, **(headers or {})})


class Server(http_server.Server):
    """Serves one provider."""

    provider: "FakeProvider"


class FakeProvider:
    """What the protocols have in common."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.planned: deque[Planned] = deque()
        #: What is answered to a body, where that decides it and not the order of questions.
        self.by_body: Callable[[Any], Planned] | None = None
        self.released = threading.Event()
        self.base_url = ""
        #: The key that opens it; None: it asks for none.
        self.key: str | None = KEY

    def environment(self, key: str | None = KEY) -> dict[str, str]:
        """The settings that lead to it."""
        prefix = self.name.upper()
        return {f"{prefix}_BASE_URL": self.base_url} | ({f"{prefix}_API_KEY": key} if key else {})

    @contextmanager
    def world(self) -> Iterator[None]:
        """What its SDK looks for outside of the settings, while it is served."""
        yield

    def check(self, path: str, headers: Any, body: Any) -> None:
        """Raises `Refused` for what the provider would not take."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> Any:
        raise NotImplementedError

    def reply(self, text: str, tokens_in: int, tokens_out: int, ending: str) -> Any:
        """The body of a good answer. `ending`: done, cut, declined."""
        raise NotImplementedError

    def say(self, text: Any, *, tokens_in: int = 100, tokens_out: int = 50, ending: str = "done") -> None:
        text = text if isinstance(text, str) else json.dumps(text)
        body = self.reply(text, tokens_in, tokens_out, ending)
        self.planned.append(lambda handler: handler.answer(200, body))

    def say_to(self, answers: Callable[[str], str], *, tokens_in: int = 100, tokens_out: int = 50) -> None:
        """Answer each question by what it asks, in whatever order they come, and without end."""

        def planned(body: Any) -> Planned:
            reply = self.reply(answers(_last_words(body)), tokens_in, tokens_out, "done")
            return lambda handler: handler.answer(200, reply)

        self.by_body = planned

    def fail(self, status: int, message: str = "no luck", **headers: str) -> None:
        body = self.error(status, message)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.planned.append(lambda handler: handler.answer(status, body, named))

    def answer_raw(self, data: bytes, kind: str = "text/html") -> None:
        self.planned.append(lambda handler: handler.answer(200, data, kind=kind))

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.planned.append(lambda _: self.released.wait(30) and None)

    def drip(self) -> None:
        """Send a blank every 0.05 s, as gateways do to keep a connection open, and never an answer."""

        def dripping(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            while not self.released.wait(0.05):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        self.planned.append(dripping)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.planned.append(lambda handler: setattr(handler, "close_connection", True))


def _last_words(body: Any) -> str:
    """The question itself, whatever the protocol."""
    if "contents" in body:
        return "".join(part["text"] for part in body["contents"][-1]["parts"])
    return body["messages"][-1]["content"]


def _only(body: Any, known: set[str], where: str) -> None:
    for name in body:
        if name not in known:
            raise Refused(400, f"Unknown field '{name}' in {where}")


def _need(is_so: bool, message: str, status: int = 400) -> None:
    if not is_so:
        raise Refused(status, message)


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation. A system prompt stands first, and is never empty."""
    if messages and messages[0]["role"] == "system":
        _need(bool(messages[0]["content"]), "messages[0].content")
        return messages[1:]
    return messages


def _is_conversation(turns: list[dict[str, Any]], assistant: str = "assistant") -> bool:
    """Whether user and assistant take turns, and the user has the first and the last word."""
    return len(turns) % 2 == 1 and [each["role"] for each in turns] == ["user", assistant] * (len(turns) // 2) + [
        "user"
    ]


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
        for key in ("properties", "$defs"):
            for inner in schema.get(key, {}).values():
                yield from _nodes(inner)
        for key in ("anyOf", "allOf"):
            for inner in schema.get(key, []):
                yield from _nodes(inner)
        yield from _nodes(schema.get("items"))


class OpenAI(FakeProvider):
    """Chat Completions."""

    name = "openai"
    _FIELDS: ClassVar = {"model", "messages", "response_format", "max_tokens", "max_completion_tokens", "store"}

    def check(self, path: str, headers: Any, body: Any) -> None:
        _need(path == "/v1/chat/completions", f"Unknown request URL: POST {path}", 404)
        given = headers["Authorization"]
        _need(self.key is None or given == f"Bearer {self.key}", f"Incorrect API key provided: {given}", 401)
        _only(body, self._FIELDS, "body")
        own = body["model"].startswith(("gpt-", "ft:gpt-"))
        _need(not (own and "max_tokens" in body), "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        _need(own or not {"store", "max_completion_tokens"} & set(body), "Unrecognized request argument")
        _need(_is_conversation(_without_system(body["messages"])), "messages")
        _need(
            all(isinstance(each["content"], str) and set(each) == {"role", "content"} for each in body["messages"]),
            "content",
        )
        if "response_format" in body:
            self._check_format(body["response_format"])

    def _check_format(self, form: Any) -> None:
        _need(set(form) == {"type", "json_schema"} and form["type"] == "json_schema", "response_format")
        _only(form["json_schema"], {"name", "strict", "schema"}, "json_schema")
        _need(form["json_schema"]["strict"] is True, "strict")
        schema = form["json_schema"]["schema"]
        _need(schema.get("type") == "object" and "anyOf" not in schema, "schema must be an object at its root")
        for node in _nodes(schema):
            for keyword in node:
                _need(keyword in KEYWORDS, f"Invalid schema for response_format: '{keyword}' is not permitted.")
            _need("type" in node or "anyOf" in node or "$ref" in node, "schema must have a 'type' key")
            if node.get("type") == "object":
                _need(node.get("additionalProperties") is False, "schema: 'additionalProperties' must be false")
                _need(
                    set(node.get("required", ())) == set(node["properties"]), "schema: 'required' must name every key"
                )
            first = [next(iter(each["properties"].items())) for each in node.get("anyOf", ()) if each.get("properties")]
            _need(
                len({json.dumps(each) for each in first}) == len(first),
                "schema: anyOf must not share identical first keys",
            )

    def error(self, status: int, message: str) -> Any:
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}

    def reply(self, text: str, tokens_in: int, tokens_out: int, ending: str) -> Any:
        message = {"role": "assistant", "content": text, "refusal": None}
        if ending == "declined":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        ended = "length" if ending == "cut" else "stop"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": KNOWN_MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": ended}],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out,
                "total_tokens": tokens_in + tokens_out,
            },
        }


class Anthropic(FakeProvider):
    """Messages."""

    name = "anthropic"

    def check(self, path: str, headers: Any, body: Any) -> None:
        _need(path == "/v1/messages", "Not found", 404)
        _need(headers["Authorization"] == f"Bearer {KEY}", "invalid bearer token", 401)
        _need(bool(headers["anthropic-version"]), "anthropic-version: header is required")
        _only(
            body, {"model", "system", "messages", "max_tokens", "output_config"}, "body: Extra inputs are not permitted"
        )
        _need(isinstance(body["max_tokens"], int) and body["max_tokens"] > 0, "max_tokens")
        _need(_is_conversation(body["messages"]), "messages: first message must use the user role")
        _need(body.get("system", "x") != "", "system: text content blocks must be non-empty")
        if "output_config" in body:
            form = body["output_config"]["format"]
            _need(set(form) == {"type", "schema"} and form["type"] == "json_schema", "output_config.format")
            self._check_schema(form["schema"])

    def _check_schema(self, schema: Any) -> None:
        for node in _nodes(schema):
            for keyword in node:
                _need(keyword in KEYWORDS, f"output_config.format.schema: property '{keyword}' is not supported")
            if node.get("type") == "object":
                _need(
                    node.get("additionalProperties") is False,
                    "output_config.format.schema: 'additionalProperties' must be explicitly set to false",
                )
        optional, unions = burden(schema)
        _need(optional <= 24, f"Schemas contains too many optional parameters ({optional}) (limit: 24).")
        _need(unions <= 16, f"Schemas contains too many parameters with union types ({unions}) (limit: 16).")

    def error(self, status: int, message: str) -> Any:
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        return {
            "type": "error",
            "error": {"type": kinds.get(status, "invalid_request_error"), "message": message},
            "request_id": "req_1",
        }

    def reply(self, text: str, tokens_in: int, tokens_out: int, ending: str) -> Any:
        reasons = {"done": "end_turn", "cut": "max_tokens", "declined": "refusal"}
        content = [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "text", "text": text}]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": KNOWN_MODEL,
            "content": content if text else [],
            "stop_reason": reasons[ending],
            "stop_sequence": None,
            "usage": {
                "input_tokens": tokens_in - 10,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 0,
                "output_tokens": tokens_out,
            },
        }


class Gemini(FakeProvider):
    """generateContent."""

    name = "gemini"

    def check(self, path: str, headers: Any, body: Any) -> None:
        _need(
            path.startswith(("/v1/models/", "/v1beta/models/")) and path.endswith(":generateContent"), "Not found", 404
        )
        _need(headers["x-goog-api-key"] == KEY, "API key not valid. Please pass a valid API key.")
        self.check_body(body)

    def check_body(self, body: Any) -> None:
        _only(body, {"contents", "systemInstruction", "generationConfig"}, "Invalid JSON payload received")
        _only(
            body["generationConfig"], {"maxOutputTokens", "responseMimeType", "responseJsonSchema"}, "generation_config"
        )
        _need(_is_conversation(body["contents"], assistant="model"), "contents")
        if "responseJsonSchema" in body["generationConfig"]:
            _need(body["generationConfig"]["responseMimeType"] == "application/json", "response mime type")
            for node in _nodes(body["generationConfig"]["responseJsonSchema"]):
                for keyword in node:
                    _need(keyword in KEYWORDS - {"const"}, f"response_json_schema: '{keyword}' is not supported")

    def error(self, status: int, message: str) -> Any:
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
        details = []
        if "API key not valid" in message:
            details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})
        if status == 429:
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.25s"})
        return {
            "error": {"code": status, "message": message, "status": names.get(status, "INTERNAL"), "details": details}
        }

    def reply(self, text: str, tokens_in: int, tokens_out: int, ending: str) -> Any:
        usage = {
            "promptTokenCount": tokens_in,
            "candidatesTokenCount": tokens_out - 5,
            "thoughtsTokenCount": 5,
            "totalTokenCount": tokens_in + tokens_out,
        }
        if ending == "declined":
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
        parts = [{"text": "Let me think.", "thought": True}, {"text": text}] if text else []
        candidate = {
            "content": {"role": "model", "parts": parts},
            "finishReason": "MAX_TOKENS" if ending == "cut" else "STOP",
            "index": 0,
        }
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": KNOWN_MODEL}


class Vertex(Gemini):
    """generateContent of Google Cloud, opened by the credentials of the machine."""

    name = "vertex"

    def environment(self, key: str | None = KEY) -> dict[str, str]:
        del key
        where = {"GOOGLE_CLOUD_PROJECT": "acme", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
        return {"GOOGLE_VERTEX_BASE_URL": self.base_url, **where}

    @contextmanager
    def world(self) -> Iterator[None]:
        with machine_credentials(f"{self.base_url}/token"):
            yield

    def check(self, path: str, headers: Any, body: Any) -> None:
        known = ("publishers/google/models/", "endpoints/")
        _need(
            path.startswith(tuple(f"/v1/projects/acme/locations/europe-west4/{each}" for each in known))
            and path.endswith(":generateContent"),
            "Not found",
            404,
        )
        _need(headers["Authorization"] == f"Bearer {KEY}", "Request had invalid authentication credentials.", 401)
        _need(headers["x-goog-api-key"] is None, "API keys are not supported by this API.", 401)
        self.check_body(body)


class Ollama(FakeProvider):
    """chat and tags."""

    name = "ollama"

    def environment(self, key: str | None = KEY) -> dict[str, str]:
        del key
        return {"OLLAMA_HOST": self.base_url}

    def check(self, path: str, headers: Any, body: Any) -> None:
        _need(path == "/api/chat", "404 page not found", 404)
        _need(body["stream"] is False, "stream")
        # The server ignores unknown fields; `think` it knows, and then forgets the format with some models.
        _only(body, {"model", "messages", "stream", "format", "options", "tools", "keep_alive"}, "body")
        _need("think" not in body, "think")
        _need(not body.get("tools"), "tools")
        _need(set(body["options"]) == {"num_predict", "num_ctx"}, "options")
        _need(_is_conversation(_without_system(body["messages"])), "messages")
        _need(isinstance(body.get("format", {}), dict), "invalid format")

    def error(self, status: int, message: str) -> Any:
        return {"error": message}

    def reply(self, text: str, tokens_in: int, tokens_out: int, ending: str) -> Any:
        return {
            "model": KNOWN_MODEL,
            "created_at": "2026-11-22T10:00:00Z",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "length" if ending == "cut" else "stop",
            "total_duration": 1,
            "load_duration": 1,
            "prompt_eval_count": tokens_in,
            "prompt_eval_duration": 1,
            "eval_count": tokens_out,
            "eval_duration": 1,
        }

    def have(self, *models: str) -> None:
        """Answer the next question for what is there."""
        body = {"models": [{"model": name, "name": name, "size": 1, "digest": "0", "details": {}} for name in models]}
        self.planned.append(lambda handler: handler.answer(200, body))


FAKES: dict[str, type[FakeProvider]] = {fake.name: fake for fake in (OpenAI, Anthropic, Gemini, Vertex, Ollama)}
#: Those that nothing opens that could be given with a call.
WITHOUT_KEY = {"ollama", "vertex"}


@cache
def private_key() -> str:
    """Made once: it takes a moment."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@contextmanager
def credentials(file: Path) -> Iterator[None]:
    """A file where Google's library looks for one, for as long as this lasts. `monkeypatch` would put back what
    `machine_credentials` has taken away meanwhile."""
    before = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    try:
        yield
    finally:
        del os.environ["GOOGLE_APPLICATION_CREDENTIALS"]
        if before is not None:
            os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = before


@contextmanager
def machine_credentials(token_uri: str) -> Iterator[None]:
    """A service account's file where Google's library finds it, which gets its token from `token_uri`."""
    account = {
        "type": "service_account", "project_id": "acme", "private_key_id": "1", "private_key": private_key(),
        "client_email": "tests@acme.example", "client_id": "1", "token_uri": token_uri,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "account.json"
        file.write_text(json.dumps(account))
        with credentials(file):
            yield


@contextmanager
def serving(provider: FakeProvider) -> Iterator[FakeProvider]:
    """The provider, on a port of its own."""
    with Server(Handler) as server:
        server.provider = provider
        provider.base_url = f"{server.url}/v1" if provider.name == "openai" else server.url
        try:
            with provider.world():
                yield provider
        finally:
            provider.released.set()
