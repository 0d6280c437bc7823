"""`token`: who may use the API."""

from dataclasses import asdict
from typing import Annotated

import typer

from core import access
from core.cli import AsJson, app, command, database, show
from core.settings import get_settings

group = typer.Typer(no_args_is_help=True, help="Tokens of the API: make, list and revoke them.")
app.add_typer(group, name="token")

Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit log.")]


@command("create", group=group)
def create(
    name: Annotated[str, typer.Argument(help="What the audit log calls whoever uses it.")],
    role: Annotated[access.Role, typer.Option("--role", help="What it may do.")],
    days: Annotated[int, typer.Option("--days", help="It ends after so many days, at most 3650.")] = 90,
    workspace: Annotated[
        list[str] | None, typer.Option("--workspace", help="Only for this one; may be given again. All unless given.")
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, which is done this once."""
    made = access.create(
        database(), name, role=role, days=days, workspaces=workspace or None, actor=get_settings().actor, reason=reason
    )
    text = f"{made.secret}\nThis is shown once. {_line(made.token)}"
    show({**asdict(made.token), "token": made.secret}, as_json=as_json, text=text)


@command("list", group=group)
def list_tokens(as_json: AsJson = False) -> None:
    """All tokens, also those that have ended. What they are is not shown: nobody has it but who was given it."""
    found = access.tokens(database())
    text = "\n".join(map(_line, found)) or "There are no tokens. `token create NAME --role analyst` makes one."
    show([asdict(each) for each in found], as_json=as_json, text=text)


@command("revoke", group=group)
def revoke(
    token: Annotated[str, typer.Argument(help="Its name, or its number in the list.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    revoked = access.revoke(database(), token, actor=get_settings().actor, reason=reason)
    show(asdict(revoked), as_json=as_json, text=_line(revoked))


def _line(token: access.Token) -> str:
    where = "all workspaces" if token.workspaces is None else ", ".join(token.workspaces)
    ended = f"revoked by {token.revoked_by}" if token.status == "revoked" else f"until {token.expires_at:%Y-%m-%d}"
    state = "expired, " if token.status == "expired" else ""
    used = f"last used {token.last_used_at:%Y-%m-%d %H:%M} UTC" if token.last_used_at else "never used"
    return f"{token.id}  {token.name}: {token.role}, {where}, {state}{ended}, {used}."
