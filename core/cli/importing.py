"""`import` and `undo-import`."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli import AsJson, Workspace, command, database, failed, show
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions, ImportResult, Preview, RowError, ScaleEffect
from core.examples.importing.converting.scale import OFFERED
from core.examples.importing.converting.values import TRUTHS
from core.examples.tags import canonical
from core.settings import get_settings

_ERRORS_PRINTED = 20


@command("import")
def import_file(
    file: Annotated[
        list[Path], typer.Argument(help="CSV, JSON, JSONL, Parquet or Arrow files, a folder or a .zip of them.")
    ],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN, as often as needed; FIELD= for no column.")
    ] = None,
    quality_scale: Annotated[
        str, typer.Option(help=f"What scores mean: auto, {', '.join(OFFERED)}, or a range such as 1-7.")
    ] = "auto",
    encoding: Annotated[
        str, typer.Option(help="How the text is encoded: auto, utf-8, utf-16, windows-1252, …")
    ] = "auto",
    dates: Annotated[
        Literal["auto", "day-first", "month-first"], typer.Option(help="Which number of 03/04/2026 is the day.")
    ] = "auto",
    outcome: Annotated[
        list[str] | None, typer.Option(help="WORD=success, WORD=failed or WORD=unknown, as often as needed.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag for every new example.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    placeholders: Annotated[
        Literal["auto", "skip", "learn"], typer.Option(help="What to do with answers such as 'success' and 'N/A'.")
    ] = "auto",
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Skip invalid rows.")] = False,
    formulas_as_text: Annotated[
        bool, typer.Option("--formulas-as-text", help="Take CSV cells that start like a formula as plain text.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="The file stands above what a person scored or edited here.")
    ] = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Import executions from files: all of it or nothing. The same file again changes nothing."""
    options = ImportOptions(
        mapping=dict(_pair(given) for given in mapping or ()),
        quality_scale=quality_scale,
        encoding=encoding,
        dates=dates,
        outcomes=dict(_meaning(given) for given in outcome or ()),  # pyright: ignore[reportArgumentType]
        tags=tuple(canonical(tag or ())),
        placeholders=placeholders,
        skip_invalid=skip_invalid,
        formulas="text" if formulas_as_text else "refuse",
        overwrite=overwrite,
    )
    db = database(workspace)
    told = _progress if sys.stderr.isatty() else None
    if dry_run:
        foreseen = importing.preview(db, _meant(file), options, progress=told)
        show(_plain(foreseen), as_json=as_json, text=_preview_text(foreseen))
        if foreseen.failing and not skip_invalid:
            # The one JSON object is the preview, which names these rows too.
            raise failed(
                str(min(foreseen.errors).refusal(foreseen.failing, remedy=True)), "ImportRefused", as_json=False
            )
    else:
        result = importing.run(db, _meant(file), options, actor=get_settings().actor, progress=told)
        show(_plain(result), as_json=as_json, text=_result_text(result))


