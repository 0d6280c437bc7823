"""Tokens of the API: shown once, kept as a hash, each with a role, an end and a way to take it back."""

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from core import audit
from core.access.roles import ROLES, Role
from core.bounds import id_in
from core.db import PUBLIC, Database, workspaces
from core.db.tables import api_tokens
from core.errors import NotIdentified, TokenRefused

#: What a token begins with, so that people, and scanners of repositories, know one where they see it.
PREFIX = "whet_"
#: The last use is noted this seldom: a client that captures all day would write with every request.
USE_NOTED_EVERY = dt.timedelta(minutes=1)
MOST_DAYS = 3650
_SECRET = re.compile(PREFIX + "[A-Za-z0-9_-]{43}")  # 32 bytes
#: A letter first: what is a number is an id.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 ._@+-]{0,79}")
#: What the audit log calls the app itself.
_OURS = frozenset(("orchestrator", "retention", "tuning", "whetstone"))


@dataclass(frozen=True)
class Token:
    """What is known of a token. `status`: `active`, `expired` or `revoked`."""

    id: int
    #: The actor in the audit log.
    name: str
    role: Role
    #: None: all of them.
    workspaces: tuple[str, ...] | None
    status: str
    created_at: dt.datetime
    created_by: str
    expires_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    revoked_by: str | None


@dataclass(frozen=True)
class IssuedToken:
    """A new token with its secret, which nobody can be told a second time."""

    token: Token
    secret: str = field(repr=False)


def create(
    db: Database,
    name: str,
    *,
    role: Role,
    actor: str,
    days: int = 90,
    workspaces: Sequence[str] | None = None,
    reason: str = "",
) -> IssuedToken:
    """Make a token for `days` days, for some workspaces or (None) for all of them.

    Raises `TokenRefused` for a name that cannot be used or is taken, an unknown role or workspace, and for an end that
    is not 1 to 3650 days away.
    """
    chosen = None if workspaces is None else sorted(set(workspaces))
    company = db.in_workspace(PUBLIC)
    _refuse_unfit(company, name, role, days, chosen)
    secret = PREFIX + secrets.token_urlsafe(32)
    with company.begin() as connection:
        row = connection.execute(
            insert(api_tokens)
            .values(
                name=name,
                hash=_hash(secret),
                role=role,
                workspaces=chosen,
                created_by=actor,
                expires_at=func.now() + dt.timedelta(days=days),
            )
            .on_conflict_do_nothing()
            .returning(api_tokens.c.id, api_tokens.c.expires_at)
        ).one_or_none()
        if row is None:
            raise TokenRefused(f"There is a token {name!r} already; choose another name, or revoke that one first.")
        audit.record(
            connection,
            actor=actor,
            action="create token",
            subject="token",
            subject_id=row.id,
            after={"name": name, "role": role, "workspaces": chosen, "expires_at": row.expires_at.isoformat()},
            reason=reason,
            row_count=1,
        )
        made = connection.execute(_known().where(api_tokens.c.id == row.id)).one()
    return IssuedToken(_token(made), secret)


def tokens(db: Database) -> list[Token]:
    """Return all tokens, also those that have ended, the newest first."""
    with db.in_workspace(PUBLIC).connect() as connection:
        return [_token(row) for row in connection.execute(_known().order_by(api_tokens.c.id.desc()))]


