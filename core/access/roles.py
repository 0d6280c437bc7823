"""Roles, each with the rights of the ones before it."""

from typing import Literal, get_args

from core.errors import NotAllowed

#: `viewer` reads. `analyst` also writes: examples, tags, datasets, jobs, commands, requests. `approver` also decides:
#: approves, rejects, deploys, rolls back. `admin` also gives rights.
Role = Literal["viewer", "analyst", "approver", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


def suffices(role: Role, needed: Role) -> bool:
    """Tell whether `role` has the rights of `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)


def refuse_same_person(submitted_by: str, actor: str) -> None:
    """Raise `NotAllowed` where one person would decide alone. A name in other letters is the same person."""
    if submitted_by.strip().casefold() == actor.strip().casefold():
        raise NotAllowed(
            f"{actor} submitted this request, so somebody else has to approve its plan (WHETSTONE_FOUR_EYES is set)."
        )
