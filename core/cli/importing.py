"""`import` and `undo-import`."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli import AsJson, Workspace, command, database, failed, show
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions, ImportResult, Preview, RowError
from core.examples.tags import canonical
from core.settings import settings

_PLACEHOLDERS = ("auto", "skip", "learn")
_SCALES = ("auto", "1", "10", "100", "mixed")
_ERRORS_PRINTED = 20


@command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV, JSON, JSONL or Parquet file.")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="FIELD=COLUMN, as often as needed.")] = None,
    quality_scale: Annotated[str, typer.Option(help="What scores mean: auto, 1, 10, 100 or mixed.")] = "auto",
    tag: Annotated[list[str] | None, typer.Option(help="A tag for every new example.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    placeholders: Annotated[
        str, typer.Option(help="Answers such as 'success' and 'N/A': auto, skip or learn.")
    ] = "auto",
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Leave failing rows out.")] = False,
    formulas_as_text: Annotated[
        bool, typer.Option("--formulas-as-text", help="Take CSV cells that start like a formula as plain text.")
    ] = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Import executions from a file: all of it or nothing. The same file again changes nothing."""
    if quality_scale not in _SCALES:
        raise ImportRefused(f"{quality_scale!r} is not a quality scale; use {', '.join(_SCALES)}.")
    if placeholders not in _PLACEHOLDERS:
        raise ImportRefused(f"--placeholders {placeholders!r} is not known; use {', '.join(_PLACEHOLDERS)}.")
    options = ImportOptions(
        mapping=dict(_pair(given) for given in mapping or ()),
        quality_scale=quality_scale,  # pyright: ignore[reportArgumentType]
        tags=tuple(canonical(tag or ())),
        placeholders=placeholders,  # pyright: ignore[reportArgumentType]
        skip_invalid=skip_invalid,
        formulas="text" if formulas_as_text else "refuse",
    )
    db = database(workspace)
    told = _progress if sys.stderr.isatty() else None
    if dry_run:
        foreseen = importing.preview(db, file, options, progress=told)
        show(_plain(foreseen), as_json=as_json, text=_preview_text(foreseen))
        if foreseen.failing and not skip_invalid:
            # The one JSON object is the preview, which names these rows too.
            raise failed(str(min(foreseen.errors).refusal(foreseen.failing)), "ImportRefused", as_json=False)
    else:
        result = importing.run(db, file, options, actor=settings().actor, progress=told)
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
    result = act(database(workspace), import_id, actor=settings().actor, reason=reason)
    verb = "brought back" if redo else "withdrawn"
    text = f"Import {import_id}: {result.rows:,} rows {verb}, {result.restored:,} changed rows restored"
    show(asdict(result), as_json=as_json, text=f"{text}, {result.left:,} left because they were changed since.")


def _progress(done: int, size: int, rows: int) -> None:
    """For who watches: a large file takes minutes."""
    sys.stderr.write(f"\r{rows:,} rows read, {done / max(size, 1):.0%} of the file" + ("\n" if done >= size else ""))
    sys.stderr.flush()


def _pair(given: str) -> tuple[str, str]:
    field, equals, column = given.partition("=")
    if not equals or not field or not column:
        raise ImportRefused(f"{given!r} is not a mapping; write FIELD=COLUMN, for example user_request=question.")
    return field.strip(), column


def _plain(value: Preview | ImportResult) -> dict[str, Any]:
    """For JSON; a failing row becomes an object with its parts by name."""
    errors = [error._asdict() for error in value.errors]
    return {**asdict(value), "errors": errors}


def _result_text(result: ImportResult) -> str:
    lines = [
        f"{result.new:,} new, {result.changed:,} changed, {result.same:,} already there, of {result.rows:,} rows.",
        f"Scores read on the scale {result.scale_used}.",
    ]
    lines += _placeholder_lines(result)
    if result.relearned:
        lines.append(f"{result.relearned:,} that were there already are taken so from now on, too.")
    lines += _unused_lines(result.unused)
    if result.skipped:
        lines += [f"{result.skipped:,} failing rows were left out:", *_error_lines(result.errors)]
    if result.import_id is None:
        lines.append("Nothing changed, so there is nothing to undo.")
    else:
        lines.append(f"Import {result.import_id}; undo it with: python -m core undo-import {result.import_id}")
    return "\n".join(lines)


def _preview_text(preview: Preview) -> str:
    effects = (
        f"  {effect.scale:>5}: {effect.changed:,} changed, {effect.rejected:,} rejected"
        + ("" if effect.mean is None else f", {effect.minimum:.3g} to {effect.maximum:.3g}, mean {effect.mean:.3g}")
        for effect in preview.scale.effects
    )
    kind = f"{preview.format}, {preview.shape or 'mapped columns'}"
    counted = (
        f"{preview.rows:,} rows ({kind}): {preview.new:,} new, {preview.changed:,} changed, "
        f"{preview.same:,} already there, {preview.duplicates:,} repeated, {preview.failing:,} failing."
    )
    return "\n".join(
        (
            counted,
            f"Rows that hold nothing a model could learn: {preview.nothing_to_learn:,}.",
            *_placeholder_lines(preview),
            f"{preview.scale.explanation} Each choice would do this:",
            *effects,
            *_unused_lines(preview.unused),
            *_error_lines(preview.errors),
            "Nothing was written.",
        )
    )


def _placeholder_lines(found: Preview | ImportResult) -> list[str]:
    """How many answers are of the kind that says only that something was done, and how to take them the other way."""
    if not found.placeholders:
        return []
    rows = f"{found.placeholders:,} row{'s' if found.placeholders != 1 else ''}"
    if found.learns_placeholders:
        return [f"Answers such as “success” or “N/A”: {rows}, taken as answers; --placeholders skip takes none as one."]
    return [f"Answers such as “success” or “N/A”: {rows}, taken for none; --placeholders learn takes them as answers."]


def _unused_lines(unused: Mapping[str, int]) -> list[str]:
    """What the file holds that becomes no field; nothing of it is lost without a word."""
    if not unused:
        return []
    named = ", ".join(f"{name} ({count:,} rows)" for name, count in list(unused.items())[:_ERRORS_PRINTED])
    more = "" if len(unused) <= _ERRORS_PRINTED else f" and {len(unused) - _ERRORS_PRINTED:,} more"
    return [f"Not used: {named}{more}. To keep a column, map it, for example --map business_state=COLUMN."]


def _error_lines(errors: tuple[RowError, ...]) -> list[str]:
    return [f"  {error}" for error in errors[:_ERRORS_PRINTED]]
