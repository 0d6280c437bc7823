"""Conversations of files as the fields of an example: request, result, and as context all that stands around them.

`context` holds `system`, the earlier `turns`, the `steps` between request and result (calls of tools and what they
answered), of the `answer` what is no text (its own calls, weight 0), `tools`, `parallel_tool_calls`, the `input` of a
request that came in two parts, and the `rejected` answer of a pair.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.examples.importing.converting.messages import Message, Reading, joined, loaded, plain_text, tools
from core.examples.importing.converting.values import text
from core.examples.importing.models import Unfit, UnfitColumn

Raw = Mapping[str, Any]

#: Key of a converted row under which the names of what was not used stand, such as `messages[].name`.
UNUSED = "unused"
_MEDIA = ("images", "image", "videos", "video", "audios", "audio")
#: Columns beside the messages that every conversation may have.
BESIDE = (
    "system",
    "system_prompt",
    "tools",
    "functions",
    "parallel_tool_calls",
    "tool_choice",
    "label",
    "kto_tag",
    "rejected_response",
    *_MEDIA,
)
_HAS_ROLE = re.compile(r"""["'](?:role|from)["']""")
_HUMAN = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")


def from_messages(row: Raw) -> Raw:
    """OpenAI's and Anthropic's form, and our own Parquet files."""
    reading = Reading()
    messages = reading.messages(row.get("messages"), "messages")
    return _made(row, reading, messages)


def from_sharegpt(row: Raw) -> Raw:
    """Convert a row of ShareGPT."""
    reading = Reading()
    column = "conversations" if "conversations" in row else "conversation"
    return _made(row, reading, reading.messages(row.get(column), column))


def from_gemini(row: Raw) -> Raw:
    """Convert a row of Gemini's tuning files."""
    reading = Reading()
    messages = reading.messages(row.get("contents"), "contents")
    instruction = row.get("systemInstruction") or row.get("system_instruction")
    return _made(row, reading, messages, system=_instruction(instruction))


def _instruction(value: Any) -> str:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = loaded(value)
    return plain_text(value.get("parts") if isinstance(value, dict) else value)


def from_alpaca(row: Raw) -> Raw:
    """Convert a row of Alpaca.

    The input goes behind the instruction after an empty line, and an export parts them again.
    """
    request, given = _instruction_of(row)
    answer = str(text(row.get("output")) or "")
    reading = Reading()
    messages = [*_history(row, reading), {"role": "user", "content": request}, {"role": "assistant", "content": answer}]
    return _made(row, reading, messages, given=given)


def from_prompt_and_completion(row: Raw) -> Raw:
    """Both as text, or both as messages."""
    reading = Reading()
    answer = "completion" if "completion" in row else "response"
    messages = [
        *_history(row, reading),
        *said(reading, row.get("prompt"), "prompt", "user"),
        *said(reading, row.get(answer), answer, "assistant"),
    ]
    return _made(row, reading, messages)


def from_pair(row: Raw) -> Raw:
    """Two answers to one conversation, of which one is better: it is the result, and the other is kept beside it."""
    reading = Reading()
    asked, better, worse, given = _pair_of(row, reading)
    for answer in (better, worse):
        if not answer or answer[-1]["role"] != "assistant":
            raise Unfit("a pair of answers of the assistant")
    if any(message["role"] == "user" for message in better):
        asked, better, worse = _apart(asked, better, worse)
    same = 0
    while same < min(len(better), len(worse)) - 1 and better[same] == worse[same]:
        same += 1
    asked, better, worse = [*asked, *better[:same]], better[same:], worse[same:]
    if len(better) != 1 or len(worse) != 1:
        raise Unfit("two answers to the same conversation, each of one message")
    if better == worse:
        raise Unfit("two answers that differ: of the same one nothing can be learned")
    return _made(row, reading, [*asked, *better], given=given, rejected=worse[0])


def said(reading: Reading, value: Any, column: str, role: str) -> list[Message]:
    """Return what one side said: messages, or anything else as its text."""
    if value is None:
        return []
    found = _messages_of(value)
    return [{"role": role, "content": str(text(value) or "")}] if found is None else reading.messages(found, column)


def _messages_of(value: Any) -> Any:
    """Messages, in a table as JSON text; None for what is none."""
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("[", "{") or not _HAS_ROLE.search(value):
            return None
        try:
            value = loaded(value)
        except Unfit:
            return None
    first = value[0] if isinstance(value, list) and value else value
    return value if isinstance(first, dict) and ("role" in first or "from" in first) else None


def _instruction_of(row: Raw) -> tuple[str, str]:
    for column in ("instruction", "input", "system"):
        if not isinstance(row.get(column) or "", str):
            raise UnfitColumn("a text", column)
    instruction, given = row.get("instruction") or "", row.get("input") or ""
    return (f"{instruction}\n\n{given}" if given else instruction), given


def _history(row: Raw, reading: Reading) -> list[Message]:
    """Earlier questions and answers: pairs of text, as Alpaca has them, or messages."""
    history = row.get("history") or []
    if (found := _messages_of(history)) is not None:
        return reading.messages(found, "history")
    history = loaded(history) if isinstance(history, str) else history
    if not isinstance(history, list) or not all(_is_turn(each) for each in history):
        raise UnfitColumn("a history of messages, or of pairs, each a question and its answer", "history")
    roles = ("user", "assistant")
    return [{"role": role, "content": words} for each in history for role, words in zip(roles, each, strict=True)]


def _is_turn(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(words, str) for words in value)


def _pair_of(row: Raw, reading: Reading) -> tuple[list[Message], list[Message], list[Message], str]:
    """Return what was asked, the better and the worse answer, and the part of the request that came as `input`."""
    if "preferred_output" in row:
        asked = loaded(row.get("input"))
        if not isinstance(asked, dict):
            raise Unfit("an input with messages")
        return (
            reading.messages(asked.get("messages"), "input.messages"),
            reading.messages(row.get("preferred_output"), "preferred_output"),
            reading.messages(row.get("non_preferred_output"), "non_preferred_output"),
            "",
        )
    if "chosen_messages" in row:
        better, worse = (
            reading.messages(row.get(f"{name}_messages"), f"{name}_messages") for name in ("chosen", "rejected")
        )
        return [], better, worse, ""
    asked, given = _asked(row, reading)
    if not asked and isinstance(row.get("chosen"), str) and _HUMAN.match(row["chosen"]):
        return asked, _dialogue(row["chosen"]), _dialogue(row.get("rejected")), given
    better, worse = (said(reading, row.get(name), name, "assistant") for name in ("chosen", "rejected"))
    return asked, better, worse, given


def _asked(row: Raw, reading: Reading) -> tuple[list[Message], str]:
    if "instruction" in row:
        request, given = _instruction_of(row)
        return [*_history(row, reading), {"role": "user", "content": request}], given
    for column in ("conversations", "messages", "prompt", "question", "query", "input"):
        if row.get(column) is not None:
            return [*_history(row, reading), *said(reading, row[column], column, "user")], ""
    return [], ""


def _dialogue(value: Any) -> list[Message]:
    """Anthropic's first public pairs are one text: `Human: … Assistant: …`."""
    parts = _HUMAN.split(value if isinstance(value, str) else "")
    return [
        {"role": "user" if who == "Human" else "assistant", "content": words.strip()}
        for who, words in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _apart(
    asked: list[Message], better: list[Message], worse: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Two whole conversations that differ in their last answer."""
    if better[:-1] != worse[:-1]:
        raise Unfit("two answers to the same conversation")
    prompt = [message for message in asked if message["role"] == "system"]
    before = better[:-1] if better[0]["role"] == "system" else [*prompt, *better[:-1]]
    return before, better[-1:], worse[-1:]


def _made(
    row: Raw,
    reading: Reading,
    messages: Sequence[Message],
    *,
    system: str = "",
    given: str = "",
    rejected: Message | None = None,
) -> Raw:
    """Return the fields of a conversation with what stands beside it in its row."""
    asked = loaded(row["input"]) if "preferred_output" in row else row
    if media := [name for name in _MEDIA if row.get(name)]:
        raise Unfit(f"a conversation of text alone: it has {media[0]}, which are not kept")
    unused = set(reading.unused)
    if rejected is None and isinstance(row.get("rejected_response"), str):
        rejected = {"role": "assistant", "content": row["rejected_response"]}
    fields = conversation(joined(messages), system=system or _system(row))
    context = dict(fields["context"] or {})
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
    label = True if rejected is not None else _label(row, unused)
    return {**fields, "context": context or None, UNUSED: unused} | ({} if label is None else {"success": label})


def _run_by_the_provider(tools: Any) -> set[str]:
    """Tools that are no functions, such as Anthropic's web search: they are kept by name, and their type is not."""
    kinds = {str(tool.get("type")) for tool in tools if isinstance(tool, dict)} if isinstance(tools, list) else set()
    return {f"tools[].type {kind}" for kind in kinds - {"None", "function", "custom"}}


def _system(row: Raw) -> str:
    return next((plain_text(row[name]) for name in ("system", "system_prompt") if row.get(name)), "")


def _parallel(row: Raw, unused: set[str]) -> Any:
    choice = row.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("disable_parallel_tool_use"), bool):
        return not choice["disable_parallel_tool_use"]
    if choice not in (None, "", "auto"):
        unused.add("tool_choice")
    return row.get("parallel_tool_calls")


_TRUTH = {
    **dict.fromkeys(("true", "desirable", "chosen", "thumbs_up", "thumbs up", "👍"), True),
    **dict.fromkeys(("false", "undesirable", "rejected", "thumbs_down", "thumbs down", "👎"), False),
}
_NUMBERS = {"1": True, "1.0": True, "0": False, "0.0": False}


def _label(row: Raw, unused: set[str]) -> bool | None:
    """Whether people liked the answer, in data without pairs. A label of 0 or 1 may as well be the name of a class."""
    for name in ("kto_tag", "label"):
        value = row.get(name)
        meanings = _TRUTH | _NUMBERS if name == "kto_tag" else _TRUTH
        found = meanings.get(str(value).strip().lower())
        if found is not None:
            return found
        if value not in (None, ""):
            unused.add(name)
    return None


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
