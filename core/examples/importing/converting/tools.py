"""The tools of a record, declared in whichever form, in OpenAI's."""

from collections.abc import Iterator
from typing import Any

from core.examples.importing.converting.messages import Message, loaded
from core.examples.importing.converting.values import text
from core.examples.importing.models import Unfit


def tools(value: Any) -> str | None:
    """Return the tools of a record in OpenAI's form, as JSON text: their schemas keep the order in which they were
    written.
    """
    if isinstance(value, str) and value.strip().lower() in ("none", "null", "nan"):
        return None
    value = loaded(value) if value else None
    if isinstance(value, dict):
        value = [value]
    if not value:
        return None
    if not isinstance(value, list):
        raise Unfit("a list of tools")
    return str(text([read for tool in value for read in _tool(tool)]))


def _tool(tool: Any) -> Iterator[Message]:
    declared = _declarations(tool)
    if declared is not None:
        for each in declared:
            yield from _tool(each)
        return
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unfit("tools that are functions with a name")
    if "input_schema" in function:
        function = {("parameters" if key == "input_schema" else key): given for key, given in function.items()}
    if function is tool:
        function = {key: given for key, given in function.items() if key != "type"}
        yield {"type": "function", "function": function}
    elif "function" in tool:
        yield {"type": "function", **tool}
    else:
        yield {"type": "function", "function": function}


def _declarations(tool: Any) -> list[Any] | None:
    found = (
        next((tool[key] for key in ("functionDeclarations", "function_declarations") if key in tool), None)
        if isinstance(tool, dict)
        else None
    )
    return found if isinstance(found, list) else None
