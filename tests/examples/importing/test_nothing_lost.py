"""Every word of a generated row is in its record, or stands under a name that is told as not used.

WHETSTONE_FUZZ says how many rows there are of each kind of record; WHETSTONE_FUZZ_SEED, with which seed they are made.
"""

import json
import os
import random
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from core.examples.importing import ImportOptions
from core.examples.importing.converting.converter import Converter
from core.examples.importing.converting.other_tools import OTHER_TOOLS
from core.examples.importing.converting.shapes import SHAPES, Shape
from core.examples.importing.models import RowError

ROWS = int(os.environ.get("WHETSTONE_FUZZ", "300"))
SEED = int(os.environ.get("WHETSTONE_FUZZ_SEED", "1"))

WORD = re.compile(r"W\d{7}Z")
START = "2026-01-14T19:30:47Z"
BESIDE = [
    "system", "system_prompt", "tools", "functions", "label", "kto_tag", "rejected_response", "tool_choice", "history",
    "input", "context", "success", "execution_id", "user_request", "execution_result", "execution_plan", "intent",
    "business_state", "source_model", "source_agent", "tags", "metadata", "extra", "id", "start_time", "model",
    "topic", "prompt", "completion", "question", "query", "messages", "answer", "response", "category", "comment",
]  # fmt: skip
KEYS = ["reasoning_content", "refusal", "created", "tool_choice", "logprobs", "thinking", "channel"]
#: What is told of a whole row, without a name of each word.
TOLD = ("answers beyond the first", "said twice")


