"""Messages as chats are written in many forms, read into one: OpenAI's, Anthropic's, Gemini's, ShareGPT's.

A message here has `role` (system, user, assistant or tool) and `content`. An assistant's may have `tool_calls`, each
with `id`, `type` and `function` of `name` and `arguments` (JSON as text, as it was written), and `weight` 0 where it
must not be learned. A tool's has the `tool_call_id` that it answers, and the `name` of what was called.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import orjson

from core.examples.importing import exact_json
from core.examples.importing.converting.values import text
from core.examples.importing.models import Unfit
from core.text import shortened

Message = dict[str, Any]

#: By the role in lower case: tools write User and SYSTEM, too.
_ROLES = {
    "human": "user",
    "prompter": "user",
    **dict.fromkeys(("gpt", "chatgpt", "model", "bot", "chatbot", "ai", "bard", "bing", "claude"), "assistant"),
    "developer": "system",
    "function_call": "assistant",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
    "tool_response": "tool",
}
_KNOWN = {"system", "user", "assistant", "tool"}
_TEXT = ("text", "input_text", "output_text")
_READ = {
    "role", "from", "content", "value", "parts", "tool_calls", "function_call", "tool_call_id", "tool_call_ids", "name",
    "weight", "train", "training", "loss", "loss_weight",
}  # fmt: skip
#: Parts of Anthropic's and Gemini's messages that are no text, by the key or type that shows them.
_CALLS = ("functionCall", "function_call")
_RESULTS = ("functionResponse", "function_response")
#: Parts in which a model thinks aloud. They are no answer, and no export can carry them: named as not used.
_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")
_MEDIA = ("image", "audio", "video", "file", "document")
#: What a message may have beside its text that a model would have to see or hear.
_ATTACHED = frozenset(
    ("images", "image", "audio", "audios", "video", "videos", "files", "attachments", "experimental_attachments")
)
#: Keys of parts that are read.
_OF_PARTS = {
    "type", "text", "value", "id", "name", "input", "content", "tool_use_id", "toolCallId", "toolName", "args",
    "result", "output", "functionCall", "function_call", "functionResponse", "function_response", "toolUse",
    "toolResult", "thought", "reasoning", "thinking", "signature", "data", "state", "index",
}  # fmt: skip
#: Under which a call has its arguments: OpenAI's, LangChain's, Anthropic's and Llama's name for them.
_ARGUMENTS = ("arguments", "args", "input", "parameters")
_OF_CALLS = {"id", "type", "index", "function", "name", *_ARGUMENTS}
_TAGGED_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_TAGGED_RESULT = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)


def loaded(value: Any) -> Any:
    """Tables hold lists and objects as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return exact_json.loads(value)
    except orjson.JSONDecodeError as error:
        if (found := of_python(value)) is not None:
            return found
        raise Unfit(f"a list of messages as JSON ({error.msg})") from None


#: What pandas writes into a cell that holds a list: the list as Python shows it, and as NumPy does, one message a line
#: and no commas in between. Python shows a line break within a text as two characters, so that none is met there.
_PYTHON = re.compile(r"\s*[\[{]+\s*['\"]")
_BETWEEN_ROWS = re.compile(r"\}\s*\n\s*\{")
_ARRAY = re.compile(r"\barray\((\[[^\[\]]*\])(?:,\s*dtype=\w+)?\)")


