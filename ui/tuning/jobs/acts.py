"""What is done to a job from the page. Stopping and resuming undo each other and happen at once; what ends a job, or
may be paid twice, is asked first, in words that say what the provider may still do."""

from collections.abc import Callable

import streamlit as st

from core.db import Database
from core.tuning import jobs
from core.tuning.jobs import Job
from core.tuning.providers import registry
from core.tuning.providers.protocol import Capabilities
from ui.parts import addresses, messages, modals, session
from ui.parts.formatting import plain
from ui.tuning import labels

REASON = "on the fine-tuning page"
#: Before anything was sent to the provider.
_HERE = ("validating", "uploading")


def able(job: Job) -> Capabilities:
    return registry.provider(job.provider).capabilities


def draw(db: Database, job: Job, where: str) -> None:
    """The buttons of a job: only what can be done now. `where` keeps the keys of two places apart."""
    can, key = able(job), f"{where}_{job.id}"
    if job.needs_person:
        _person(db, job, key)
        return
    with st.container(horizontal=True, gap="small", key=f"tuning_acts_{key}"):
        if can.stops_and_resumes and job.state in ("queued", "running") and not job.is_finishing:
            _button(
                "Stop, keep the checkpoint",
                "stop",
                key,
                ":material/pause:",
                lambda: stop(db, job),
                waits=job.wants == "stop",
            )
        if can.stops_and_resumes and job.state == "paused":
            _button(
                "Resume",
                "resume",
                key,
                ":material/play_arrow:",
                lambda: resume(db, job),
                waits=job.wants == "resume",
                first=True,
            )
        if job.is_at_provider and not job.is_finishing and not can.cancels:
            st.caption(f"{labels.provider(job.provider)} offers no way to end it; wait for its end.")
        elif job.is_open and job.state != "cancelling":
            _button(
                "Cancel", "cancel", key, ":material/cancel:", lambda: ask_cancel(db, job), waits=job.wants == "cancel"
            )
        if jobs.can_retry(job):
            _button("Retry, free", "retry", key, ":material/replay:", lambda: retry(db, job), first=True)


def stop(db: Database, job: Job) -> None:
    _say(lambda: jobs.stop(db, job.id, actor=session.actor(), reason=REASON))


def resume(db: Database, job: Job) -> None:
    _say(lambda: jobs.resume(db, job.id, actor=session.actor(), reason=REASON))


def retry(db: Database, job: Job) -> None:
    def act() -> None:
        jobs.retry(db, job.id, actor=session.actor(), reason=REASON)
        messages.done(f"Job {job.id} is tried again. That costs nothing.")

    messages.attempt(act)


def ask_cancel(db: Database, job: Job) -> None:
    modals.ask(
        f"Cancel job {job.id}?",
        f"{labels.name(job)}: {consequence(job)}",
        yes=f"Cancel job {job.id}",
        no="Let it run",
        act=lambda: _cancel(db, job),
    )


def consequence(job: Job) -> str:
    """What cancelling means now, in honest words."""
    can, title = able(job), labels.provider(job.provider)
    if job.state in _HERE and job.submitted_at is None and not job.stage:
        return "nothing was sent to be trained yet, so nothing is charged."
    if not can.costs_money:
        kept = " Stopping instead keeps a checkpoint to go on from." if can.stops_and_resumes else ""
        return f"it ends for good, and no model comes of it.{kept}"
    return (
        f"{title} is asked to end it. What was trained until then may still be charged, and it may be done before the "
        "request arrives; no model comes of it unless it is."
    )


def _cancel(db: Database, job: Job) -> None:
    said = jobs.cancel(db, job.id, actor=session.actor(), reason=REASON)
    messages.done(said)


