"""Recipes: how an example becomes a conversation that a model learns from."""

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import DatasetRefused

Target = Literal["plan", "result", "both"]
Part = Literal["request", "intent", "business_state", "context"]

TARGETS: tuple[Target, ...] = ("plan", "result", "both")
PARTS: tuple[Part, ...] = ("request", "intent", "business_state", "context")


class Recipe(BaseModel):
    """What the model is shown and what it shall answer.

    The conversation of an example is, in this order:

    1. the system prompt: the recipe's, or, if that is empty, the one in the example's `context.system`;
    2. earlier turns, from `context.turns`;
    3. the user's message: the request as it is, or, when more than the request is shown, one labelled section per
       field (`Request:` line break text, `Intent: text`, `Business state:` line break JSON, `Context:` line break
       JSON), an empty line between two, what is empty left out;
    4. calls of tools and their results, from `context.steps`, unless the plan alone is the answer;
    5. the assistant's answer: the plan, the result, or both as `Plan:` line break plan, empty line, `Result:` line
       break result; with its own calls, from `context.answer`.

    `context.tools` stand beside the messages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target = "plan"
    system_prompt: str = Field(default="", max_length=200_000)
    #: What the user's message shows, in this order. The request is always among them.
    fields: tuple[Part, ...] = ("request",)

    @field_validator("system_prompt")
    @classmethod
    def _can_be_stored(cls, prompt: str) -> str:
        if "\0" in prompt:
            raise ValueError("the system prompt cannot hold a NUL character")
        prompt.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        return prompt

    @field_validator("fields")
    @classmethod
    def _shows_the_request_once(cls, fields: tuple[Part, ...]) -> tuple[Part, ...]:
        if "request" not in fields:
            raise ValueError("the request must be among the fields shown")
        if len(set(fields)) != len(fields):
            raise ValueError("a field is shown at most once")
        return fields

    def canonical(self) -> dict[str, Any]:
        """Plain JSON values, all of them: what a field left out means may change one day, a frozen recipe may not."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        return orjson.dumps(self.canonical(), option=orjson.OPT_SORT_KEYS).decode()


def parse(value: str | bytes | Mapping[str, Any]) -> Recipe:
    """Return a recipe from JSON text or plain values. Raises `DatasetRefused` naming the field."""
    try:
        return Recipe.model_validate(orjson.loads(value) if isinstance(value, str | bytes) else dict(value))
    except orjson.JSONDecodeError as error:
        raise DatasetRefused(f"The recipe is not JSON: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise DatasetRefused(f"Recipe field {where!r}: {first['msg'].removeprefix('Value error, ')}.") from None