def of_python(value: str) -> Any:
    """Return a list or an object as Python shows it; None for what is none."""
    if not _PYTHON.match(value):
        return None
    plain = _BETWEEN_ROWS.sub("}, {", value.strip())
    for written in (plain, _ARRAY.sub(r"\1", plain)):
        try:
            return ast.literal_eval(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def plain_text(value: Any) -> str:
    """Return the text of a message: a string, or parts that hold text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise Unfit("messages whose content is text")
    return "".join(_part_text(part) for part in value)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") in (None, *_TEXT):
        words = part.get("text", part.get("value"))
        if isinstance(words, str):
            return words
    raise Unfit(_no_text(part))


def _no_text(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and (_is_media(str(kind)) or any(_is_media(key) for key in part)):
        return "messages whose content is text; other parts, such as images, cannot be imported"
    of = f", not parts of the type {shortened(kind)}" if isinstance(kind, str) else ""
    return f"messages whose content is text, or parts with a text{of}"


def _is_media(word: str) -> bool:
    return any(each in word.lower() for each in (*_MEDIA, "inline_data", "inlinedata"))


class Reading:
    """Reads the messages of one record, and remembers what it did not use."""

    def __init__(self, row: Mapping[str, Any] | None = None) -> None:
        """`row`: the record, of which it matters whether it declares tools."""
        self.unused: set[str] = set()
        self._has_tools = bool(row and (row.get("tools") or row.get("functions")))
        self._calls = 0
        #: Calls that no result has answered yet: id and name.
        self._open: list[tuple[str, str]] = []

    def messages(self, value: Any, column: str) -> list[Message]:
        """Return a list of messages, those of one speaker in a row joined. Raises `Unfit`."""
        value = loaded(value)
        if isinstance(value, dict):
            value = [value]
        if not isinstance(value, list) or not value:
            raise Unfit("a list of messages")
        return joined(self._tagged([read for message in value for read in self._message(message, column)]))

    def _tagged(self, messages: Sequence[Message]) -> list[Message]:
        """Read calls that stand in the text between tags, as Hermes and Qwen write them, where a tool answers them, or
        where they are the last that is said and the record has tools.
        """
        answered = any(message["role"] == "tool" and "tool_call_id" not in message for message in messages)
        if not answered and not ("<tool_call>" in (messages[-1]["content"] or "") and self._declares(messages)):
            return [*messages]
        made: list[Message] = []
        self._open = []
        for message, after in zip_longest(messages, messages[1:]):
            if message["role"] == "tool" and "tool_call_id" not in message and self._open:
                results = _TAGGED_RESULT.findall(message["content"]) or [message["content"]]
                made += [self._result(each, None, None) for each in results]
            else:
                made.append(self._untagged(message) if after is None or after["role"] == "tool" else message)
        return made

    def _declares(self, messages: Sequence[Message]) -> bool:
        return self._has_tools or any("<tools>" in each["content"] for each in messages if each["role"] == "system")

    def _untagged(self, message: Message) -> Message:
        if message["role"] != "assistant" or "tool_calls" in message:
            return message
        try:
            calls = self._read_calls([loaded(each) for each in _TAGGED_CALL.findall(message["content"])], None)
        except Unfit:
            return message  # text that only looks like it
        if not calls:
            return message
        self._open = [(call["id"], call["function"]["name"]) for call in calls]
        words = _TAGGED_CALL.sub("", message["content"]).strip()
        return message | {"content": words or None, "tool_calls": calls}

    def _message(self, message: Any, column: str) -> Iterator[Message]:
        if not isinstance(message, dict):
            raise Unfit("a list of messages, each an object")
        written = str(message["role"] if message.get("role") is not None else message.get("from", ""))
        said = written.strip().lower()
        role = _ROLES.get(said, said)
        if role not in _KNOWN:
            of = f", not of {shortened(written)}" if written else "; one has no role"
            raise Unfit(f"messages of system, developer, user, assistant or tool{of}")
        self.unused.update(
            f"{column}[].{key}" for key in message.keys() - _READ if message[key] not in (None, "", [], {})
        )
        content = next((message[key] for key in ("content", "value", "parts") if message.get(key) is not None), None)
        if not _ATTACHED.isdisjoint(message) and (
            attached := next((key for key in message if key in _ATTACHED and message[key]), "")
        ):
            raise Unfit(f"messages whose content is text; {attached}, which one of them has, cannot be imported")
        if role == "tool" and isinstance(content, list) and content and all(map(_is_result, content)):
            yield from self._parts(content, None, column)[2]
            return
        if role == "tool":
            yield self._result(content, message.get("tool_call_id"), message.get("name"))
            return
        if message.get("name") not in (None, ""):
            self.unused.add(f"{column}[].name")
        calls = message.get("tool_calls") or message.get("function_call")
        if said == "function_call":
            calls, content = content, None
        rest, results = [], []
        if isinstance(content, list):
            calls, rest, results = self._parts(content, calls, column)
            content = rest
        # Results come first: they answer the calls of the message before.
        yield from results
        words = plain_text(content)
        if role == "assistant":
            yield self._answer(message, words, calls, column)
        elif words or not results:
            yield {"role": role, "content": words}

    def _parts(self, parts: Sequence[Any], calls: Any, column: str) -> tuple[Any, list[Any], list[Message]]:
        """Read calls, text and results that stand in one message as its parts."""
        found: list[Any] = list(calls) if isinstance(calls, list) else [calls] if calls else []
        rest: list[Any] = []
        results: list[Message] = []
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else None
            call = _first_of(part, _CALLS)
            result = _first_of(part, _RESULTS)
            if self._is_thought(part, column):
                continue
            if kind == "tool_call" and "value" in part:
                found.append(loaded(part["value"]))
            elif kind == "tool-call":  # Vercel's
                arguments = part.get("args", part.get("input"))
                found.append({"id": part.get("toolCallId"), "name": part.get("toolName"), "arguments": arguments})
            elif use := _first_of(part, ("toolUse",)):  # Bedrock's
                found.append({"id": use.get("toolUseId"), "name": use.get("name"), "arguments": use.get("input")})
            elif kind == "tool-result":
                held = part.get("result", part.get("output"))
                results.append(self._result(held, part.get("toolCallId"), part.get("toolName")))
            elif held := _first_of(part, ("toolResult",)):
                results.append(self._result(held.get("content"), held.get("toolUseId"), None))
            elif kind == "tool_use":
                found.append({"id": part.get("id"), "name": part.get("name"), "arguments": part.get("input")})
            elif call is not None:
                found.append({"id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")})
            elif kind == "tool_result":
                results.append(self._result(part.get("content"), part.get("tool_use_id"), None))
            elif result is not None:
                results.append(self._result(_response(result.get("response")), result.get("id"), result.get("name")))
            else:
                rest.append(part)
        return found, rest, results

    def _is_thought(self, part: Any, column: str) -> bool:
        """Name what a part holds that is not used; a part in which a model thinks aloud is not used at all."""
        if not isinstance(part, dict):
            return False
        self.unused.update(f"{column}[].content[].{key}" for key in part.keys() - _OF_PARTS if part[key])
        if is_thought := part.get("type") in _THOUGHTS or part.get("thought") is True:
            self.unused.add(f"{column}[].content, parts of the type {part.get('type') or 'thought'}")
        return is_thought

    def _answer(self, message: Mapping[str, Any], words: str, calls: Any, column: str) -> Message:
        made: Message = {"role": "assistant", "content": words}
        if read := self._read_calls(calls, message.get("tool_call_ids")):
            made["tool_calls"] = read
            if not words:
                made["content"] = None
            self._open = [(call["id"], call["function"]["name"]) for call in read]
        # Whether its source says that nobody shall learn it.
        weight = number(message.get("weight", message.get("loss_weight")))
        if weight is not None and weight not in (0, 1):
            self.unused.add(f"{column}[].weight other than 0 and 1")
        if any(number(each) == 0 for each in (weight, *(message.get(name) for name in ("train", "training", "loss")))):
            made["weight"] = 0
        return made

    def _read_calls(self, calls: Any, ids: Any) -> list[Message]:
        if isinstance(calls, str):
            calls = loaded(calls)
        if isinstance(calls, dict):
            calls = [calls]
        if not calls:
            return []
        if not isinstance(calls, list):
            raise Unfit("messages whose tool calls are a list")
        given = ids if isinstance(ids, list) and len(ids) == len(calls) else [None] * len(calls)
        return [self._call(call, call_id) for call, call_id in zip(calls, given, strict=True)]

    def _call(self, call: Any, given: Any) -> Message:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            raise Unfit("tool calls that name a function")
        self._calls += 1
        self.unused.update(f"tool_calls[].{key}" for key in {*call, *function} - _OF_CALLS)
        call_id = given or call.get("id")
        arguments = next((function[key] for key in _ARGUMENTS if function.get(key) is not None), None)
        if not isinstance(arguments, str) or not arguments.strip():
            arguments = str(text(arguments or None) or "{}")
        return {
            "id": call_id if isinstance(call_id, str) and call_id else f"call_{self._calls}",
            "type": "function",
            "function": {"name": function["name"], "arguments": arguments},
        }

    def _result(self, content: Any, call_id: Any, name: Any) -> Message:
        """Return what a tool answered.

        Where no id says which call it answers, it is the first open one, of its name.
        """
        try:
            if isinstance(content, list) and any(isinstance(each, str) for each in content):
                raise Unfit("parts of a message")  # a list that the tool gave back
            words = plain_text(content)
        except Unfit:
            if _holds_media(content):
                raise
            words = str(text(content))
        made: Message = {"role": "tool", "content": words}
        found = next(
            (
                (open_id, open_name)
                for open_id, open_name in self._open
                if (open_id == call_id if call_id else not name or open_name == name)
            ),
            None,
        )
        if found is not None:
            self._open.remove(found)
            made |= {"tool_call_id": found[0], "name": found[1]}
        elif call_id:
            made["tool_call_id"] = str(call_id)
        return made


def number(value: Any) -> Any:
    """Return what says whether a message is learned, which tables and forms keep as text."""
    if not isinstance(value, str):
        return value
    said = value.strip().lower()
    try:
        return {"": None, "true": 1, "false": 0}[said] if said in ("", "true", "false") else float(said)
    except ValueError:
        return value


def _is_result(part: Any) -> bool:
    of_type = isinstance(part, dict) and part.get("type") in ("tool_result", "tool-result")
    return of_type or _first_of(part, (*_RESULTS, "toolResult")) is not None


def _first_of(part: Any, keys: tuple[str, ...]) -> Mapping[str, Any] | None:
    given = part if isinstance(part, dict) else {}
    return next((given[key] for key in keys if isinstance(given.get(key), dict)), None)


def _response(value: Any) -> Any:
    """Gemini's results are objects; one of text has it under `output`."""
    if isinstance(value, dict) and value.keys() == {"output"} and isinstance(value["output"], str):
        return value["output"]
    return str(text(value) or "")


def _holds_media(content: Any) -> bool:
    """Whether a tool answered with parts of which one is an image or the like, not with data of its own."""
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and part.get("type") not in (None, *_TEXT) for part in parts)


def joined(messages: Sequence[Message]) -> list[Message]:
    """Join what one speaker said in several messages in a row into one message, with line breaks in between."""
    result: list[Message] = []
    for message in messages:
        last = result[-1] if result else None
        if last is None or not _continues(last, message):
            result.append(dict(message))
            continue
        words = "\n".join(each for each in (last["content"], message["content"]) if each)
        last |= message | {"content": words or message["content"]}
    return result


def _continues(last: Message, message: Message) -> bool:
    """Tell whether to join: not a call of tools, which is answered first, nor what must not be
    learned with what may.
    """
    if last["role"] != message["role"] or last["role"] not in ("user", "assistant"):
        return False
    return "tool_calls" not in last and last.get("weight") == message.get("weight")