def _person(db: Database, job: Job, key: str) -> None:
    """The submission got no answer and was not found: only a person can know more."""
    title = labels.provider(job.provider)
    st.warning(
        f"The job was sent to {title}, no answer came, and looking for it found nothing, which proves nothing: it may "
        f"be running and charged. It is not sent again by itself. Look at the console of {title}, then decide.",
        icon=":material/help:",
    )
    with st.grid(3, min_column_width=220):
        for label, name, icon, explained, act in (
            (
                "Look again",
                "look",
                ":material/search:",
                "Asks for the job by its marker some more times. Costs nothing.",
                lambda: _look(db, job),
            ),
            (
                "Submit again…",
                "submit",
                ":material/send:",
                "Sends it once more. If the first one did arrive, both run and both are paid.",
                lambda: _ask_submit(db, job),
            ),
            (
                "Give up…",
                "give_up",
                ":material/cancel:",
                "Ends it here as failed. If it did arrive, it runs on there and is charged.",
                lambda: _ask_give_up(db, job),
            ),
        ):
            with st.container(gap="xxsmall"):
                _button(label, name, key, icon, act, wide=True)
                st.caption(explained)


def _look(db: Database, job: Job) -> None:
    _say(lambda: jobs.look_again(db, job.id, actor=session.actor(), reason=REASON))


def _ask_submit(db: Database, job: Job) -> None:
    """What may be paid twice needs a reason of one's own."""
    title = f"Submit job {job.id} a second time?"
    modals.show(lambda: st.dialog(title, on_dismiss=modals.close)(_submitting)(db, job))


def _submitting(db: Database, job: Job) -> None:
    cost = labels.money_range(job.estimated_low, job.estimated_high)
    st.markdown(
        plain(
            f"If the first submission did arrive, {labels.provider(job.provider)} trains twice and charges twice. "
            f"Estimated for each: {cost}."
        )
    )
    reason = st.text_input("Why it is sent again (kept on record)", key="tuning_resubmit_reason", max_chars=500)
    with st.container(horizontal=True, horizontal_alignment="right"):
        refused = st.button("Do not submit again", key="tuning_resubmit_no")
        agreed = st.button("Submit again, it may be paid twice", key="tuning_resubmit_yes", type="primary")
    if agreed and not reason.strip():
        st.error("Say in a few words why: it is kept on record.", icon=":material/edit:")
    elif agreed or refused:
        modals.close()
        if agreed:
            _say(lambda: jobs.submit_again(db, job.id, actor=session.actor(), reason=reason.strip()))
        st.rerun()


def _ask_give_up(db: Database, job: Job) -> None:
    modals.ask(
        f"Give up on job {job.id}?",
        f"It ends here as failed and is not looked for any more. If it did arrive at "
        f"{labels.provider(job.provider)}, it runs on there and is charged; end it in the console there.",
        yes="Give up",
        no="Keep it",
        act=lambda: _give_up(db, job),
    )


def _give_up(db: Database, job: Job) -> None:
    messages.done(jobs.give_up(db, job.id, actor=session.actor(), reason=REASON))


def archive(db: Database, job: Job) -> None:
    def act() -> None:
        jobs.archive(db, job.id, actor=session.actor(), reason=REASON)
        messages.done(f"Archived job {job.id}.", undo=lambda: _unarchived(db, job.id))

    messages.attempt(act)


def unarchive(db: Database, job: Job) -> None:
    messages.attempt(lambda: messages.done(_unarchived(db, job.id)))


def _unarchived(db: Database, job_id: int) -> str:
    jobs.unarchive(db, job_id, actor=session.actor(), reason=REASON)
    return f"Job {job_id} is in the list again."


def open_job(job_id: int) -> None:
    """Its drawer, from wherever one is on the page."""
    st.query_params.from_dict({**st.query_params.to_dict(), **addresses.job(job_id)})


def _say(act: Callable[[], str]) -> None:
    messages.attempt(lambda: messages.done(act()))


def _button(
    label: str,
    name: str,
    key: str,
    icon: str,
    act: Callable[[], None],
    *,
    waits: bool = False,
    first: bool = False,
    wide: bool = False,
) -> None:
    st.button(
        f"{label}: asked for" if waits else label,
        key=f"tuning_{name}_{key}",
        icon=icon,
        type="primary" if first else "secondary",
        disabled=waits,
        help="It was asked for and takes a moment." if waits else None,
        width="stretch" if wide else "content",
        on_click=act,
    )
