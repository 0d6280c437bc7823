"""The commands of the agent `tuning`: what takes long, costs something, and has to go on after a crash."""

import datetime as dt
from typing import cast

from core.commands.handlers import CommandContext, Handler, Outcome, Registry, by_action
from core.commands.models import NewCommand
from core.errors import CommandRefused, ModelReason, ModelUnavailable, WhetstoneError
from core.tuning.providers.protocol import ProviderTrouble

AGENT = "tuning"
#: While a provider makes a model ready, or takes it away, it is asked as often.
LOOK_EVERY_S = 20
#: After so many seconds of an evaluation, others have their turn.
SLICE_S = 30.0

#: What passes by itself, so that it is worth trying again.
_TRANSIENT_REASONS: frozenset[ModelReason] = frozenset({"rate_limited", "server_error", "not_running"})


def registry() -> Registry:
    """Return the handler of the agent `tuning`."""
    actions: dict[str, Handler] = {"evaluate": evaluate, "serve": serve, "unserve": serve, "look": serve}
    return {AGENT: by_action(AGENT, actions)}


def evaluate(work: CommandContext) -> Outcome:
    """Ask for a while what an evaluation has no answer to yet, and leave the rest to the next command.

    Asking a split may take hours, and workers are few.
    """
    from core import evaluation

    number = int(work.command.payload.get("evaluation") or 0)
    try:
        done = evaluation.run(work.db, number, check=work.check, most_s=SLICE_S)
    except ModelUnavailable as why:
        if why.reason in _TRANSIENT_REASONS and not is_last(work):
            raise
        evaluation.fail(work.db, number, str(why))
        raise CommandRefused(f"{why} What is answered is kept; resume the evaluation later.") from None
    except WhetstoneError as why:
        evaluation.fail(work.db, number, str(why))
        raise CommandRefused(str(why)) from None
    again = [evaluation.command(number)] if done.state == "running" else []
    return Outcome({"evaluation": number, "state": done.state, "rows": done.row_done}, then=again)


def serve(work: CommandContext) -> Outcome:
    """Make a model answer, end that, or look how far it is; and look again while something is under way."""
    from core.tuning import serving

    payload = work.command.payload
    act = cast(serving.Act, work.command.action)
    number, confirmed = int(payload.get("model") or 0), payload.get("confirmed_hourly") is True
    try:
        model = serving.carry_on(work.db, act, number, confirmed_hourly=confirmed)
    except ProviderTrouble as trouble:
        if not is_last(work):
            raise
        raise CommandRefused(f"{trouble} Look again later.") from None
    except WhetstoneError as why:
        raise CommandRefused(str(why)) from None
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LOOK_EVERY_S)
    again = [NewCommand(AGENT, "look", {"model": number}, not_before=later)] if model.is_moving else []
    return Outcome({"model": number, "serving": model.serving}, then=again)


def is_last(work: CommandContext) -> bool:
    """Whether the queue would not try again after this attempt."""
    return work.command.attempt >= work.command.max_attempts
