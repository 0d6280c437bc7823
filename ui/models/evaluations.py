"""A model's evaluations in its drawer: those there are, the answers of one, and the way to a new one."""

import streamlit as st

from core import evaluation
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.evaluation import Evaluation, EvaluationEstimate, Output, rows
from core.models import Model, availability
from ui.models import labels, reads
from ui.models.acts import REASON
from ui.parts import messages, modals, session
from ui.parts.formatting import ago, count, plain

_SHOWN = 5
_LONGEST = 2_000


def draw(db: Database, model: Model) -> None:
    found = evaluation.of_models(db, [model.id])
    _new(db, model)
    still = evaluation.stalled(db, found)
    for each in found:
        _one(db, each, each.id in still)
    if not found:
        st.text("It has answered no test split yet. Start an evaluation above to know what it is worth.")


def _new(db: Database, model: Model) -> None:
    """Choose what to answer; what it costs stands there before it starts."""
    why_not = availability.why_not(model)
    if why_not:
        st.caption(plain(f"It cannot be evaluated: {why_not}"))
        return
    versions = reads.frozen(db)
    if not versions:
        st.caption("There is no frozen dataset version to answer. Create one on the page Datasets.")
        return
    with st.container(border=True, key="model_evaluate_box"):
        version, split, limit = _chosen(model, versions)
        expected = reads.estimate(db, model.id, version.id, split, limit)
        if isinstance(expected, str):
            st.caption(plain(expected))
            return
        st.caption(plain(f"{model.name} answers {expected.sentence} {rows.why_skipped(expected.skipped)}".strip()))
        st.button(
            "Evaluate" if expected.is_free else "Evaluate, and pay for it…",
            key="model_evaluate",
            type="primary",
            icon=":material/fact_check:",
            on_click=lambda: _ask(db, model, version, split, limit, expected),
        )


def _chosen(model: Model, versions: list[DatasetVersion]) -> tuple[DatasetVersion, SplitName, int | None]:
    """The version it was made of first: its test split was kept from it."""
    by_id = {each.id: each for each in versions}
    first = list(by_id).index(model.dataset_id) if model.dataset_id in by_id else 0
    left, middle, right = st.columns([3, 2, 2])
    with left:
        picked = st.selectbox(
            "Dataset version",
            list(by_id),
            index=first,
            key=f"model_evaluate_version_{model.id}",
            format_func=lambda each: by_id[each].label,
        )
    with middle:
        split = st.selectbox(
            "Split",
            list(NAMES),
            index=NAMES.index("test"),
            key="model_evaluate_split",
            help="What it was trained on says nothing; take test.",
        )
    with right:
        limit = st.number_input(
            "At most so many",
            min_value=0,
            value=200,
            step=50,
            key="model_evaluate_limit",
            help="0: all of the split. A smaller draw is part of a larger one.",
        )
    return by_id[picked], split, int(limit) or None


def _ask(
    db: Database,
    model: Model,
    version: DatasetVersion,
    split: SplitName,
    limit: int | None,
    expected: EvaluationEstimate,
) -> None:
    """What is not known to be free is asked first."""

    def start() -> None:
        made = evaluation.start(
            db, model.id, version, split, limit, actor=session.actor(), reason=REASON, confirmed_cost=True
        )
        messages.done(f"Evaluation {made} has begun: {model.name} answers {count(expected.rows, 'question')}.")

    if expected.is_free:
        messages.attempt(start)
        return
    modals.ask(
        f"Evaluate {plain(model.name)}?",
        f"{model.name} is asked {expected.sentence} {rows.why_skipped(expected.skipped)}".strip(),
        yes="Evaluate it, and pay for it",
        no="Do not ask",
        act=start,
    )


def _one(db: Database, each: Evaluation, stands_still: bool) -> None:
    with st.container(border=True, key=f"model_evaluation_{each.id}"):
        st.text(
            f"{labels.STATE[each.state]} · {each.dataset_label} {each.split} · evaluation {each.id} · "
            f"by {each.created_by} {ago(each.created_at)}"
        )
        if each.state == "running":
            st.progress(each.row_done / each.row_total, f"{each.row_done:,} of {each.row_total:,} answered")
        if each.metrics:
            _figures(each)
        if skipped := rows.why_skipped(each.row_skipped):
            st.caption(plain(skipped))
        if each.error:
            st.code(each.error, language=None, wrap_lines=True)
        _acts(db, each, stands_still)
        _answers(db, each)


