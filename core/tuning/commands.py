"""The commands of the agent `tuning`: what takes long, costs something, and has to go on after a crash."""

from core.commands.handlers import Handler, Outcome, Registry, Work, by_action
from core.errors import CommandRefused, ModelReason, ModelUnavailable, WhetstoneError

#: What passes by itself, so that it is worth trying again.
_PASSING: frozenset[ModelReason] = frozenset({"rate_limited", "server_error", "not_running"})


def registry() -> Registry:
    """The handler of the agent `tuning`."""
    from core.tuning.evaluation import ACTION, AGENT

    actions: dict[str, Handler] = {ACTION: evaluate}
    return {AGENT: by_action(AGENT, actions)}


def evaluate(work: Work) -> Outcome:
    """Ask what an evaluation has no answer to yet."""
    from core.tuning import evaluation

    number = int(work.command.payload.get("evaluation") or 0)
    try:
        done = evaluation.run(work.db, number, check=work.check)
    except ModelUnavailable as why:
        if why.reason in _PASSING and not is_last(work):
            raise
        evaluation.fail(work.db, number, str(why))
        raise CommandRefused(f"{why} What is answered is kept; resume the evaluation later.") from None
    except WhetstoneError as why:
        evaluation.fail(work.db, number, str(why))
        raise CommandRefused(str(why)) from None
    return Outcome({"evaluation": number, "state": done.state, "rows": done.row_done})


def is_last(work: Work) -> bool:
    """Whether the queue would not try again after this attempt."""
    return work.command.attempt >= work.command.max_attempts
