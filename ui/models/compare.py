"""Two models on the same records: who was right where the other was not, whether that may be luck, and their answers
side by side."""

from collections.abc import Sequence

import streamlit as st

from core import evaluation
from core.db import Database
from core.errors import ModelRefused
from core.evaluation import Comparison, Evaluation, Pair, comparison
from core.evaluation.comparison import WHERE, Where
from core.models import Model
from ui.models import evaluations, reads
from ui.models import labels as model_labels
from ui.parts.formatting import plain

_PAGE = 3


def draw(db: Database, picked: Sequence[Model]) -> None:
    if len(picked) != 2:
        st.caption("To compare two models on the records that both answered, tick them in the table.")
        return
    new, old = sorted(picked, key=lambda model: model.id, reverse=True)
    with st.container(border=True, key="model_compare"):
        st.markdown(f"**{plain(new.name)} beside {plain(old.name)}**")
        both = _in_common(db, new, old)
        if not both:
            st.text("They have answered no split in common. Evaluate both on the same test split, in their drawers.")
            return
        chosen = st.selectbox("Measured on", list(both), key=f"model_compare_on_{new.id}_{old.id}")
        try:
            found = reads.comparison(db, *(each.id for each in both[chosen or next(iter(both))]))
        except ModelRefused as refusal:
            st.text(str(refusal))
            return
        _figures(found)
        _side_by_side(db, found)


def _in_common(db: Database, new: Model, old: Model) -> dict[str, tuple[Evaluation, Evaluation]]:
    """The last evaluations of both on each split that both have answered, test splits first."""
    by_split: dict[tuple[int, str], dict[int, Evaluation]] = {}
    for each in evaluation.of_models(db, [new.id, old.id]):
        if each.state == "done":
            by_split.setdefault((each.dataset_id, each.split), {}).setdefault(each.model_id, each)
    pairs = [(found[new.id], found[old.id]) for found in by_split.values() if len(found) == 2]
    pairs.sort(key=lambda pair: pair[0].split != "test")
    return {f"{pair[0].dataset_label} {pair[0].split}": pair for pair in pairs}


def _figures(found: Comparison) -> None:
    new, old = plain(found.a.model_name), plain(found.b.model_name)
    with st.grid(4, min_column_width=150):
        for label, number, help_ in (
            (f"Only {new}", found.only_a, "Records that it alone answered exactly right."),
            (f"Only {old}", found.only_b, "Records that it alone answered exactly right."),
            ("Both right", found.both, "Records that both answered exactly right."),
            ("None right", found.neither, "Records that none answered exactly right."),
        ):
            st.metric(label, f"{number:,}", border=True, help=help_)
    icon = ":material/trending_up:" if found.is_better else ":material/trending_down:" if found.is_worse else None
    st.info(plain(model_labels.verdict(found)), icon=icon)
    st.text(
        f"Exactly right: {found.exact.mean:+.3f} ({found.exact.low:+.3f} to {found.exact.high:+.3f}), "
        f"p = {found.p:.3f} (McNemar, exact)\n"
        f"Likeness: {found.similarity.mean:+.3f} ({found.similarity.low:+.3f} to {found.similarity.high:+.3f})\n"
        f"Cost: {model_labels.money(found.a.cost_usd)} against {model_labels.money(found.b.cost_usd)} · "
        f"n {found.n:,}{', indicative only' if found.is_indicative else ''}"
    )


def _side_by_side(db: Database, found: Comparison) -> None:
    labels: dict[Where, str] = {
        "only_a": f"Won {found.only_a:,}",
        "only_b": f"Lost {found.only_b:,}",
        "both": f"Both right {found.both:,}",
        "neither": f"None right {found.neither:,}",
    }
    numbers: dict[Where, int] = {
        "only_a": found.only_a,
        "only_b": found.only_b,
        "both": found.both,
        "neither": found.neither,
    }
    key = f"model_compare_where_{found.a.id}_{found.b.id}"
    first: Where = "only_b" if found.only_b else "only_a"
    where: Where = (
        st.segmented_control("Answers", WHERE, default=first, key=key, required=True, format_func=labels.__getitem__)
        or first
    )
    place = f"{key}_{where}"
    offset = min(st.session_state.get(place, 0), max(0, numbers[where] - 1))
    shown = comparison.pairs(db, found.a.id, found.b.id, where, offset=offset, limit=_PAGE)
    if not shown:
        st.text("There is no such record.")
    for pair in shown:
        _pair(pair, found)
    if numbers[where] > _PAGE:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{offset + 1:,} to {offset + len(shown):,} of {numbers[where]:,}", width="content")
            _step("Previous", place, offset - _PAGE, offset > 0)
            _step("Next", place, offset + _PAGE, offset + _PAGE < numbers[where])


def _step(label: str, place: str, to: int, possible: bool) -> None:
    def go() -> None:
        st.session_state[place] = max(0, to)

    st.button(
        label,
        key=f"{place}_{label.lower()}",
        disabled=not possible,
        on_click=go,
        help=None if possible else "There is none.",
    )


def _pair(pair: Pair, found: Comparison) -> None:
    with st.container(border=True):
        st.text(f"Record {pair.position}")
        for column, title, words, exact, error in zip(
            st.columns(3),
            ("Expected", found.a.model_name, found.b.model_name),
            (pair.expected, pair.a, pair.b),
            (None, pair.a_exact, pair.b_exact),
            ("", pair.a_error, pair.b_error),
            strict=True,
        ):
            with column:
                mark = "" if exact is None else " ✓" if exact else " ✗"
                st.text(f"{title}{mark}{f' {model_labels.error(error)}' if error else ''}")
                evaluations.text(words)
