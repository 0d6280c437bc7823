"""Conversations of files as the fields of an example: request, result, and as context all that stands around them.

`context` holds `system`, the earlier `turns`, the `steps` between request and result (calls of tools and what they
answered), of the `answer` what is no text (its own calls, weight 0), `tools`, `parallel_tool_calls`, the `input` of a
request that came in two parts, and the `rejected` answer of a pair.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from core.examples.importing.converting.messages import Message, Reading, joined, loaded, number, plain_text
from core.examples.importing.converting.tools import tools
from core.examples.importing.models import Unfit, UnfitColumn

Raw = Mapping[str, Any]

#: Key of a converted row under which the names of what was not used stand, such as `messages[].name`.
UNUSED = "unused"
_MEDIA = tuple(
    f"{kind}{form}"
    for kind, form in product(("image", "video", "audio"), ("s", "", "_path", "_paths", "_url", "_urls", "_file"))
)
_ANY_MEDIA = frozenset(_MEDIA)
#: Columns that a request and an answer may have beside them, and those that every conversation may have.
PLAIN = ("system", "system_prompt", "label", "kto_tag", "rejected_response", *_MEDIA)
BESIDE = (*PLAIN, "tools", "functions", "parallel_tool_calls", "tool_choice", "weight")


def from_messages(row: Raw) -> Raw:
    """OpenAI's and Anthropic's form, and our own Parquet files."""
    reading = Reading(row)
    messages = reading.messages(row.get("messages"), "messages")
    if "prompt" not in row and "completion" not in row:
        return made(row, reading, messages)
    last = {"prompt": [m for m in messages if m["role"] == "user"][-1:], "completion": messages[-1:]}
    for name, said in last.items():  # columns of our own Parquet files
        if row.get(name) and not any(str(row[name]) in str(message["content"]) for message in said):
            reading.unused.add(name)
    return made(row, reading, messages)


def from_sharegpt(row: Raw) -> Raw:
    """Convert a row of ShareGPT."""
    reading = Reading(row)
    column = "conversations" if "conversations" in row else "conversation"
    return made(row, reading, reading.messages(row.get(column), column))


def from_gemini(row: Raw) -> Raw:
    """Convert a row of Gemini's tuning files."""
    reading = Reading(row)
    messages = reading.messages(row.get("contents"), "contents")
    instruction = row.get("systemInstruction") or row.get("system_instruction")
    return made(row, reading, messages, system=_instruction(instruction))


def _instruction(value: Any) -> str:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = loaded(value)
    return plain_text(value.get("parts") if isinstance(value, dict) else value)


def made(
    row: Raw,
    reading: Reading,
    messages: Sequence[Message],
    *,
    system: str = "",
    given: str = "",
    rejected: Message | None = None,
    is_feedback: bool = False,
) -> Raw:
    """Return the fields of a conversation with what stands beside it in its row.

    `is_feedback`: a number as its label says whether people liked the answer.
    """
    asked = loaded(row["input"]) if "preferred_output" in row else row
    if not _ANY_MEDIA.isdisjoint(row) and (media := [name for name in _MEDIA if row.get(name)]):
        raise Unfit(f"a conversation of text alone: it has {media[0]}, which are not kept")
    unused = set(reading.unused)
    rejected = _rejected(row, rejected, unused)
    unused |= {"functions"} if asked.get("tools") and asked.get("functions") else set()
    fields = conversation(joined(messages), system=system or _system(row, unused))
    context = dict(fields["context"] or {})
    if (weight := number(row.get("weight"))) == 0:
        context["answer"] = {**context.get("answer", {}), "weight": 0}
    elif weight not in (None, 1):
        unused.add("weight other than 0 and 1")
    try:
        listed = tools(asked.get("tools") or asked.get("functions"))
    except Unfit as error:
        raise UnfitColumn(str(error).replace("of messages", "of tools"), "tools") from None
    if listed:
        context["tools"] = listed
        unused |= _run_by_the_provider(loaded(asked.get("tools")))
    if isinstance(parallel := _parallel(asked, unused), bool):
        context["parallel_tool_calls"] = parallel
    if given:
        context["input"] = given
    if rejected is not None:
        context["rejected"] = {name: rejected[name] for name in ("content", "tool_calls") if name in rejected}
    label = _label(row, unused, is_feedback=is_feedback)
    if rejected is not None:
        unused |= {name for name in ("kto_tag", "label") if label is not True and row.get(name) not in (None, "")}
        label = True
    return {**fields, "context": context or None, UNUSED: unused} | ({} if label is None else {"success": label})