def revoke(db: Database, which: str, *, actor: str, reason: str = "") -> Token:
    """End a token at once, named by its id or its name.

    Raises `TokenRefused` where there is none, or where it was revoked before.
    """
    number = id_in(which)
    is_it = func.lower(api_tokens.c.name) == which.lower() if number is None else api_tokens.c.id == number
    newest_first = (api_tokens.c.revoked_at.is_(None).desc(), api_tokens.c.id.desc())
    with db.in_workspace(PUBLIC).begin() as connection:
        row = connection.execute(_known().where(is_it).order_by(*newest_first).limit(1).with_for_update()).one_or_none()
        if row is None:
            raise TokenRefused(f"There is no token {which!r}; `token list` lists them.")
        if row.revoked_at is not None:
            raise TokenRefused(
                f"{row.revoked_by} revoked the token {row.name!r} at {row.revoked_at:%Y-%m-%d %H:%M} UTC."
            )
        connection.execute(
            update(api_tokens).where(api_tokens.c.id == row.id).values(revoked_at=func.now(), revoked_by=actor)
        )
        audit.record(
            connection,
            actor=actor,
            action="revoke token",
            subject="token",
            subject_id=row.id,
            before={"name": row.name, "role": row.role, "status": row.status},
            after={"name": row.name, "role": row.role, "status": "revoked"},
            reason=reason,
            row_count=1,
        )
        return _token(connection.execute(_known().where(api_tokens.c.id == row.id)).one())


def _known() -> Select[Any]:
    """Everything but the hash."""
    columns = [column for column in api_tokens.c if column.name != "hash"]
    status = case(
        (api_tokens.c.revoked_at.is_not(None), "revoked"),
        (api_tokens.c.expires_at <= func.now(), "expired"),
        else_="active",
    )
    return select(*columns, status.label("status"))


_DUE = or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at < func.now() - USE_NOTED_EVERY)
#: Made once: these run with every request.
_FIND = _known().add_columns(_DUE.label("is_due")).where(api_tokens.c.hash == bindparam("wanted"))
#: Of many requests at once, one notes it.
_NOTE_USE = update(api_tokens).where(api_tokens.c.id == bindparam("used"), _DUE).values(last_used_at=func.now())


def identify(db: Database, secret: str) -> Token:
    """Return the token whose secret this is, and note that it was used.

    Raises `NotIdentified`, in words that tell nobody but its owner that there is such a token.
    """
    found = None
    if _SECRET.fullmatch(secret):
        with db.in_workspace(PUBLIC).connect() as connection:
            found = connection.execute(_FIND, {"wanted": _hash(secret)}).one_or_none()
            if found is not None and found.status == "active" and found.is_due:
                connection.execute(_NOTE_USE, {"used": found.id})
                connection.commit()
    if found is None:
        raise NotIdentified("This token is not known here.")
    if found.status != "active":
        raise NotIdentified(f"This token {'has expired' if found.status == 'expired' else 'was revoked'}.")
    return _token(found)


def _hash(secret: str) -> bytes:
    """Return what is kept of a secret, and what it is looked up by.

    One round of SHA-256 is right here, unlike for a password: of 32 random bytes there are too many to try. Nor does
    the time of the look-up tell anything: it compares hashes, and nobody can choose a secret by the bytes of its hash.
    """
    return hashlib.sha256(secret.encode()).digest()


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        workspaces=None if row.workspaces is None else tuple(row.workspaces),
        status=row.status,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )


def _refuse_unfit(company: Database, name: str, role: str, days: int, chosen: Sequence[str] | None) -> None:
    if not _NAME.fullmatch(name) or name != name.strip():
        raise TokenRefused(
            f"{name!r} cannot be the name of a token; use up to 80 letters, digits, spaces and ._@+-, a letter first."
        )
    if name.lower() in _OURS:
        raise TokenRefused(f"The audit log calls the app itself {name!r}; choose another name.")
    if role not in ROLES:
        raise TokenRefused(f"There is no role {role!r}; there are {', '.join(ROLES)}.")
    if not 1 <= days <= MOST_DAYS:
        raise TokenRefused(f"A token lasts 1 to {MOST_DAYS:,} days, not {days:,}.")
    if chosen is not None and not chosen:
        raise TokenRefused("A token is for at least one workspace; name none to have it for all.")
    for each in chosen or ():
        if not workspaces.exists(company, each):
            raise TokenRefused(f"There is no workspace {each!r}.")
