"""`dataset create`, `dataset list`, `dataset export` and `verify`."""

import os
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core import shortages
from core.cli import AsJson, Workspace, app, command, database, printable, show
from core.datasets import defaults, recipes, snapshots, splits, versions
from core.datasets.defaults import REASONS
from core.datasets.exporting import Part, export, left_out
from core.datasets.recipes import Target
from core.datasets.rendering import Format
from core.datasets.snapshots import BuildProgress
from core.datasets.splits import Group
from core.datasets.verification import verify as check
from core.datasets.versions import DatasetVersion
from core.errors import DatasetRefused
from core.examples import filters
from core.settings import get_settings

group = typer.Typer(help="Freeze examples into dataset versions, list and export them.", no_args_is_help=True)
app.add_typer(group, name="dataset")

Label = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Without version: the newest frozen one.")]


@command("create", group=group)
def create(
    name: str,
    filter_json: Annotated[str, typer.Option("--filter", help="Which examples, as JSON.")] = "{}",
    include: Annotated[
        list[str] | None,
        typer.Option("--include", help=f"Let in what is left out otherwise: {', '.join(REASONS)}. Repeatable."),
    ] = None,
    exactly: Annotated[bool, typer.Option("--all", help="Just the filter: nothing is left out by itself.")] = False,
    target: Annotated[Target, typer.Option(help="What the model shall answer.")] = "plan",
    system_prompt: Annotated[str, typer.Option(help="Stands before every conversation.")] = "",
    split: Annotated[str, typer.Option(help="Train, validation and test in percent.")] = "80/10/10",
    seed: Annotated[int, typer.Option(help="Another seed deals the groups anew.")] = 0,
    split_by: Annotated[Group, typer.Option(help="What stays together.")] = "request",
    description: str = "",
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates")] = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Freeze what succeeded or was judged good of a filter into the next version of NAME."""
    chosen, let_in = filters.parse(filter_json), defaults.reasons(include or ())
    if exactly and let_in:
        raise DatasetRefused("--all lets everything in; leave --include away, or --all.")
    recipe = recipes.parse({"target": target, "system_prompt": system_prompt})
    shares = splits.parse(split, seed=seed, group=split_by)
    with closing(database(workspace)) as db:
        if exactly:
            chosen, let_in = defaults.taken_apart(chosen)
        found = defaults.outlook(db, chosen, let_in)
        if not as_json:
            typer.echo(defaults.describe_outlook(found), err=True)
        version = snapshots.create(
            db,
            name,
            filter=found.filter,
            recipe=recipe,
            split=shares,
            description=description,
            drop_duplicates=not keep_duplicates,
            actor=get_settings().actor,
            progress=None if as_json else _tell,
        )
        # What to do about each version whose process was killed.
        left = [] if as_json else [versions.get(db, dataset_id) for dataset_id in snapshots.interrupted(db)]
    for each in left:
        typer.echo(_describe(each, gone=True), err=True)
    for line in [] if as_json else _noticed(version):
        typer.echo(line, err=True)
    by_default = {"of": found.total, "left_out": dict(found.left_out), "let_in": dict(found.let_in)}
    show(_facts(version) | {"defaults": by_default}, as_json=as_json, text=_describe(version))


@command("list", group=group)
def list_versions(
    archived: Annotated[bool, typer.Option("--archived", help="Archived versions too.")] = False,
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """All versions, the newest first."""
    with closing(database(workspace)) as db:
        found = versions.versions(db, archived=archived)
        gone = set(snapshots.interrupted(db))
    lines = [_describe(version, gone=version.id in gone) for version in found] or ["There is no dataset yet."]
    show(
        [_facts(version) | {"interrupted": version.id in gone} for version in found],
        as_json=as_json,
        text="\n".join(lines),
    )


@command("finish", group=group)
def finish(label: Label, workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Freeze a version that was asked for and not finished, because its process was killed or never came to it."""
    with closing(database(workspace)) as db:
        version = versions.get(db, label)
        if version.is_open:
            version = snapshots.build(db, version.id, None if as_json else _tell)
        if version.status != "frozen":
            raise DatasetRefused(f"{version.label} was not frozen: {version.error or version.status}")
    show(_facts(version), as_json=as_json, text=_describe(version))


@command("remove", group=group)
def remove(label: Label, workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Give up a version that is not frozen; its number is free again, and that it was asked for stays in the log."""
    with closing(database(workspace)) as db:
        version = snapshots.cancel(
            db, versions.get(db, label).id, actor=get_settings().actor, reason="removed on the command line"
        )
    show(_facts(version), as_json=as_json, text=f"{version.label} is given up; nothing of it was frozen.")


@command("export", group=group)
def export_split(
    label: Label,
    out: Annotated[Path, typer.Option("--out", help="The file to write; replaced only when all is written.")],
    format_: Annotated[Format, typer.Option("--format", help="For whom, or for what.")] = "openai",
    split: Annotated[Part, typer.Option("--split", help="Which part.")] = "all",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Write one split, or all, of a frozen version to a file."""
    with closing(database(workspace)) as db:
        version = versions.get(db, label)
        gone = left_out(version, split, format_)
        size = _write(out, export(db, version, split, format_), what=f"{version.label} {split}")
        path = printable(str(out.resolve()))
        snapshots.exported(db, version.id, path=path, format=format_, actor=get_settings().actor)
    facts = {"dataset": version.label, "split": split, "format": format_, "file": printable(str(out)), "bytes": size}
    facts["left_out"] = version.not_carried(format_, split)
    text = f"{version.label} {split} written to {out} ({size:,} bytes)."
    show(facts, as_json=as_json, text=f"{text} {gone}".rstrip())


@command("verify")
def verify(label: Label, workspace: Workspace = "public", as_json: AsJson = False) -> None:
    """Render every record of a frozen version again and compare it with the hash it was frozen with."""
    with closing(database(workspace)) as db:
        found = check(db, label)
    facts = {
        "dataset": found.label,
        "ok": found.ok,
        "rows": found.rows,
        "root_hash": found.root_hash,
        "faults": list(found.faults),
        "wrong": found.wrong,
        "problems": [asdict(problem) for problem in found.problems],
    }
    lines = [*found.faults, *(f"Position {each.position}: {each.what}" for each in found.problems)]
    good = f"{found.label} is as it was frozen: {found.rows:,} records, root hash {found.root_hash}."
    bad = f"{found.label} is not as it was frozen: {found.wrong:,} of {found.rows:,} records differ."
    show(facts, as_json=as_json, text=good if found.ok else "\n".join([bad, *lines]))
    if not found.ok:
        typer.echo(bad, err=True)
        raise typer.Exit(1)


def _noticed(version: DatasetVersion) -> list[str]:
    """Return what was left out of a version, or of some of its files, each with the first ids and what one can do."""
    lines = []
    for each in (version.manifest or {}).get("warnings", []):
        ids = each.get("ids", [])
        more = ", …" if each["count"] > len(ids) else ""
        named = f" (examples {', '.join(map(str, ids))}{more})" if ids else ""
        lines.append(f"Note: {each['sentence'].rstrip('.')}{named}. {each.get('fix', '')}".rstrip())
    return lines


def _tell(progress: BuildProgress) -> None:
    typer.echo(f"{progress.phase} {progress.done:,}", err=True)


def _write(path: Path, pieces: Any, *, what: str) -> int:
    """Beside the file and then in its place: whoever reads it sees the old one or the new one, whole."""
    try:
        if os.path.lexists(path) and not path.is_file():
            kind = "a folder" if path.is_dir() else "not an ordinary file, and would be replaced by one"
            raise DatasetRefused(f"{path} is {kind}; name a file for --out, such as train.jsonl. Nothing was written.")
        # A name of its own and not the file's, which may be as long as a name can be.
        number, beside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(number, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                size = file.tell()
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o666 & ~_umask())
            Path(beside).replace(path)
        finally:
            Path(beside).unlink(missing_ok=True)
        return size
    except OSError as error:
        why = shortages.unwritable(path, error)
        raise DatasetRefused(
            f"{what} was not written to {path}: {why}. Name another file for --out; no file was changed."
        ) from None


def _umask() -> int:
    """Return the mode an ordinary new file would have; a temporary one is readable to its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _facts(version: DatasetVersion) -> dict[str, Any]:
    manifest = version.manifest or {}
    return {
        "id": version.id,
        "dataset": version.label,
        "status": version.status,
        "description": version.description,
        "examples": version.example_count,
        "splits": {name: manifest.get("counts", {}).get(name, 0) for name in splits.NAMES},
        "left_out": dict(version.left_out),
        "average_quality": version.avg_quality,
        "tokens": manifest.get("tokens"),
        "bytes": version.size_bytes,
        "root_hash": version.root_hash,
        "warnings": manifest.get("warnings", []),
        "error": version.error,
        "used_by_job": version.used_by,
        "file_path": version.file_path or None,
        "created_by": version.created_by,
        "created_at": version.created_at and version.created_at.isoformat(),
    }


def _describe(version: DatasetVersion, *, gone: bool = False) -> str:
    if gone:
        return (
            f"{version.label}  interrupted: its process is gone; finish it with `dataset finish {version.label}` "
            f"or give it up with `dataset remove {version.label}`"
        )
    if version.status == "queued":
        return f"{version.label}  waiting for the app; or freeze it now with `dataset finish {version.label}`"
    if version.status != "frozen":
        return f"{version.label}  {version.status}  {version.error or ''}".rstrip()
    counts = (version.manifest or {})["counts"]
    parts = ", ".join(f"{name} {counts[name]:,}" for name in splits.NAMES)
    used = f"  used by job {version.used_by}" if version.used_by else ""
    hashed = f"root hash {(version.root_hash or '')[:12]}…"
    return f"{version.label}  {version.example_count:,} records ({parts})  {hashed}{used}"
