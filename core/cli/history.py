"""`history import`, `history undo`, `history backfill`, `history list`, `history topics`, `history correlations`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core import history
from core.cli import AsJson, Workspace, app, command, database, failed, show
from core.errors import ImportRefused, InvalidFilter
from core.history import Files, Foreign, Options, Wanted
from core.history.backfill import Plan
from core.history.correlation import Correlations
from core.history.effectiveness import Platform, Times, Topic, Topics
from core.history.estimates import Estimate
from core.history.imports import Imported, Preview
from core.history.records import Freshness, Page, Sort
from core.settings import get_settings

group = typer.Typer(help="What the company did before: imported, listed, compared.", no_args_is_help=True)
app.add_typer(group, name="history")

_SHOWN = 20
_Day = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="YYYY-MM-DD.")]
_AsOf = Annotated[
    dt.datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="As it was known at the beginning of a day.")
]
_Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit log.")]


@command("import", group=group)
def import_history(
    file: Annotated[
        list[Path] | None, typer.Argument(help="CSV, JSON, JSONL, Parquet or Arrow files, or a folder of them.")
    ] = None,
    table: Annotated[
        str, typer.Option("--table", help="Instead: TABLE or SCHEMA.TABLE of the database WHETSTONE_HISTORY_URL.")
    ] = "",
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Only this column of it; again for more.")
    ] = None,
    source: Annotated[
        Literal["auto", "tasks", "posts", "social", "web", "finance"],
        typer.Option("--source", help="What the rows are."),
    ] = "auto",
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN, as often as needed; FIELD= for no column.")
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option("--scale", help="FIELD=1, 5, 10, 100, mixed, or a range such as 1-7.")
    ] = None,
    dates: Annotated[
        Literal["auto", "day-first", "month-first"], typer.Option("--dates", help="Which of 03/04/2026 is the day.")
    ] = "auto",
    encoding: Annotated[str, typer.Option("--encoding", help="How the text is encoded.")] = "auto",
    formulas_as_text: Annotated[
        bool, typer.Option("--formulas-as-text", help="Take CSV cells that start like a formula as plain text.")
    ] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Skip invalid rows.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Import history: all of it or nothing. The same again changes nothing."""
    supply = _supply(file or [], table, column or [], encoding, "text" if formulas_as_text else "refuse")
    options = Options(
        source=source,
        mapping=_pairs(mapping, "a mapping; write FIELD=COLUMN, for example views=impressions"),
        scales=_pairs(scale, "a scale; write FIELD=SCALE, for example quality_score=10"),
        dates=dates,
        skip_invalid=skip_invalid,
    )
    db = database(workspace)
    if dry_run:
        foreseen = history.preview_import(db, supply, options)
        show(_plain(foreseen), as_json=as_json, text=_preview_text(foreseen))
        if foreseen.failing and not skip_invalid:
            raise failed(
                str(min(foreseen.errors).refusal(foreseen.failing, remedy=True)), "ImportRefused", as_json=False
            )
        return
    done = history.run_import(db, supply, options, actor=get_settings().actor)
    show(_plain(done), as_json=as_json, text=_import_text(done))


def _supply(files: list[Path], table: str, columns: list[str], encoding: str, formulas: str) -> Files | Foreign:
    if bool(files) == bool(table):
        raise ImportRefused("Name files, or a table with --table; one of the two.")
    if files:
        if columns:
            raise ImportRefused("--column chooses from a --table; of a file, columns are mapped with --map.")
        return Files(files[0] if len(files) == 1 else files, encoding=encoding, formulas=formulas)
    url = get_settings().history_url
    if url is None:
        raise ImportRefused("--table needs WHETSTONE_HISTORY_URL, such as postgresql://user:password@host/name.")
    return Foreign(url.get_secret_value(), table, tuple(columns), private=get_settings().private_databases)


def _pairs(given: Sequence[str] | None, expected: str) -> dict[str, str]:
    found = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise ImportRefused(f"{each!r} is not {expected}.")
        found[name.strip()] = value
    return found


def _plain(value: Preview | Imported) -> dict[str, Any]:
    return {**asdict(value), "errors": [error._asdict() for error in value.errors]}


def _import_text(done: Imported) -> str:
    counted = (
        f"{done.source}: {done.new:,} new, {done.changed:,} changed, {done.same:,} already there, "
        f"{done.duplicates:,} repeated, {done.skipped:,} left out, of {done.rows:,} rows."
    )
    lines = [counted, *_about(done)]
    if done.import_id is None:
        lines.append("Nothing changed, so there is nothing to undo.")
    else:
        lines.append(f"Import {done.import_id}; undo it with: python -m core history undo {done.import_id}")
    return "\n".join(lines)


