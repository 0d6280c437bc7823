"""The views of an execution's drawer. All they show is text of others: never Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from core import audit
from core.db import Database
from core.orchestrator import queries
from core.orchestrator.material.context import FEW
from core.orchestrator.plans import Step
from core.orchestrator.records import Execution, StepState
from ui.orchestrator import acts, labels
from ui.parts.formatting import count, exactly, score, span

#: More than this of one text is cut in the drawer; an export holds all of it.
_LONGEST = 20_000
_MOST_LINES = 100


def plan(db: Database, execution: Execution) -> None:
    """The steps in the order of the plan, each with what became of it so far."""
    if execution.plan is None:
        st.text(
            "Planning… the plan will appear here."
            if execution.status == "planning"
            else "There is no plan: it ended before one was made."
        )
        return
    if execution.plan_note:
        st.text(execution.plan_note)
    states = queries.progress(db, execution.execution_id)
    if execution.status not in ("pending_approval", "rejected"):
        st.progress(*labels.progress(states))
    steps = {step.id: step for step in execution.plan.steps}
    for number, state in enumerate(states, 1):
        with st.container(border=True, key=f"orch_step_{number}", gap="xsmall"):
            _step(number, steps[state.step], state, decided=execution.status not in ("pending_approval", "rejected"))


def _step(number: int, step: Step, state: StepState, *, decided: bool) -> None:
    parts = [f"{number}. {step.agent} · {step.action}".replace("_", " ")]
    if decided:
        parts.append(labels.step_status(state.status))
    if state.duration_s is not None:
        parts.append(span(state.duration_s))
    if state.attempt > 1:
        parts.append(f"attempt {state.attempt}")
    st.text(" · ".join(parts))
    st.text(f"Why: {step.reason}")
    _named(step)
    if state.error:
        st.code(_cut(state.error), language=None, wrap_lines=True)
    with st.expander("Input", icon=":material/data_object:"):
        _code(orjson.dumps(step.payload, option=orjson.OPT_INDENT_2).decode(), "json")
    if state.result:
        with st.expander("Output", icon=":material/output:"):
            _gave(state.result)


def _named(step: Step) -> None:
    """Its id is checked to be letters, digits, `-` and `_`, so it can be set as code."""
    after = f"runs after {', '.join(f'`{id_}`' for id_ in step.depends_on)}" if step.depends_on else "no dependencies"
    st.caption(f"Step id `{step.id}`, {after}")


def _gave(result: Mapping[str, Any]) -> None:
    """The text of a step's result, and what to know about it."""
    _code(str(result.get("text") or "– no text –"))
    n = result.get("n")
    lines = [] if n is None else [f"Rests on {count(int(n), 'row')}{_indicative(int(n))}"]
    lines += [f"Missing: {sentence}" for sentence in result.get("missing") or ()]
    lines += [f"Note: {result['note']}"] if result.get("note") else []
    lines.append(f"Made by {labels.planner(str(result.get('source') or 'built-in')).replace('planner', 'agent')}")
    st.text("\n".join(lines))


def why(_db: Database, execution: Execution) -> None:
    """What was known when the plan was made, in the words in which it was stored."""
    context = execution.context
    if not context:
        st.text("Nothing is stored: there is no plan yet, or it ended before one was made.")
        return
    st.text(f"What was known when it was asked for ({str(context.get('as_of', ''))[:16].replace('T', ' ')} UTC):")
    how = ""
    for name, title in _SECTIONS.items():
        section = context.get(name) or {}
        with st.container(border=True, key=f"orch_why_{name}", gap="xsmall"):
            n = int(section.get("n") or 0)
            st.markdown(f"**{title}** · n {n:,}{_indicative(n) if n and name in _COUNTED else ''}")
            st.text(str(section.get("note") or "Nothing is known."))
            if section.get("compared", how) != how:  # what was compared in the same way says so once
                how = str(section["compared"])
                st.text(how)
            items = _measures(section) if name == "topic" else section.get("items") or ()
            if items:
                _items(name, items)


_SECTIONS = {
    "similar": "Similar past work",
    "past": "Tasks and posts like it",
    "topic": "The topic",
    "platforms": "Platforms",
    "figures": "Business figures",
    "business": "Figures that go with content",
    "patterns": "Learned patterns in use",
}
#: Where `n` is a number of observations, and few of them prove little.
_COUNTED = ("similar", "past", "topic", "platforms", "business")
#: What a list of each section shows of an item: the field, its heading, and its number format.
_FIELDS: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    "similar": (("request", "Request", None), ("similarity", "Alike", "percent"), ("score", "Score", "%.2f"),
                ("execution_id", "Execution", None)),
    "past": (("title", "Task or post", None), ("similarity", "Alike", "percent"), ("quality", "Quality", "%.2f"),
             ("views", "Views", "localized"), ("kind", "Kind", None), ("key", "Key", None)),
    "topic": (("measure", "Measure", None), ("value", "Estimate", "%.3g"), ("low", "From", "%.3g"),
              ("high", "To", "%.3g"), ("n", "n", "localized")),
    "platforms": (("name", "Platform", None), ("n", "Posts", "localized"), ("views", "Views on average", "%.0f"),
                  ("engagement_rate", "Engagement", "percent")),
    "figures": (("name", "Figure", None), ("period", "Of", None), ("value", "Value", "localized"),
                ("currency", "In", None), ("change", "Change", "percent")),
    "business": (("sentence", "What goes together", None), ("n", "Months", "localized")),
    "patterns": (("sentence", "Pattern", None), ("n", "n", "localized"), ("lift", "Lift", "%.2f"),
                 ("confidence", "Confidence", "percent")),
}  # fmt: skip


