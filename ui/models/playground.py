"""The tab Playground: two models side by side, on a prompt of one's own or on records of a test split.

What asking costs stands above the button, before anything is asked. Answers are kept in the session and nowhere else.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread

import streamlit as st

from core import metrics, models
from core.datasets import tokens
from core.datasets.splits import NAMES, SplitName
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import WhetstoneError
from core.evaluation import rows
from core.evaluation.rows import Row
from core.llm import Completion, Turn
from core.models import Model, availability, calls
from core.settings import get_settings
from ui.models import evaluations, labels, reads
from ui.parts.formatting import plain, shortened

_MODES = ("A prompt of my own", "Records of a split")
_ANSWERS = "play_answers"
_PLACE = "play_place"


@dataclass(frozen=True)
class Question:
    """What both models are asked. `expected` is None where nobody knows the right answer."""

    system: str
    turns: tuple[Turn, ...]
    prompt: str
    expected: str | None


def draw(db: Database) -> None:
    found = [each for each in models.all_models(db) if not availability.why_not(each)]
    if not found:
        st.info(
            "Here two models answer the same question side by side. No model answers yet: train one, serve one, or add "
            "a base model under Models.",
            icon=":material/compare:",
        )
        return
    pair = _choose(found)
    mode = st.segmented_control(
        "Ask", list(_MODES), default=_MODES[0], required=True, key="play_mode", persist_state="session"
    )
    question = _typed() if mode == _MODES[0] else _record(db)
    if question is not None:
        _ask(pair, question)
        _answers(pair, question)


def _choose(found: Sequence[Model]) -> list[Model]:
    """The one in use and the newest other one to begin with; one alone is fine too."""
    by_id = {each.id: each for each in found}
    first = next((each.id for each in found if each.in_use), found[0].id)
    other = next((each.id for each in found if each.id != first), None)
    left, right = st.columns(2)
    with left:
        one = _select("Left", "play_left", by_id, first)
    with right:
        two = _select("Right", "play_right", by_id, other)
    return [by_id[each] for each in dict.fromkeys([one, two]) if each is not None]


def _select(label: str, key: str, by_id: dict[int, Model], first: int | None) -> int | None:
    if st.session_state.get(key) not in by_id:  # archived, or no longer served
        st.session_state[key] = first
    return st.selectbox(
        label,
        list(by_id),
        index=None,
        key=key,
        format_func=lambda each: f"{by_id[each].name} · {labels.kind_word(by_id[each].kind)}",
        placeholder="None",
    )


def _typed() -> Question | None:
    system = st.text_area("System prompt (may stay empty)", key="play_system", height=80, persist_state="session")
    prompt = st.text_area(
        "Prompt", key="play_prompt", height=120, persist_state="session", placeholder="What both are asked"
    )
    if not prompt.strip():
        st.caption("Write a prompt; then both can be asked.")
        return None
    return Question(system, (), prompt, None)


def _record(db: Database) -> Question | None:
    """One record after the other, with the expected answer beside."""
    versions = reads.frozen(db)
    if not versions:
        st.caption("There is no frozen dataset version. Create one on the page Datasets.")
        return None
    by_id = {each.id: each for each in versions}
    left, right = st.columns(2)
    with left:
        version = by_id[
            st.selectbox("Dataset version", list(by_id), key="play_version", format_func=lambda each: by_id[each].label)
        ]
    with right:
        split = st.selectbox("Split", list(NAMES), index=NAMES.index("test"), key="play_split")
    row = _row(db, version, split)
    if row is None:
        return None
    return Question(row.system, row.turns, row.prompt, row.expected)


def _row(db: Database, version: DatasetVersion, split: SplitName) -> Row | None:
    places = reads.positions(db, version, split)
    skipped = rows.why_skipped(reads.skipped(db, version, split))
    if skipped:
        st.caption(plain(skipped))
    if not places and not skipped:
        st.caption(f"The split {split} of {plain(version.label)} is empty; choose another one.")
    if not places:
        return None
    here = min(st.session_state.get(_PLACE, 0), len(places) - 1)

    def go(to: int) -> None:
        st.session_state[_PLACE] = to

    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"Record {here + 1:,} of {len(places):,}", width="content")
        st.button(
            "Previous",
            key="play_previous",
            disabled=not here,
            on_click=go,
            args=(here - 1,),
            help=None if here else "This is the first record.",
        )
        last = here + 1 == len(places)
        st.button(
            "Next",
            key="play_next",
            disabled=last,
            on_click=go,
            args=(here + 1,),
            help="This is the last record." if last else None,
        )
    try:
        (row,) = rows.at(db, version, places[here : here + 1])
    except WhetstoneError as refusal:
        st.error(plain(str(refusal)))
        return None
    _shown(row)
    return row


def _shown(row: Row) -> None:
    left, right = st.columns(2)
    with left:
        if row.system:
            st.caption("System prompt")
            evaluations.text(row.system)
        for role, said in row.turns:
            st.caption(role.capitalize())
            evaluations.text(said)
        st.caption("Question")
        evaluations.text(row.prompt)
    with right:
        st.caption("Expected answer")
        evaluations.text(row.expected)


def _ask(pair: Sequence[Model], question: Question) -> None:
    if not pair:
        st.caption("Choose a model above.")
        return
    st.caption(plain(" ".join(_cost(each, question) for each in pair)))
    label = "Ask both" if len(pair) == 2 else f"Ask {plain(shortened(pair[0].name, 40))}"
    free = all(calls.is_free(calls.called(each), settings=get_settings()) for each in pair)
    if st.button(label if free else f"{label}, and pay for it", key="play_ask", type="primary", icon=":material/send:"):
        with st.spinner("They are asked…", show_time=True):
            answers = _answered(pair, question)
        kept = st.session_state.setdefault(_ANSWERS, {})
        kept.update({(model.id, question): answer for model, answer in zip(pair, answers, strict=True)})


def _cost(model: Model, question: Question) -> str:
    """What asking this model once costs, before it is asked."""
    called = calls.called(model)
    if calls.is_free(called, settings=get_settings()):
        return f"{model.name}: free."
    before = [*called.profile.turns, ("", called.profile.system)] if called.profile else []
    texts = [question.system, question.prompt, *(text for _, text in (*question.turns, *before))]
    tokens_in = sum(tokens.count_tokens(text).count for text in texts)
    most = calls.cost_usd(called, tokens_in, calls.longest_answer(model), settings=get_settings())
    if most is None:
        return f"{model.name}: at a price that is not known here, for about {tokens_in:,} tokens in."
    return f"{model.name}: at most about {labels.money(most)} by list price."


def _answered(pair: Sequence[Model], question: Question) -> list[Completion | WhetstoneError]:
    """Both at the same time; what goes wrong with one says nothing of the other."""
    futures: list[Future[Completion | WhetstoneError]] = [Future() for _ in pair]

    def ask(model: Model, future: Future[Completion | WhetstoneError]) -> None:
        try:
            future.set_result(calls.answer(model, system=question.system, prompt=question.prompt, turns=question.turns))
        except WhetstoneError as refusal:
            future.set_result(refusal)
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            future.set_exception(error)

    for model, future in zip(pair, futures, strict=True):
        Thread(target=ask, args=(model, future), name="playground", daemon=True).start()
    return [future.result() for future in futures]


def _answers(pair: Sequence[Model], question: Question) -> None:
    kept = st.session_state.get(_ANSWERS, {})
    found = [(model, kept.get((model.id, question))) for model in pair]
    if not any(answer is not None for _, answer in found):
        return
    for column, (model, answer) in zip(st.columns(len(found)), found, strict=True):
        with column, st.container(border=True, key=f"play_answer_{model.id}"):
            st.markdown(f"**{plain(model.name)}**")
            if answer is None:
                st.text("Not asked yet.")
            elif isinstance(answer, WhetstoneError):
                st.error(plain(str(answer)), icon=":material/error:")
            else:
                _answer(answer, question.expected)


def _answer(answer: Completion, expected: str | None) -> None:
    if expected is not None:
        scored = metrics.score(answer.text, expected)
        mark = "✓ exactly right" if scored.exact else "✗ not exactly right"
        st.text(f"{mark} · likeness {scored.similarity:.2f}")
    evaluations.text(answer.text)
    st.caption(
        plain(
            f"{answer.duration_s:.1f} s · {answer.tokens_in:,} tokens in, {answer.tokens_out:,} out · "
            f"{labels.money(answer.cost_usd)}"
        )
    )