def _preview_text(found: Preview) -> str:
    counted = (
        f"{found.rows:,} rows ({found.format}, {found.source}): {found.new:,} new, {found.changed:,} changed, "
        f"{found.same:,} already there, {found.duplicates:,} repeated, {found.failing:,} failing."
    )
    lines = [
        counted,
        "Columns: " + ", ".join(f"{name} from {column}" for name, column in found.mapping.items()) + ".",
        *(f"{name}: {finding.explanation}" for name, finding in found.scales.items()),
        *([found.undecided] if found.undecided else []),
        *_about(found),
        "Nothing was written.",
    ]
    return "\n".join(lines)


def _about(found: Preview | Imported) -> list[str]:
    lines = []
    if any(found.statuses):
        lines.append(f"States: {_counted(found.statuses)}.")
    if found.unused:
        lines.append(f"Not used: {_counted(found.unused)}.")
    if found.contradictions:
        lines.append("Some rows say something else than what was there:")
    lines += [f"  {each}" for each in found.contradictions[:_SHOWN]]
    return lines + [f"  {error}" for error in found.errors[:_SHOWN]]


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'none'} ({number:,})" for name, number in list(numbers.items())[:_SHOWN])


@command("undo", group=group)
def undo_history(
    import_id: Annotated[int, typer.Argument(help="The number that `history import` printed.")],
    redo: Annotated[bool, typer.Option("--redo", help="Bring an undone import back.")] = False,
    reason: _Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Take an import of history back as one act, or bring it back."""
    act = history.redo_import if redo else history.undo_import
    done = act(database(workspace), import_id, actor=get_settings().actor, reason=reason)
    verb = "brought back" if redo else "taken away"
    text = f"Import {import_id}: {done.rows:,} rows {verb}, {done.restored:,} changed rows restored"
    show(asdict(done), as_json=as_json, text=f"{text}, {done.left:,} left because they were changed since.")


@command("backfill", group=group)
def backfill(
    confirm: Annotated[bool, typer.Option("--confirm", help="Do it; without this, only say what it would do.")] = False,
    undo: Annotated[int | None, typer.Option("--undo", help="Take back the backfill of this number instead.")] = None,
    reason: _Reason = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Give examples without a result the content of the task or post that has their execution id."""
    db, actor = database(workspace), get_settings().actor
    if undo is not None:
        emptied = history.undo_backfill(db, undo, actor=actor, reason=reason)
        text = f"Backfill {undo}: {emptied.restored:,} examples have their former result again, {emptied.left:,} were "
        show(asdict(emptied), as_json=as_json, text=f"{text}edited since and left.")
        return
    plan = history.preview_backfill(db)
    if not confirm:
        show(asdict(plan), as_json=as_json, text=_plan_text(plan))
        return
    done = history.run_backfill(db, expected=plan.digest, actor=actor, reason=reason)
    text = f"{done.filled:,} examples got their result, and {done.trainable:,} of them become trainable."
    if done.backfill_id is not None:
        text += f"\nUndo it with: python -m core history backfill --undo {done.backfill_id}"
    show(asdict(done), as_json=as_json, text=text)


def _plan_text(plan: Plan) -> str:
    counted = (
        f"{plan.without_result:,} examples have no result. {plan.filled:,} would get one: {plan.by_execution_id:,} by "
        f"their execution id, {plan.by_slug:,} by the end of a slug. {plan.trainable:,} become trainable."
    )
    lines = [
        counted,
        *(f"  {each.example_id}  {each.source} {each.key}  {each.title or each.request}" for each in plan.matches),
    ]
    if plan.filled > len(plan.matches):
        lines.append(f"  and {plan.filled - len(plan.matches):,} more")
    if plan.contradicted:
        lines.append(f"Left alone: {plan.contradicted:,} about which rows of history contradict each other.")
    if plan.ambiguous:
        lines.append(f"Left alone: {plan.ambiguous:,} whose beginning is not theirs alone.")
    if plan.statuses:
        lines.append(f"States of what they come from: {_counted(plan.statuses)}.")
    lines.append("Nothing was written; --confirm does it." if plan.filled else "There is nothing to fill.")
    return "\n".join(lines)


@command("list", group=group)
def list_history(
    source: Annotated[
        str, typer.Argument(help="tasks, posts, social, web or finance; without it, what each of them holds.")
    ] = "",
    topic: Annotated[str, typer.Option("--topic")] = "",
    platform: Annotated[str, typer.Option("--platform")] = "",
    state: Annotated[str, typer.Option("--state", help="Such as published; unknown for none.")] = "",
    name: Annotated[str, typer.Option("--name", help="The page, or the figure.")] = "",
    since: _Day = None,
    until: _Day = None,
    sort: Annotated[Sort, typer.Option("--sort")] = "newest",
    after: Annotated[str | None, typer.Option("--after", help="The mark that the page before ended with.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """List what history holds."""
    db = database(workspace)
    if not source:
        found = history.sources(db)
        text = "\n".join(map(_source_line, found))
        show([{**asdict(each), "note": each.note} for each in found], as_json=as_json, text=text)
        return
    getters = {"tasks": history.tasks, "posts": history.posts, "social": history.social}
    getters |= {"web": history.web, "finance": history.finance}
    if source not in getters:
        raise InvalidFilter(f"There is no source {source!r}; there are {', '.join(history.SOURCES)}.")
    days = {"since": since.date() if since else None, "until": until.date() if until else None}
    wanted = Wanted(topic=topic, platform=platform, outcome=state, name=name, **days)
    page: Page[Any] = getters[source](db, wanted, sort=sort, after=after, limit=limit)
    lines = [_row_line(asdict(row)) for row in page.rows] or [page.note]
    lines += [f"More with --after {page.next}"] if page.next else []
    show(asdict(page), as_json=as_json, text="\n".join(lines))


def _source_line(each: Freshness) -> str:
    span = f", {each.first:%Y-%m-%d} to {each.last:%Y-%m-%d}" if each.first and each.last else ""
    imported = f"; last import {each.imported_at:%Y-%m-%d %H:%M}" if each.imported_at else ""
    return f"{each.source:<8} {each.rows:>10,} rows{span}{imported}. {each.note}".rstrip()


def _row_line(row: Mapping[str, Any]) -> str:
    left = ("id", "content", "description", "slug", "execution_id", "characters")
    shown = [f"{name} {_cell(value)}" for name, value in row.items() if name not in left and value is not None]
    return "  ".join(shown)


def _cell(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())[:60]


@command("topics", group=group)
def topics(
    as_of: _AsOf = None,
    zone: Annotated[
        str, typer.Option("--zone", help="The time zone of the best times, such as Europe/Berlin.")
    ] = "UTC",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many topics.")] = 20,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Say how work on each topic, on each platform and at each time of the week did, and how sure that is."""
    db, moment = database(workspace), _utc(as_of)
    found, platforms = history.topics(db, as_of=moment), history.platforms(db, as_of=moment)
    best = history.times(db, zone=zone, as_of=moment)
    value = {
        **asdict(found),
        "topics": [asdict(each) for each in found.topics[:limit]],
        "platforms": [asdict(each) for each in platforms],
        "times": {**asdict(best), "slots": [{**asdict(each), "is_better": each.is_better} for each in best.slots]},
    }
    show(value, as_json=as_json, text=_topics_text(found, platforms, best, limit))


def _utc(day: dt.datetime | None) -> dt.datetime | None:
    return day.replace(tzinfo=dt.UTC) if day else None


def _topics_text(found: Topics, platforms: Sequence[Platform], best: Times, limit: int) -> str:
    lines = [_topic_line(each) for each in found.topics[:limit]]
    if len(found.topics) > limit:
        lines.append(f"and {len(found.topics) - limit:,} more topics")
    lines += [
        f"On {each.name}: {each.posts:,} posts{_told('views', each.views, ',.0f')}"
        f"{_told('engagement', each.engagement, '.2%')}"
        for each in platforms
    ]
    lines += [
        f"{_DAYS[each.weekday - 1]} from {each.hour}:00 ({best.zone}): {each.engagement.shown('.2f')} times the usual"
        for each in best.slots[:3]
    ]
    return "\n".join([*lines, *(note for note in (found.note, best.note) if note)])


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _topic_line(topic: Topic) -> str:
    parts = [
        f"{topic.name}: {topic.posts:,} posts, {topic.tasks:,} tasks",
        _told("views", topic.views, ",.0f"),
        _told("engagement", topic.engagement, ".2%"),
        _told("conversions", topic.conversions, ",.1f"),
        _told("quality", topic.quality, ".2f"),
    ]
    if topic.trend and topic.trend.low is not None:
        parts.append(
            f"; engagement {topic.trend.slope:+.2%} a month ({topic.trend.low:+.2%} to {topic.trend.high:+.2%})"
        )
    return "".join(parts)


def _told(name: str, estimate: Estimate | None, form: str) -> str:
    return f"; {name} {estimate.shown(form)}" if estimate else ""


@command("correlations", group=group)
def correlations(
    values: Annotated[
        bool, typer.Option("--values", help="Compare the values, not their differences to the month before.")
    ] = False,
    as_of: _AsOf = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 10,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Compare figures of the business with content, month by month and up to three months apart."""
    found = history.correlations(database(workspace), of="values" if values else "changes", as_of=_utc(as_of))
    shown = [{**asdict(each), "is_clear": each.is_clear, "sentence": each.sentence} for each in found.found[:limit]]
    show({**asdict(found), "found": shown}, as_json=as_json, text=_correlations_text(found, limit))


def _correlations_text(found: Correlations, limit: int) -> str:
    clear = len(found.clear)
    lines = [f"{clear:,} of {len(found.found):,} pairs and lags are clear."] if found.found else []
    lines += [each.sentence for each in found.found[:limit]]
    lines += [f"Left out: {pair}: {why}." for pair, why in list(found.left_out.items())[:limit]]
    return "\n".join([*lines, found.note])