def _figures(each: Evaluation) -> None:
    values = {
        "Exactly right": labels.score(each),
        "Likeness": labels.mean(each.mean("similarity")),
        "Valid JSON": labels.mean(each.mean("json_valid")) if each.metrics.get("json_valid") else None,
        "Time": _time(each),
        "Tokens": f"{each.tokens_in:,} in, {each.tokens_out:,} out",
        "Cost": labels.money(each.cost_usd),
        "No good answer": ", ".join(f"{number:,} {labels.error(word)}" for word, number in _errors(each)) or None,
    }
    st.text("\n".join(f"{name}: {value}" for name, value in values.items() if value))
    if each.is_indicative:
        st.caption("Fewer than 100 records: these figures are indicative only.")


def _errors(each: Evaluation) -> list[tuple[str, int]]:
    return sorted((each.metrics.get("errors") or {}).items())


def _time(each: Evaluation) -> str | None:
    times = each.metrics.get("latency_ms") or {}
    if times.get("p50") is None:
        return None
    return f"half within {times['p50'] / 1_000:.1f} s, 95 of 100 within {times['p95'] / 1_000:.1f} s"


def _acts(db: Database, each: Evaluation, stands_still: bool) -> None:
    if each.state == "running" and not stands_still:
        st.button(
            "Cancel",
            key=f"model_evaluation_cancel_{each.id}",
            icon=":material/cancel:",
            help="Asks no more. What is answered is kept, and it can be resumed.",
            on_click=lambda: _cancel(db, each),
        )
    elif each.state != "done":
        st.button(
            "Resume",
            key=f"model_evaluation_resume_{each.id}",
            icon=":material/play_arrow:",
            help="Asks what is not answered yet; what is answered is not asked, and not paid, again.",
            on_click=lambda: _resume(db, each),
        )


def _cancel(db: Database, each: Evaluation) -> None:
    def act() -> None:
        evaluation.cancel(db, each.id, actor=session.actor(), reason=REASON)
        messages.done(f"Evaluation {each.id} asks no more; {each.row_done:,} answers are kept.")

    messages.attempt(act)


def _resume(db: Database, each: Evaluation) -> None:
    def act() -> None:
        evaluation.resume(db, each.id, actor=session.actor(), reason=REASON)
        messages.done(f"Evaluation {each.id} goes on.")

    messages.attempt(act)


def _answers(db: Database, each: Evaluation) -> None:
    """A few answers beside the expected ones; read only while they are open."""
    if not each.row_done:
        return
    box = st.expander("Answers", key=f"model_answers_{each.id}", on_change="rerun")
    with box:
        if not box.open:
            return
        places: list[int | None] = st.session_state.get(f"model_answers_from_{each.id}", [None])
        shown = evaluation.outputs(db, each.id, after=places[-1], limit=_SHOWN)
        for output in shown:
            answer(output)
        more = len(shown) == _SHOWN
        first = len(places) == 1
        with st.container(horizontal=True):
            st.button(
                "Previous",
                key=f"model_answers_previous_{each.id}",
                disabled=first,
                help="These are the first." if first else None,
                on_click=_turn,
                args=(each.id, places[:-1]),
            )
            st.button(
                "Next",
                key=f"model_answers_next_{each.id}",
                disabled=not more,
                help=None if more else "These are the last.",
                on_click=_turn,
                args=(each.id, [*places, shown[-1].position if shown else None]),
            )


def _turn(evaluation_id: int, places: list[int | None]) -> None:
    """Where each page of answers up to this one began."""
    st.session_state[f"model_answers_from_{evaluation_id}"] = places


def answer(output: Output) -> None:
    """One answer beside the expected one."""
    with st.container(border=True):
        mark = "✓ exactly right" if output.exact else "✗ " + (labels.error(output.error) if output.error else "wrong")
        alike = "" if output.similarity is None else f" · likeness {output.similarity:.2f}"
        st.text(f"Record {output.position} · {mark}{alike} · {(output.duration_ms or 0) / 1_000:.1f} s")
        left, right = st.columns(2)
        with left:
            st.caption("Expected")
            text(output.expected)
        with right:
            st.caption("Answer")
            text(output.output)


def text(words: str) -> None:
    """Captured text: as it is, cut where it is very long."""
    more = len(words) - _LONGEST
    st.code(words if more <= 0 else f"{words[:_LONGEST]}\n… {more:,} more characters", language=None, wrap_lines=True)
