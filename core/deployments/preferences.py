"""What a workspace is set to: whether plans need approval, which model plans, how results are judged.

Each change is audited with what was set before. A setting that nobody changed has its default and no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from core import workspace_settings
from core.db import Database
from core.deployments import in_use
from core.deployments.in_use import Deployed, ModelUse
from core.errors import ConfigurationError
from core.llm import Model

PLANNER = "planner_model"
#: What nothing that goes out may say, unless the workspace has a list of its own.
BANNED_WORDS = ("guaranteed", "risk-free", "miracle", "best in the world", "100% safe", "no strings attached")


@dataclass(frozen=True)
class Preferences:
    """All settings of a workspace."""

    approval_required: bool = True
    #: Plans, writes and judges; None: the built-in planner and agents, without a model.
    planner_model: Model | None = None
    #: Whether the model scores what was carried out. Without a model nothing is scored by itself.
    judges: bool = True
    #: The lowest score that counts as success.
    success_threshold: float = 0.6
    banned_words: tuple[str, ...] = BANNED_WORDS
    #: The deployment that `planner_model` is of; None where the model was set by hand, or there is none.
    deployed: Deployed | None = None

    def model_for(self, work: ModelUse) -> Model | None:
        """Return the model for this kind of work, with what the deployed profile puts before it."""
        if self.planner_model is None or self.deployed is None:
            return self.planner_model
        return replace(self.planner_model, profile=self.deployed.profile_for(work))


def preferences(db: Database) -> Preferences:
    """Everything a workspace is set to, in one query."""
    with db.connect() as connection:
        return preferences_in(connection)


def preferences_in(connection: Connection) -> Preferences:
    """Return the same inside the caller's transaction."""
    stored, deployed = in_use.settings_in(connection)
    default = Preferences()
    model = stored.get(PLANNER, "")
    return Preferences(
        approval_required=bool(stored.get("approval_required", default.approval_required)),
        planner_model=_model(model),
        judges=bool(stored.get("judges", default.judges)),
        success_threshold=float(stored.get("success_threshold", default.success_threshold)),
        banned_words=tuple(stored.get("banned_words", default.banned_words)),
        deployed=deployed,
    )


def approval_required(db: Database) -> bool:
    """Whether a plan waits for a person before anything of it is done."""
    return preferences(db).approval_required


def set_approval(db: Database, on: bool, *, actor: str, reason: str) -> bool:
    """Ask for approval of plans, or stop asking; whether that changed anything. Plans that wait already still wait."""
    return _set(db, "approval_required", bool(on), True, actor=actor, reason=reason)


def planner_model(db: Database) -> Model | None:
    """Return the model that plans, writes and judges; None without one."""
    return preferences(db).planner_model


def set_planner_model(db: Database, model: Model | str | None, *, actor: str, reason: str) -> bool:
    """Plan with `model` from now on; None: with the built-in planner. Raises `ConfigurationError` for no such name.

    A deployment that is open ends with this, also where its model is the same: a profile is not used any more then.
    """
    name = str(_model(str(model)) if model else "")
    with db.begin() as connection:
        lock_planner_in(connection)
        ended = in_use.end_in(connection, actor=actor, reason=f"{name or 'No model'} was set by hand. {reason}".strip())
        return set_planner_in(connection, name, actor=actor, reason=reason) or ended is not None


def lock_planner_in(connection: Connection) -> None:
    """Nobody else sets the planner's model, deploys or ends a deployment before this transaction ends."""
    workspace_settings.lock(connection, PLANNER)


def planner_in(connection: Connection) -> str:
    """Return what the planner's model is set to, in the form of `provider:name`; "" for none."""
    return workspace_settings.read(connection, PLANNER, "")


def set_planner_in(connection: Connection, name: str, *, actor: str, reason: str) -> bool:
    """Write the setting alone, for who holds its lock and looks after the deployments."""
    return workspace_settings.write(connection, PLANNER, name, "", actor=actor, reason=reason)


def _model(name: str) -> Model | None:
    return Model.parse(name) if name else None


def set_judging(db: Database, on: bool, *, actor: str, reason: str) -> bool:
    """Let the model score what is carried out, or leave that to people; whether that changed anything."""
    return _set(db, "judges", bool(on), True, actor=actor, reason=reason)


def success_threshold(db: Database) -> float:
    """Return the lowest score that counts as success."""
    return preferences(db).success_threshold


def set_success_threshold(db: Database, threshold: float, *, actor: str, reason: str) -> bool:
    """Count scores from `threshold` on as success. What was scored before stays as it is."""
    default = Preferences().success_threshold
    return _set(
        db, "success_threshold", _share(threshold, "The threshold of success"), default, actor=actor, reason=reason
    )


def banned_words(db: Database) -> tuple[str, ...]:
    """Words and phrases that nothing that goes out may hold."""
    return preferences(db).banned_words


def set_banned_words(db: Database, words: Sequence[str], *, actor: str, reason: str) -> bool:
    """Replace the list of banned words; an empty one bans nothing."""
    listed = sorted({word.strip().lower() for word in words if word.strip()})
    if any(len(word) > 100 or "\0" in word for word in listed):
        raise ConfigurationError("A banned word or phrase has at most 100 characters; shorten the longer ones.")
    return _set(db, "banned_words", listed, list(BANNED_WORDS), actor=actor, reason=reason)


def _share(value: float, name: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigurationError(f"{name} must be between 0 and 1, not {value}.")
    return float(value)


def _set(db: Database, key: str, value: Any, default: Any, *, actor: str, reason: str) -> bool:
    with db.begin() as connection:
        workspace_settings.lock(connection, key)
        return workspace_settings.write(connection, key, value, default, actor=actor, reason=reason)
