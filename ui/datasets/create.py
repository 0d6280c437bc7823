"""Making a version: what it would hold, what stands against it, freeze; below, everything that can be adjusted."""

import streamlit as st

from core.datasets import snapshots
from core.datasets.candidates import Choice
from core.datasets.checks import CheckReport
from core.datasets.defaults import REASONS, WORDS, Outlook, Reason
from core.datasets.splits import NAMES
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.errors import InvalidFilter
from core.examples.filters import describe
from core.runtime.process import RUNNING
from ui.data import reads as cached
from ui.datasets import draft as dataset_draft
from ui.datasets import findings, place, recipe, records
from ui.datasets import reads as dataset_reads
from ui.datasets.draft import Draft
from ui.parts import addresses, session
from ui.parts.formatting import count, plain, size
from ui.parts.messages import attempt

#: A review of more examples than this takes seconds, so it runs when it is asked for and not after every change.
AT_ONCE = 50_000


def draw(db: Database, known: list[DatasetVersion]) -> None:
    st.button("All datasets", key="new_back", icon=":material/arrow_back:", type="tertiary", on_click=place.go_to_list)
    st.title("New dataset version", anchor=False)
    try:
        chosen = place.asked_filter()
    except InvalidFilter as error:
        st.error(plain(f"The link holds a filter that cannot be used. {error}"))
        return
    draft = dataset_draft.read(chosen)
    found = cached.outlook(db, chosen, st.session_state["new_let_in"])
    with st.container(horizontal=True, vertical_alignment="center"):
        of = f" of {found.total:,}" if found.gone else ""
        st.markdown(
            f"**{found.kept:,}{of} example{'s' if found.total != 1 else ''}** would be taken: "
            f"{plain(describe(found.filter))}",
            width="content",
        )
        st.page_link(
            addresses.DATA,
            label="Change the filter",
            icon=":material/filter_alt:",
            query_params=addresses.examples(chosen),
        )
    _left_out(found)
    with st.container(border=True, key="new_review"):
        _names(draft)
        review = _review(db, draft.choice, found.kept)
        if review is not None:
            _numbers(review)
        _freeze(db, draft, review, _next_number(draft.name, known))
        if review is not None:
            findings.draw(db, draft.choice, review)
    _adjust(db, draft)


def _left_out(found: Outlook) -> None:
    """What the defaults leave out and why; each reason can be let in, and what the filter itself lets in is said."""
    asked: list[Reason] = st.session_state["new_let_in"]
    offered = [reason for reason in REASONS if reason in found.left_out or reason in asked]
    if offered:
        st.pills(
            "Left out by default; choose what to let in all the same",
            offered,
            selection_mode="multi",
            key="new_let_in",
            format_func=lambda reason: f"{_number(found, reason):,} {WORDS[reason]}",
            persist_state="session",
            help="An example that has several reasons counts for each, and comes in when all of them are let in.",
        )
    themselves: dict[Reason, int] = {reason: number for reason, number in found.let_in.items() if reason not in asked}
    if themselves:
        said = ", ".join(f"{number:,} {WORDS[reason]}" for reason, number in themselves.items())
        st.caption(f":material/info: In, because your filter asks for it: {plain(said)}.")
    if found.total and not offered and not themselves:
        st.caption("The defaults leave nothing out.")


def _number(found: Outlook, reason: Reason) -> int:
    return found.left_out.get(reason, 0) + found.let_in.get(reason, 0)


def _names(draft: Draft) -> None:
    with st.grid(2, min_column_width=240):
        st.text_input("Name", key="new_name", max_chars=100, persist_state="session")
        st.text_input(
            "Description",
            key="new_description",
            max_chars=500,
            placeholder="what it is for, optional",
            persist_state="session",
        )
    del draft


def _next_number(name: str, known: list[DatasetVersion]) -> int:
    return max((version.version for version in known if version.name == name), default=0) + 1