def _measures(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The topic's effectiveness as rows; a measure that nobody took has none."""
    found = section.get("effectiveness") or {}
    names = ("views", "engagement", "conversions", "quality")
    return [{**found[name], "measure": name} for name in names if found.get(name)]


def _items(name: str, items: Sequence[Mapping[str, Any]]) -> None:
    fields = _FIELDS[name]
    frame = pd.DataFrame({field: [item.get(field) for item in items] for field, _, _ in fields})
    config = {
        field: st.column_config.TextColumn(
            heading, width="large" if field in ("request", "title", "sentence") else None
        )
        if form is None
        else st.column_config.NumberColumn(heading, format=form, width="small")
        for field, heading, form in fields
    }
    with st.container(key=f"orch_why_rows_{name}"):
        st.dataframe(
            frame,
            hide_index=True,
            height=min(38 + 35 * len(items), 318),
            column_config=config,
            placeholder="–",
            alt=f"{_SECTIONS[name]}: {', '.join(heading for _, heading, _ in fields)}.",
        )


def _indicative(n: int) -> str:
    return f" (under {FEW}: only indicative)" if n < FEW else ""


def result(db: Database, execution: Execution) -> None:
    """What was asked for, then what could not be said; and whether it answered, while nobody has said so."""
    found = execution.result
    if not found:
        st.text(
            "Not finished yet. What single steps gave stands with them in the plan."
            if execution.is_open
            else "It ended without a result."
        )
        return
    if execution.status == "completed" and execution.success is None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            acts.ask_answered("orch_answered", lambda answered: _judge(db, execution.execution_id, answered))
    if found.get("text"):
        _code(str(found["text"]))
    else:
        st.text("No step gave a text.")
    if found.get("beside"):
        st.caption("Beside it, no part of what was delivered and nothing that a model learns:")
        for each in found["beside"]:
            st.text(str(each["title"]))
            _code(str(each["text"]))
    for title, key in (("What could not be said", "missing"), ("To know", "notes")):
        if found.get(key):
            st.markdown(f"**{title}**")
            st.text("\n".join(f"– {sentence}" for sentence in found[key]))


def _judge(db: Database, execution_id: str, answered: bool) -> None:
    acts.in_drawer(
        lambda: acts.judge_answer(db, execution_id, answered=answered),
        "Saved: it answered the request." if answered else "Saved: it did not answer the request.",
    )


def reject(db: Database, execution: Execution) -> None:
    """The reason is kept with the plan, as a negative example."""
    if execution.status != "pending_approval":
        st.text("There is nothing to reject any more; above stands what was decided, by whom and when.")
        return
    with st.form("orch_reject_form", border=False):
        st.text_area(
            "Why is it rejected?",
            key="orch_reject_reason",
            placeholder="For example: nobody asked for figures; write it for customers.",
            help="The plan is kept with this reason as an example of what not to do.",
        )
        st.form_submit_button(
            "Reject the plan",
            key="orch_reject",
            type="primary",
            icon=":material/thumb_down:",
            on_click=_reject,
            args=(db, execution.execution_id),
        )


def _reject(db: Database, execution_id: str) -> None:
    if acts.in_drawer(
        lambda: acts.reject(db, execution_id, st.session_state["orch_reject_reason"]),
        "Rejected. The plan is kept as an example of what not to do.",
    ):
        st.session_state["orch_view"] = "Plan"


def record(db: Database, execution: Execution) -> None:
    """Every step from one state to the next, with who took it and why; the newest first."""
    lines = audit.entries(db, subject="execution", subject_id=execution.execution_id, limit=_MOST_LINES)
    st.text("\n".join(_line(line) for line in lines) or "Nothing is on record.")
    st.text(f"Execution {execution.execution_id}")


def _line(line: audit.Entry) -> str:
    after = line.after or {}
    what = labels.STATUS[after["status"]][0] if after.get("status") in labels.STATUS else line.action
    if line.action == "score":
        what = f"score {score(after.get('score'))}, {labels.SUCCESS[after.get('success')]}"
    return f"{exactly(line.at)} · {what} · by {line.actor}" + (f": {line.reason}" if line.reason else "")


def _code(text: str, language: str | None = None) -> None:
    st.code(_cut(text), language=language, wrap_lines=True)


def _cut(text: str) -> str:
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}\n… {more:,} more characters; an export holds them all."
