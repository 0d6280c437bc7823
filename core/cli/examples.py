"""`stats` and `tag`."""

from dataclasses import asdict
from typing import Annotated

import typer

from core.cli import AsJson, Workspace, command, database, show
from core.errors import InvalidTag
from core.examples import statistics, tagging
from core.examples.filters import Filter, describe, parse
from core.settings import get_settings

FilterJson = Annotated[str, typer.Option("--filter", help='Filter as JSON, for example {"quality_min": 0.8}.')]


@command("stats")
def stats(filter_json: FilterJson = "{}", workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Count and describe the examples a filter chooses."""
    chosen = parse(filter_json)
    found = statistics.overview(database(workspace), chosen)
    show(asdict(found) | {"filter": chosen.canonical()}, as_json=as_json, text=_told(found, chosen))


def _told(found: statistics.Statistics, chosen: Filter) -> str:
    lines = [
        f"{found.filtered:,} of {found.total:,} examples ({describe(chosen)})",
        f"average quality  {_share(found.average_quality, '{:.3f}')}  ({found.scored:,} scored)",
        f"success rate     {_share(found.success_rate, '{:.1%}')}",
        f"created          {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}" if found.first and found.last else "",
        *(f"  {group.count:>10,}  {group.name or '(no intent)'}" for group in found.by_intent),
    ]
    return "\n".join(line for line in lines if line)


def _share(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)


@command("tag")
def tag(
    verb: Annotated[str, typer.Argument(metavar="ADD|REMOVE", help="Add or remove the tags.")],
    tags: Annotated[list[str], typer.Argument(metavar="TAG …")],
    filter_json: Annotated[str, typer.Option("--filter", help="Which examples, as JSON. Required: {} means all.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")] = "command line",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Add or remove tags on every example a filter chooses, in one statement."""
    verbs = {"ADD": tagging.add_tags, "REMOVE": tagging.remove_tags}
    if verb.upper() not in verbs:
        raise InvalidTag(f"Say ADD or REMOVE before the tags, not {verb!r}.")
    change = verbs[verb.upper()](
        database(workspace), parse(filter_json), tags, actor=get_settings().actor, reason=reason
    )
    done = "got" if change.verb == "add" else "lost"
    show(
        asdict(change),
        as_json=as_json,
        text=f"{change.count:,} examples {done} {', '.join(change.tags)} (change {change.id}).",
    )


@command("undo-tag")
def undo_tag(
    change: Annotated[int, typer.Argument(help="The number that `tag` printed.")],
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Take one act of `tag` back, on exactly the examples it changed."""
    number = tagging.undo_tags(database(workspace), change, actor=get_settings().actor)
    show({"count": number}, as_json=as_json, text=f"{number:,} examples have their former tags again.")