class Generator:
    """Makes rows of words that are met once."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        self._numbers = count(1)

    def word(self) -> str:
        return f"W{next(self._numbers):07}Z"

    def tool(self) -> dict[str, Any]:
        parameters = {"type": "object", "properties": {self.word(): {"type": "string"}}}
        return {"type": "function", "function": {"name": self.word(), "parameters": parameters}}

    def content(self) -> Any:
        part = {"type": "text", "text": self.word()}
        cited = {"type": "text", "text": self.word(), "citations": [self.word()]}
        return self.dice.choice([self.word(), [part], [part, cited]])

    def message(self, role: str, content: Any, **more: Any) -> dict[str, Any]:
        key = {self.dice.choice(KEYS): self.word()} if self.dice.random() < 0.15 else {}
        return {"role": role, "content": content, **more, **key}

    def asked_tool(self) -> list[dict[str, Any]]:
        """A call and its result, in OpenAI's or in Anthropic's form."""
        key, arguments, result = self.word(), {"k": self.word()}, {"type": "text", "text": self.word()}
        if self.dice.random() < 0.5:
            use = {"type": "tool_use", "id": key, "name": self.word(), "input": arguments}
            back = {"type": "tool_result", "tool_use_id": key, "content": [result], "is_error": True}
            return [self.message("assistant", [use]), self.message("user", [back])]
        call = {"id": key, "type": "function", "function": {"name": self.word(), "arguments": json.dumps(arguments)}}
        content = self.dice.choice([self.word(), [result], {"r": self.word()}, [self.word(), self.word()]])
        return [
            self.message("assistant", self.dice.choice([None, self.word()]), tool_calls=[call]),
            {"role": "tool", "tool_call_id": key, "content": content},
        ]

    def chat(self) -> list[dict[str, Any]]:
        said = [self.message("system", self.word())] if self.dice.random() < 0.4 else []
        for _ in range(self.dice.randrange(1, 3)):
            said.append(self.message("user", self.content()))
            said += self.asked_tool() if self.dice.random() < 0.4 else []
            said.append(self.message("assistant", self.content()))
        return said

    def sharegpt(self) -> list[dict[str, Any]]:
        said = [{"from": "system", "value": self.word()}] if self.dice.random() < 0.4 else []
        return [*said, {"from": "human", "value": self.word()}, {"from": "gpt", "value": self.word()}]

    def gemini(self) -> list[dict[str, Any]]:
        call = {"functionCall": {"name": self.word(), "args": {"k": self.word()}}, "thoughtSignature": self.word()}
        back = {"functionResponse": {"name": self.word(), "response": {"r": self.word(), "x": self.word()}}}
        thought = {"text": self.word(), "thought": True}
        asked = {"role": "user", "parts": [{"text": self.word()}]}
        steps = [{"role": "model", "parts": [call]}, {"role": "user", "parts": [back]}]
        answer = {"role": "model", "parts": [thought, {"text": self.word()}]}
        return [asked, *(steps if self.dice.random() < 0.5 else ()), answer]

    def question(self) -> Any:
        asked = self.message("user", self.word())
        return self.dice.choice(
            [
                self.word(),
                [asked],
                {"messages": [asked], "temperature": self.word(), "tools": [self.tool()]},
                {"question": self.word(), "chat_history": self.chat(), "k": self.word()},
                {"question": self.word(), "history": self.word(), "documents": [self.word()]},
            ]
        )

    def answer(self) -> Any:
        said = self.message("assistant", self.word())
        choice = {"message": said, "finish_reason": "stop", "logprobs": self.word()}
        generation = {"text": self.word(), "generation_info": self.word()}
        return self.dice.choice(
            [
                self.word(),
                said,
                {"answer": self.word(), "k": self.word()},
                {"choices": [choice, choice], "usage": self.word()},
                {"generations": [[generation]]},
            ]
        )

    def value(self, name: str) -> Any:  # noqa: C901 (one line a name)
        match name:
            case "messages":
                return self.dice.choice([self.chat, self.sharegpt])()
            case "conversations" | "conversation":
                return self.sharegpt()
            case "contents":
                return self.gemini()
            case "history":
                return self.dice.choice([[[self.word(), self.word()]], self.word(), self.chat()])
            case "chosen" | "rejected":
                return self.dice.choice([self.word(), [self.message("assistant", self.word())]])
            case "preferred_output" | "non_preferred_output":
                return [self.message("assistant", self.word())]
            case "chosen_messages" | "rejected_messages":
                return [{"role": "user", "content": "Same?"}, self.message("assistant", self.word())]
            case "tools" | "functions":
                return self.dice.choice([[self.tool()], json.dumps([self.tool()])])
            case "answers":
                calls = [{"name": self.word(), "arguments": {"k": self.word()}}]
                return self.dice.choice([{"text": [self.word(), self.word()]}, [self.word()], calls])
            case "input" | "inputs" | "request":
                return self.question()
            case "output" | "outputs" | "response":
                return self.answer()
            case "body":
                return {"messages": [self.message("user", self.word())], "temperature": self.word()}
            case "context":
                return self.dice.choice([self.word(), {"k": self.word()}, [self.word(), self.word()]])
            case "metadata" | "extra":
                return {"model": self.word()} | ({"k": self.word()} if self.dice.random() < 0.5 else {})
            case "business_state":
                return {"k": self.word()}
            case "label" | "kto_tag":
                return self.dice.choice([True, False, self.word()])
            case "success":
                return self.dice.choice([True, False])
            case "start_time":
                return START
            case "startTimeUnixNano":
                return "1768419047123456789"
            case _:
                return [self.word()] if name == "tags" else self.word()

    def row(self, shape: Shape) -> dict[str, Any]:
        names = (*shape.signs, *self.dice.sample(BESIDE, self.dice.randrange(5)))
        row = {name: self.value(name) for name in dict.fromkeys(names)}
        if shape.name == "OpenAI batch":
            row["response"] = {"body": {"choices": [{"message": self.message("assistant", self.word())}]}}
        if "preferred_output" in row and "chosen" not in row:
            row["input"] = {"messages": [self.message("user", self.word())], "metadata": self.word()}
        if shape.name == "Phoenix":
            row["span_kind"] = "LLM"
        return row


def words_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every word of a row, with the names that lead to it."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield from ((word, path) for word in WORD.findall(name))
            yield from words_of(held, (*path, name))
    elif isinstance(value, list):
        for held in value:
            yield from words_of(held, path)
    elif isinstance(value, str):
        yield from ((word, path) for word in WORD.findall(value))


@pytest.mark.parametrize("shape", [*SHAPES, *OTHER_TOOLS], ids=lambda shape: f"{shape.name} {'+'.join(shape.signs)}")
def test_every_word_is_kept_or_stands_under_a_name_that_is_told(shape: Shape) -> None:
    came_in = 0
    for number in range(ROWS):
        row = Generator(f"{SEED} {shape.signs} {number}").row(shape)
        converter = Converter(tuple(row), ImportOptions(), more_may_come=True)
        record = converter.record(1, row)
        if record is None or isinstance(record, RowError):
            continue  # put aside and counted, or failing
        came_in += 1
        kept, told = json.dumps(record), " ".join(converter.unused)
        lost = {
            ".".join(path)
            for word, path in words_of(row)
            if word not in kept and not any(name in told for name in path) and not any(each in told for each in TOLD)
        }
        assert not lost, f"row {number}, told: {dict(converter.unused)}: {json.dumps(row)}"
    assert came_in > ROWS / 20, "some generated rows shall be good enough to come in"
