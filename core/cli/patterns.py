"""`patterns mine`, `patterns list`, `patterns accept` and `patterns retire`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core import patterns
from core.cli import AsJson, Workspace, app, command, database, show
from core.errors import InvalidFilter
from core.examples.filters import parse
from core.patterns import Kept, Run
from core.patterns.running import DEFAULT
from core.settings import get_settings

group = typer.Typer(help="Patterns of good work: mined, listed, accepted, retired.", no_args_is_help=True)
app.add_typer(group, name="patterns")

_Threshold = Annotated[
    float, typer.Option("--threshold", min=0.0, max=1.0, help="From which quality on an example did well.")
]
_Chosen = Annotated[
    str, typer.Option("--filter", help="Which examples, as JSON; all but tests and drafts unless given.")
]
_Which = Annotated[str, typer.Argument(metavar="PATTERN", help="The id of a pattern.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
_STATES: tuple[patterns.State, ...] = ("new", "accepted", "decayed", "retired")


@command("mine", group=group)
def mine(
    threshold: _Threshold = patterns.GOOD_FROM,
    chosen: _Chosen = "",
    reason: _Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Look for what goes with good work, and keep what holds on a held-out half of the examples too."""
    run = patterns.mine(
        database(workspace),
        parse(chosen) if chosen else DEFAULT,
        threshold=threshold,
        actor=get_settings().actor,
        reason=reason,
    )
    show(asdict(run), as_json=as_json, text=_told(run))


def _told(run: Run) -> str:
    lines = [
        f"{run.discovered:,} discovered, {run.validated:,} found again, {run.decayed:,} not found any more.",
        *(
            f"{outcome}: {run.examples.get(outcome, 0):,} examples, {tried:,} combinations tried."
            for outcome, tried in run.tried.items()
        ),
        *(f"{outcome}: {why}" for outcome, why in run.refused.items()),
    ]
    return "\n".join(lines)


@command("list", group=group)
def listed(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="new, accepted, decayed or retired; may be given again.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """The patterns that are known, the surest first."""
    wanted: tuple[patterns.State, ...] = tuple(each for each in _STATES if each in (state or ("new", "accepted")))
    if unknown := set(state or ()) - set(_STATES):
        raise InvalidFilter(f"There is no state {min(unknown)!r}; there are {', '.join(_STATES)}.")
    found = patterns.patterns(database(workspace), states=wanted, limit=limit)
    show([_as_json(each) for each in found], as_json=as_json, text="\n".join(map(_line, found)) or _NONE)


_NONE = "No patterns yet. `patterns mine` looks for some."


def _line(pattern: Kept) -> str:
    return f"{pattern.id}  {pattern.state:<8}  {pattern.sentence}"


def _as_json(pattern: Kept) -> dict[str, Any]:
    values = asdict(pattern)
    return {
        **values,
        "items": [item._asdict() for item in pattern.items],
        "filter": pattern.filter.canonical() if pattern.filter else None,
    }


@command("accept", group=group)
def accept(which: _Which, reason: _Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Tell a pattern to the planner from now on."""
    kept = patterns.accept(database(workspace), which, actor=get_settings().actor, reason=reason or "command line")
    show(_as_json(kept), as_json=as_json, text=f"Accepted: {kept.sentence}")


@command("retire", group=group)
def retire(which: _Which, reason: _Reason = "", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Take a pattern out of the list and out of the planner's hints, for good."""
    kept = patterns.retire(database(workspace), which, actor=get_settings().actor, reason=reason or "command line")
    show(_as_json(kept), as_json=as_json, text=f"Retired: {kept.sentence}")
