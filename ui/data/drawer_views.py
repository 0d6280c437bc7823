"""The views of the drawer that only show."""

from typing import Any

import orjson
import streamlit as st

from core.datasets import rendering
from core.datasets.recipes import Recipe, Target
from core.datasets.tokens import of_line
from core.db import Database
from core.examples import store, timeline
from ui.parts import conversation
from ui.parts.formatting import count, exactly

#: More than this of one field is cut in the drawer; an export holds all of it.
_LONGEST = 20_000
_NAMES = {
    "user_request": "Request",
    "intent": "Intent",
    "business_state": "Business state",
    "context": "Context",
    "execution_plan": "Plan",
    "execution_result": "Result",
}


#: Parts of the context that stand in a section of their own.
_SHOWN_ELSEWHERE = ("steps", "answer", "tools", "rejected", "input")
_TARGETS: dict[Target, str] = {"plan": "the plan", "result": "the result", "both": "both"}
_ROLES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def read(_db: Database, example: store.Example) -> None:
    _section("Request", example.user_request)
    _context(example)
    _plan(example)
    _steps(example)
    _result(example)
    if example.execution_time_ms is not None:
        st.text(f"Took {example.execution_time_ms:,} ms. Execution {example.execution_id}")
    else:
        st.text(f"Execution {example.execution_id}")


def _section(title: str, text: str | None, *, missing: str | None = None) -> None:
    st.markdown(f"**{title}**" + (f" :gray[({missing})]" if missing else ""))
    with st.container(border=True):
        st.text(_cut(text) if text else "– none –")


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}\n… {more:,} more characters; an export holds them all."


def _result(example: store.Example) -> None:
    """The answer: its text, its calls of tools, and the worse answer that came beside it."""
    answer = (example.context or {}).get("answer")
    calls = conversation.calls(answer)
    if example.execution_result or not calls:
        missing = None if example.has_result else "nothing a model could learn"
        _section("Result", example.execution_result, missing=missing)
    for call in calls:
        _section("Result: a call of a tool", call)
    if conversation.is_unlearned(answer):
        st.text("The result must not be learned (weight 0).")
    rejected = (example.context or {}).get("rejected")
    if isinstance(rejected, dict):
        _section("Rejected answer", conversation.words(rejected))


def _steps(example: store.Example) -> None:
    """What the assistant did between the request and its answer."""
    steps = (example.context or {}).get("steps")
    if isinstance(steps, list) and steps:
        st.markdown(f"**Before the answer** :gray[({len(steps)} messages)]")
        with st.container(border=True):
            for step in steps:
                st.text(_cut(conversation.told(step)))


def _context(example: store.Example) -> None:
    """Earlier turns as a conversation, and the tools; whatever else was known, as it was captured."""
    context = {name: value for name, value in (example.context or {}).items() if name not in _SHOWN_ELSEWHERE}
    system, turns = context.pop("system", None), context.pop("turns", None)
    tools = conversation.tools((example.context or {}).get("tools"))
    if system or turns:
        st.markdown("**Conversation before**")
        with st.container(border=True):
            if system:
                st.text(f"system: {_cut(str(system))}")
            for turn in turns if isinstance(turns, list) else []:
                st.text(_cut(conversation.told(turn)))
    if tools:
        st.markdown(f"**Tools** :gray[({len(tools)})]")
        st.json(tools, expanded=1)
    for title, value in (("Context", context), ("Business state", example.business_state)):
        if value:
            st.markdown(f"**{title}**")
            st.json(value, expanded=1)


def _plan(example: store.Example) -> None:
    steps = plan_steps(example.execution_plan)
    if steps is None:
        _section("Plan", example.execution_plan, missing=None if example.has_plan else "nothing a model could learn")
        return
    st.markdown(f"**Plan** :gray[({len(steps)} steps)]")
    for number, step in enumerate(steps, 1):
        with st.container(border=True):
            _step(number, step)


def plan_steps(plan: str | None) -> list[dict[str, Any]] | None:
    """The steps of a plan written as JSON: a list of objects, or an object with such a list. None for anything else."""
    try:
        value = orjson.loads(plan or "")
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, dict):
        value = value.get("steps", value.get("plan"))
    if isinstance(value, list) and value and all(isinstance(step, dict) for step in value):
        return value
    return None


def _step(number: int, step: dict[str, Any]) -> None:
    rest = dict(step)
    head = [str(rest.pop(field)) for field in ("agent", "action", "name", "title") if rest.get(field)]
    st.text(f"{number}. " + _cut(" · ".join(head) or "step"))
    why = rest.pop("why", None) or rest.pop("reason", None)
    if why:
        st.text(f"because {_cut(str(why))}")
    if rest:
        st.json(rest, expanded=False)


def as_the_model_sees_it(db: Database, example: store.Example) -> None:
    """The record that training would get, for the target chosen here."""
    target: Target = st.segmented_control(  # pyright: ignore[reportAssignmentType]
        "Train the model to answer with",
        list(_TARGETS),
        default="plan" if example.has_plan else "result",
        required=True,
        key=f"drawer_target_{example.id}",
        format_func=_TARGETS.__getitem__,
    )
    lines = rendering.preview(db, [example.id], Recipe(target=target))
    if not lines:
        st.text("This example gives no record.")
        return
    record = orjson.loads(lines[0])
    tokens = of_line(lines[0])
    st.text(f"{count(tokens.count, 'token')}" + ("" if tokens.exact else ", an estimate"))
    for message in record["messages"]:
        more = " :gray[(not learned: weight 0)]" if conversation.is_unlearned(message) else ""
        st.markdown(f"**{_ROLES.get(message['role'], 'Other')}**{more}")
        with st.container(border=True):
            st.text(_cut(conversation.words(message)) or "– empty: nothing to learn –")
    if "tools" in record:
        st.markdown(f"**Tools** :gray[({len(record['tools'])})]")
        st.json(record["tools"], expanded=1)


def history(db: Database, example: store.Example) -> None:
    """Edits, scores and tags in one line of time, the latest first."""
    events = timeline.events(db, example)
    if not any(event.kind == "edit" for event in events):
        st.caption("No edits yet: the content is as it was captured.")
    for event in events:
        st.markdown(f"**{_HAPPENED[event.kind]}**" + (f" {event.edit.revision}" if event.edit else ""))
        why = event.reason or "no reason given"
        st.text(f"{exactly(event.at)} by {event.actor or 'unknown'}: {why}")
        if event.tags:
            st.text(", ".join(event.tags))
        if event.scores is not None:
            st.text(f"from {_judged(event.scores[0])} to {_judged(event.scores[1])}")
        for change in event.edit.changes if event.edit else ():
            st.text(_NAMES[change.field])
            st.code(_cut("\n".join(change.lines)), language="diff", wrap_lines=True)


_HAPPENED = {"edit": "Revision", "score": "Score", "tagged": "Tagged", "untagged": "Tag removed"}


def _judged(judgement: timeline.Judgement) -> str:
    outcome = {True: "succeeded", False: "failed", None: "outcome unknown"}[judgement.success]
    return f"{'not scored' if judgement.score is None else f'{judgement.score:.2f}'}, {outcome}"