@command("undo-import")
def undo_import(
    import_id: Annotated[int, typer.Argument(help="The number that `import` printed.")],
    redo: Annotated[bool, typer.Option("--redo", help="Bring an undone import back.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Take an import back as one act. Nothing is deleted: its rows are hidden, and --redo brings them back."""
    act = importing.redo if redo else importing.undo
    result = act(database(workspace), import_id, actor=get_settings().actor, reason=reason)
    verb = "brought back" if redo else "withdrawn"
    text = f"Import {import_id}: {result.rows:,} rows {verb}, {result.restored:,} changed rows restored"
    show(asdict(result), as_json=as_json, text=f"{text}, {result.left:,} left because they were changed since.")


def _meant(given: list[Path]) -> Path | list[Path]:
    return given[0] if len(given) == 1 else given


def _progress(done: int, size: int, rows: int) -> None:
    """For who watches: a large file takes minutes."""
    sys.stderr.write(f"\r{rows:,} rows read, {done / max(size, 1):.0%} of the file" + ("\n" if done >= size else ""))
    sys.stderr.flush()


def _pair(given: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not equals or not field:
        raise ImportRefused(f"{given!r} is not a mapping; write FIELD=COLUMN, for example user_request=question.")
    return field.strip(), column


def _meaning(given: str) -> tuple[str, str]:
    word, equals, meaning = given.rpartition("=")
    if not equals or not word or meaning not in TRUTHS:
        raise ImportRefused(f"{given!r} gives no meaning; write WORD=success, WORD=failed or WORD=unknown.")
    return word, meaning


def _plain(value: Preview | ImportResult) -> dict[str, Any]:
    """For JSON; a failing row becomes an object with its parts by name."""
    errors = [error._asdict() for error in value.errors]
    return {**asdict(value), "errors": errors}


def _result_text(result: ImportResult) -> str:
    lines = [
        (
            f"{result.new:,} new, {result.changed:,} changed, {result.same:,} already there, "
            f"{result.duplicates:,} repeated, {result.skipped:,} left out, of {result.rows:,} rows."
        ),
        f"Scores read on the scale {result.scale_used}.",
        *_about_rows(result),
    ]
    lines += _placeholder_lines(result)
    if result.relearned:
        lines.append(f"{result.relearned:,} that were there already are taken so from now on, too.")
    if result.skipped:
        were = "failing row was" if result.skipped == 1 else "failing rows were"
        lines += [f"{result.skipped:,} {were} left out:", *_error_lines(result.errors)]
    if result.import_id is None:
        lines.append("Nothing changed, so there is nothing to undo.")
    else:
        lines.append(f"Import {result.import_id}; undo it with: python -m core undo-import {result.import_id}")
    return "\n".join(lines)


def _preview_text(preview: Preview) -> str:
    kind = f"{preview.format}, {preview.shape or 'mapped columns'}"
    counted = (
        f"{preview.rows:,} rows ({kind}): {preview.new:,} new, {preview.changed:,} changed, "
        f"{preview.same:,} already there, {preview.duplicates:,} repeated, {preview.failing:,} failing."
    )
    return "\n".join(
        (
            counted,
            *_placeholder_lines(preview),
            f"{preview.scale.explanation} Each choice would do this:",
            *(line for effect in preview.scale.effects for line in _effect_lines(effect)),
            *_about_rows(preview),
            *_error_lines(preview.errors),
            "Nothing was written.",
        )
    )


def _effect_lines(effect: ScaleEffect) -> list[str]:
    stored = "" if effect.mean is None else f", {effect.minimum:.3g} to {effect.maximum:.3g}, mean {effect.mean:.3g}"
    return [
        f"  {effect.scale:>6}: {effect.changed:,} changed, {effect.rejected:,} rejected{stored}",
        *(f"          {reads}" for reads in effect.reads if effect.scale == "mixed"),
    ]


def _about_rows(found: Preview | ImportResult) -> list[str]:
    """Return what else is to be known of the rows; text shows what JSON shows."""
    lines = []
    if found.aside:
        lines.append(f"Rows that are no examples and are put aside: {found.aside:,}.")
    if found.nothing_to_learn:
        lines.append(f"Rows that hold nothing a model could learn: {found.nothing_to_learn:,}. They are not trainable.")
    if found.kept:
        keep = "row keeps" if found.kept == 1 else "rows keep"
        lines.append(
            f"{found.kept:,} {keep} what a person scored or edited here; --overwrite takes what the file says."
        )
    if found.tags_became:
        became = ", ".join(f"{written} is {tag}" for written, tag in found.tags_became.items())
        lines.append(f"Tags that are written otherwise: {became}.")
    if isinstance(found, Preview) and found.outcome_words:
        words = ", ".join(f"{word} ({_rows(number)})" for word, number in found.outcome_words.items())
        lines.append(f"Words of the outcome that have no meaning yet: {words}. Say it with --outcome WORD=success.")
    return lines + _unused_lines(found.unused)


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _placeholder_lines(found: Preview | ImportResult) -> list[str]:
    """How many answers are of the kind that says only that something was done, and how to take them the other way."""
    if not found.placeholders:
        return []
    rows = f"{found.placeholders:,} row{'s' if found.placeholders != 1 else ''}"
    if found.learns_placeholders:
        return [f"Answers such as “success” or “N/A”: {rows}, taken as answers; --placeholders skip takes none as one."]
    return [f"Answers such as “success” or “N/A”: {rows}, taken for none; --placeholders learn takes them as answers."]


def _unused_lines(unused: Mapping[str, int]) -> list[str]:
    """Return what the file holds that becomes no field; nothing of it is lost without a word."""
    if not unused:
        return []
    named = ", ".join(
        f"{name} ({count if name.startswith('files ') else _rows(count)})"
        for name, count in list(unused.items())[:_ERRORS_PRINTED]
    )
    more = "" if len(unused) <= _ERRORS_PRINTED else f" and {len(unused) - _ERRORS_PRINTED:,} more"
    return [f"Not used: {named}{more}. To keep a column, map it, for example --map business_state=COLUMN."]


def _error_lines(errors: tuple[RowError, ...]) -> list[str]:
    return [f"  {error}" for error in errors[:_ERRORS_PRINTED]]