def _review(db: Database, choice: Choice, number: int) -> CheckReport | None:
    """At once where that is quick. None while it waits to be asked for."""
    asked = repr(choice)
    if number > AT_ONCE and st.session_state.get("new_checked") != asked:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"Checking {count(number, 'example')} takes a little while.", width="content")
            if not st.button("Check now", key="new_check", icon=":material/fact_check:"):
                return None
        st.session_state["new_checked"] = asked
    with st.spinner(f"Checking {count(number, 'example')}…"):
        return dataset_reads.review(db, choice)


def _numbers(review: CheckReport) -> None:
    exact = review.tokens.method == "exact"
    with st.grid(3, min_column_width=130):
        st.metric("Records", f"{review.kept:,}", border=True, help="Examples of the filter less what is left out.")
        for name in NAMES:
            st.metric(name.capitalize(), f"{review.splits[name]:,}", border=True)
        st.metric(
            "Tokens" if exact else "Tokens, est.",
            short_number(review.tokens.count),
            border=True,
            help=tokens_in_words(review.tokens.count, review.tokens.method),
        )
        st.metric("Size", size(review.size), border=True, help="Of all records as JSON lines.")


def tokens_in_words(number: int, method: str) -> str:
    """How sure the number is."""
    how = {
        "exact": "counted record by record with the tokenizer o200k_base",
        "estimate (sample)": "an estimate: a sample was counted with the tokenizer o200k_base",
        "estimate (bytes)": "an estimate: four bytes taken for a token",
    }
    return f"{number:,} tokens, {how.get(method, method)}."


def short_number(number: int) -> str:
    """`1.9 M`, `12.3 k`, `870`."""
    for least, unit in ((1_000_000_000, " G"), (1_000_000, " M"), (10_000, " k")):
        if number >= least:
            return f"{number / (least if unit != ' k' else 1_000):.1f}{unit}"
    return f"{number:,}"


def _freeze(db: Database, draft: Draft, review: CheckReport | None, number: int) -> None:
    reason = _why_not(draft, review)
    label = f"Freeze version {number} of {plain(draft.name)}" if draft.name else "Freeze"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label,
            key="new_freeze",
            type="primary",
            icon=":material/ac_unit:",
            disabled=reason is not None,
            on_click=lambda: _request(db, draft),
        )
        if reason is not None:
            st.markdown(f":red[:material/block:] {plain(reason)}", width="content")
        else:
            former = "Version 1 stays as it is." if number == 2 else f"Versions 1 to {number - 1} stay as they are."
            kind = "A new dataset." if number == 1 else former
            st.caption(f"{kind} A frozen version never changes.", width="content")


def _why_not(draft: Draft, review: CheckReport | None) -> str | None:
    """Why freezing is not possible now, in one sentence."""
    if not draft.name:
        return "Give it a name first."
    if review is None:
        return "Check it first."
    if review.errors:
        return " ".join(error.sentence for error in review.errors)
    return None


def _request(db: Database, draft: Draft) -> None:
    """Ask for the version and go where its progress is shown."""
    choice = draft.choice

    def act() -> None:
        version = snapshots.request(
            db,
            draft.name,
            filter=choice.filter,
            recipe=choice.recipe,
            split=choice.split,
            description=draft.description,
            drop_duplicates=choice.drop_duplicates,
            excluded_ids=choice.excluded_ids,
            actor=session.actor(),
        )
        if RUNNING.background is not None:
            RUNNING.background.wake()
        dataset_draft.forget()
        place.go_to_version(version.name, version.version)

    attempt(act)


def _adjust(db: Database, draft: Draft) -> None:
    settings, shown = st.columns([2, 3], gap="medium")
    with settings:
        st.markdown("#### Adjust")
        recipe.draw()
    with shown:
        st.markdown("#### As the model would see it")
        lines = dataset_reads.preview(db, draft.choice.filter, draft.choice.recipe)
        if lines:
            records.draw(lines, key="new_preview")
        else:
            st.info("No example of this filter has something to learn for what the model shall answer.")
