"""Making a model answer, and ending that: recorded before a provider is asked, and asked by a command of the queue.

So it goes on after a crash, and what is paid by the hour is never begun without a line that says so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

from sqlalchemy import Connection, select, update

from core import audit
from core.commands import store as commands
from core.commands.models import NewCommand
from core.db import Database
from core.db.tables import commands as commands_table
from core.db.tables import models
from core.errors import Conflict, ModelRefused
from core.models import Model, records
from core.models.records import MOVING
from core.settings import Settings, get_settings
from core.tuning.providers import registry
from core.tuning.providers.protocol import (
    Hosting,
    ModelView,
    NotSubmitted,
    Provider,
    ProviderId,
    ProviderTrouble,
    ServingStatus,
)

AGENT = "tuning"
Act = Literal["serve", "unserve", "look"]
Providers = Callable[[ProviderId], Provider]

_HOURS_A_MONTH = 730
#: Where ending it deletes the model itself; nothing there is paid by the hour, so that is the only end there is.
_FOR_GOOD: dict[str, str] = {"openai": "OpenAI", "gemini": "Google"}


def serve(
    db: Database,
    which: int | str,
    *,
    actor: str,
    reason: str = "",
    confirmed_hourly: bool = False,
    providers: Providers = registry.provider,
) -> Model:
    """Have its provider make the model answer; a worker sees to it. The model, which is `deploying` now.

    Raises `ModelRefused` for one that needs nothing of the kind, and where hosting costs something by the hour unless
    that is confirmed, and `Conflict` while something is under way.
    """
    with db.begin() as connection:
        model = records.find(connection, which, lock=True)
        records.refuse_archived(model)
        _refuse_unservable(model)
        if model.serving == "ready":
            raise Conflict(f"{model.name} answers already, as {model.call_name}.")
        if model.is_moving:
            raise Conflict(f"{model.name} is {_WORDS[model.serving]} already; wait until that is done.")
        if costs_hourly(model, providers) and not confirmed_hourly:
            raise ModelRefused(f"{hourly_words(model, providers)} Confirm that to serve it.")
        payload = {"model": model.id, "confirmed_hourly": confirmed_hourly}
        return _begin(connection, model, "serve", payload, actor=actor, reason=reason)


def unserve(db: Database, which: int | str, *, actor: str, reason: str = "") -> Model:
    """Have its provider end what makes the model answer. Raises `ModelRefused` for the one in use."""
    with db.begin() as connection:
        model = records.find(connection, which, lock=True)
        _refuse_unservable(model)
        if model.in_use:
            raise ModelRefused(f"{model.name} is in use. Deploy another model, or none, and end its service then.")
        if model.serving in ("none", "deleted"):
            raise ModelRefused(f"Nothing serves {model.name}, so there is nothing to end.")
        if model.serving == "deleting":
            raise Conflict(f"{model.name} is {_WORDS['deleting']} already; wait until that is done.")
        return _begin(connection, model, "unserve", {"model": model.id}, actor=actor, reason=reason)


def look(db: Database, which: int | str, *, actor: str) -> None:
    """Ask its provider what is so now. What was begun and never answered is asked for once more, which does no harm."""
    with db.begin() as connection:
        model = records.find(connection, which, lock=True)
        _refuse_unservable(model)
        if model.serving in ("none", "deleted"):
            raise ModelRefused(f"Nothing serves {model.name}, so there is nothing to look at.")
        act = cast(Act, {"deploying": "serve", "deleting": "unserve"}.get(model.serving, "look"))
        # What is deploying was confirmed when that began.
        _enqueue(connection, model.id, act, {"model": model.id, "confirmed_hourly": act == "serve"}, actor)


def is_stalled(db: Database, model: Model) -> bool:
    """Whether something is under way that no command carries on; `look` does then."""
    if not model.is_moving:
        return False
    query = select(commands_table.c.id).where(
        commands_table.c.agent == AGENT,
        commands_table.c.payload["model"].as_integer() == model.id,
        commands_table.c.status.in_(("pending", "running", "paused")),
    )
    with db.connect() as connection:
        return connection.execute(query.limit(1)).scalar_one_or_none() is None


def costs_hourly(model: Model, providers: Providers = registry.provider) -> bool:
    """Whether it costs something by the hour that this model can answer."""
    return providers(cast(ProviderId, model.provider)).capabilities.hosting_costs


def hourly_words(model: Model, providers: Providers = registry.provider) -> str:
    """Return what serving costs, by the hour or in words that it is not known."""
    if model.hourly_usd is None:
        price = "at a price by the hour that is not known here; look it up at its provider"
    else:
        price = f"for ${model.hourly_usd.normalize():,f} an hour (${model.hourly_usd * _HOURS_A_MONTH:,.0f} a month)"
    told = f"Serving {model.name} is paid from its beginning to its end, asked or not: {price}."
    provider = providers(cast(ProviderId, model.provider))
    return f"{told} {provider.hourly_words(model.base_model)}" if isinstance(provider, Hosting) else told


def ending_words(model: Model) -> str:
    """Return what ending its service means."""
    if model.provider in _FOR_GOOD:
        return (
            f"{_FOR_GOOD[model.provider]} deletes {model.name} for good: it cannot be served again, only trained anew."
        )
    return f"{model.name} answers no more until it is served again."


def carry_on(
    db: Database,
    act: Act,
    model_id: int,
    *,
    confirmed_hourly: bool = False,
    settings: Settings | None = None,
    providers: Providers = registry.provider,
) -> Model:
    """Ask the provider for what was recorded, and record what it says. Safe to call again.

    Raises `ProviderTrouble` where it is worth trying again.
    """
    with _alone(db, model_id):
        model = records.get(db, model_id)
        if model.serving != {"serve": "deploying", "unserve": "deleting", "look": model.serving}[act]:
            return model  # somebody else did it, or asked for something else meanwhile
        provider = providers(cast(ProviderId, model.provider))
        try:
            served = _asked(provider, act, view(model, settings), confirmed_hourly)
        except NotSubmitted as refusal:
            if refusal.passing:
                raise _noted(db, model_id, ProviderTrouble(str(refusal))) from None
            served = ServingStatus("failed", error=f"{refusal} {refusal.advice}".strip())
        except ProviderTrouble as trouble:
            raise _noted(db, model_id, trouble) from None
        _keep(db, model, served)
        return records.get(db, model_id)


def view(model: Model, settings: Settings | None = None) -> ModelView:
    """Return the model as its provider is given it, with a folder of its own."""
    chosen = settings or get_settings()
    folder = chosen.home / "tuning" / "models" / str(model.id)
    folder.mkdir(parents=True, exist_ok=True)
    return ModelView(
        id=model.id,
        name=model.name,
        kind=model.kind,
        base_model=model.base_model,
        call_name=model.call_name,
        parameters=model.parameters,
        artefacts=model.artefacts,
        serving_remote=model.serving_remote,
        profile=model.profile,
        folder=folder,
        settings=chosen,
    )


_WORDS = {"deploying": "being made ready", "deleting": "being taken out of service"}


def _asked(provider: Provider, act: Act, model: ModelView, confirmed_hourly: bool) -> ServingStatus:
    if act == "serve":
        return provider.serve(model, confirmed_hourly=confirmed_hourly)
    return provider.unserve(model) if act == "unserve" else provider.serving(model)


def _refuse_unservable(model: Model) -> None:
    if model.kind == "base":
        raise ModelRefused(f"{model.name} is a base model: its provider serves it, and nobody else.")
    if model.kind == "profile":
        raise ModelRefused(f"{model.name} is a profile: it is sent with each question, and nothing serves it.")


def _begin(
    connection: Connection, model: Model, act: Act, payload: dict[str, Any], *, actor: str, reason: str
) -> Model:
    """Return the state before the call, who wants it, and the command that sees to it."""
    state = "deploying" if act == "serve" else "deleting"
    connection.execute(update(models).where(models.c.id == model.id).values(serving=state, serving_error=""))
    audit.record(
        connection,
        actor=actor,
        action=act,
        subject="model",
        subject_id=model.id,
        before={"serving": model.serving},
        after={"serving": state, "confirmed_hourly": bool(payload.get("confirmed_hourly"))},
        reason=reason,
        row_count=1,
    )
    _enqueue(connection, model.id, act, payload, actor)
    return records.find(connection, model.id)


def _enqueue(connection: Connection, model_id: int, act: Act, payload: dict[str, Any], actor: str) -> None:
    key = f"tuning/{act}/{model_id}"
    commands.enqueue_in(connection, NewCommand(AGENT, act, payload, dedupe_key=key, max_attempts=8), actor=actor)


@contextmanager
def _alone(db: Database, model_id: int) -> Iterator[None]:
    """Let an end that is asked for while serving begins wait for that: it could not end what is not there yet."""
    name = f"serving {db.schema} {model_id}"
    with db.dedicated() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 8))", (name,))
        yield


def _keep(db: Database, asked: Model, served: ServingStatus) -> None:
    """Write what the provider says.

    Somebody may have asked for the end meanwhile: then that stands, with what was made.
    """
    remote = {**asked.serving_remote, **served.remote}
    values: dict[str, Any] = {"serving_remote": remote, "serving_error": served.error}
    if served.hourly_usd is not None:
        values["hourly_usd"] = served.hourly_usd
    with db.begin() as connection:
        now = records.find(connection, asked.id, lock=True)
        if now.serving == asked.serving:
            values |= {"serving": served.state, "call_name": _called(asked, served)}
        connection.execute(update(models).where(models.c.id == asked.id).values(**values))
        if served.state not in MOVING:
            audit.record(
                connection,
                actor=AGENT,
                action="serving",
                subject="model",
                subject_id=asked.id,
                before={"serving": asked.serving},
                after={"serving": served.state, "error": served.error},
                row_count=1,
            )


def _called(asked: Model, served: ServingStatus) -> str:
    if served.state == "ready":
        return served.call_name or asked.call_name
    return "" if served.state in ("none", "deleted") else asked.call_name


def _noted(db: Database, model_id: int, trouble: ProviderTrouble) -> ProviderTrouble:
    """Return the trouble, once it stands at the model for who looks at it."""
    with db.begin() as connection:
        connection.execute(update(models).where(models.c.id == model_id).values(serving_error=str(trouble)))
    return trouble