def _rejected(row: Raw, rejected: Message | None, unused: set[str]) -> Message | None:
    other = row.get("rejected_response")
    if not isinstance(other, str) or not other or "chosen_response" in row:
        return rejected
    unused |= {"rejected_response"} if rejected is not None else set()
    return rejected or {"role": "assistant", "content": other}


def _run_by_the_provider(tools: Any) -> set[str]:
    """Tools that are no functions, such as Anthropic's web search: they are kept by name, and their type is not."""
    kinds = {str(tool.get("type")) for tool in tools if isinstance(tool, dict)} if isinstance(tools, list) else set()
    return {f"tools[].type {kind}" for kind in kinds - {"None", "function", "custom"}}


def _system(row: Raw, unused: set[str]) -> str:
    if not (row.get("system") or row.get("system_prompt")):
        return ""
    said = {name: plain_text(row[name]) for name in ("system", "system_prompt") if row.get(name)}
    unused |= {"system_prompt"} if len(set(said.values())) > 1 else set()
    return next(iter(said.values()), "")


def _parallel(row: Raw, unused: set[str]) -> Any:
    choice = row.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("disable_parallel_tool_use"), bool):
        return not choice["disable_parallel_tool_use"]
    if choice not in (None, "", "auto"):
        unused.add("tool_choice")
    return row.get("parallel_tool_calls")


_TRUTH = {
    **dict.fromkeys(("true", "t", "desirable", "chosen", "accepted", "thumbs_up", "thumbs up", "👍"), True),
    **dict.fromkeys(("false", "f", "undesirable", "rejected", "thumbs_down", "thumbs down", "👎"), False),
}


def _label(row: Raw, unused: set[str], *, is_feedback: bool) -> Any:
    """Whether people liked the answer, in data without pairs; a number is left to who reads outcomes.

    Beside whole conversations, and beside questions, a label of 0 or 1 may as well be the name of a class.
    """
    found = None
    for name in ("kto_tag", "label"):
        value = row.get(name)
        if value in (None, ""):
            continue
        said = str(value).strip().lower()
        meaning = _TRUTH.get(said)
        if meaning is None and (name == "kto_tag" or is_feedback) and isinstance(number(value), int | float):
            meaning = value
        if found is None:
            found = meaning
        if meaning is None or meaning != found:
            unused.add(name)
    return found


def conversation(messages: Sequence[Message], system: str = "") -> Raw:
    """Request, result and context. Raises `Unfit` where the assistant does not speak last, or nobody asked."""
    if not messages or messages[-1]["role"] != "assistant":
        raise Unfit("a conversation that ends with the assistant's answer")
    last = len(messages) - 1
    asked = next((place for place in range(last, -1, -1) if messages[place]["role"] == "user"), None)
    if asked is None:
        raise Unfit("a conversation with a message of the user before the answer")
    before = messages[:asked]
    leading = next((place for place, message in enumerate(before) if message["role"] != "system"), len(before))
    own = "\n\n".join(message["content"] for message in before[:leading] if message["content"])
    context: dict[str, Any] = {}
    # A table may name the same prompt in a column of its own and as the first message.
    is_named_twice = own == system or own.startswith(f"{system}\n\n")
    if prompt := "\n\n".join(part for part in ("" if is_named_twice else system, own) if part):
        context["system"] = prompt
    for name, part in (("turns", before[leading:]), ("steps", messages[asked + 1 : last])):
        if part:
            context[name] = [dict(message) for message in part]
    if extras := {name: messages[last][name] for name in ("tool_calls", "weight") if name in messages[last]}:
        context["answer"] = extras
    return {
        "user_request": messages[asked]["content"],
        "execution_result": messages[last]["content"],
        "context": context or None,
    }
