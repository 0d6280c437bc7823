"""Dataset versions: freeze, list, export, compare, verify."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from api.envelope import Answer, enveloped
from api.routes.exports import download, stream
from api.routing import READS, Actor, Page, Workspace, from_first, new_router
from api.shapes import Strict, page_of, shown
from core.bounds import Id, id_in
from core.datasets import comparison, defaults, exporting, lineage, rendering, snapshots, verification, versions
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import Filter
from core.runtime.process import RUNNING

router = new_router("/orchestrator/training/datasets", "datasets")

Which = Annotated[
    str, Path(max_length=200, description="An id, `NAME@VERSION`, or a name, which is its newest frozen version.")
]
Label = Annotated[str, Query(max_length=200, description="An id, `NAME@VERSION`, or a name.")]
VersionModel = shown(
    versions.DatasetVersion, without=("choice", "manifest", "file_path", "used_by_key"), also={"label": str}
)
OutlookModel = shown(defaults.Outlook)
WholeModel = shown(
    versions.DatasetVersion, name="DatasetVersionWhole", without=("file_path", "used_by_key"), also={"label": str}
)
ComparisonModel = shown(
    comparison.Comparison, without=("left", "right"), also={"left": VersionModel, "right": VersionModel}
)
VerificationModel = shown(verification.Verification, also={"ok": bool})


class NewDataset(Strict):
    """What to freeze. The defaults take what succeeded or was judged good; `include` lets in what they leave out."""

    name: str = Field(min_length=1, max_length=100, examples=["support-plans"])
    description: str = Field(default="", max_length=500)
    filter: Filter = Field(default_factory=Filter)
    include: list[defaults.Reason] = Field(
        default_factory=list[defaults.Reason], description="What is let in all the same."
    )
    exactly: bool = Field(default=False, description="Just the filter: nothing is left out by itself.")
    recipe: Recipe = Field(default_factory=Recipe)
    split: Split = Field(default_factory=Split)
    drop_duplicates: bool = True
    excluded_ids: list[Id] = Field(default_factory=list[Id], max_length=100_000)
    wait: bool = Field(default=False, description="Answer when it is frozen, and not when it is asked for.")


class Created(Strict):
    """The version, and what the defaults left out of the filter."""

    version: VersionModel  # pyright: ignore[reportInvalidTypeForm]
    defaults: OutlookModel  # pyright: ignore[reportInvalidTypeForm]


class Export(Strict):
    dataset: str = Field(max_length=200, description="An id, `NAME@VERSION`, or a name.")
    format: rendering.Format = "openai"
    split: exporting.Part = "all"


@router.post("", response_model=enveloped(Created), status_code=202)
def create_dataset(db: Workspace, actor: Actor, body: NewDataset) -> Answer:
    """Freeze the examples of a filter into the next version of `name`, in the background unless `wait` is set."""
    let_in = defaults.reasons(body.include)
    chosen = body.filter
    if body.exactly:
        chosen, let_in = defaults.taken_apart(chosen)
    found = defaults.outlook(db, chosen, let_in)
    version = (snapshots.create if body.wait else snapshots.request)(
        db,
        body.name,
        filter=found.filter,
        recipe=body.recipe,
        split=body.split,
        description=body.description,
        drop_duplicates=body.drop_duplicates,
        excluded_ids=body.excluded_ids,
        actor=actor,
    )
    if RUNNING.background is not None and not body.wait:
        RUNNING.background.wake()
    return Answer({"version": version, "defaults": found})


@router.get("", response_model=enveloped(page_of(VersionModel)))
def list_datasets(
    db: Workspace, paging: Page, archived: Annotated[bool, Query(description="Archived versions too.")] = False
) -> Answer:
    """All versions, the newest first."""
    return Answer(from_first(versions.versions(db, archived=archived), paging, lambda version: str(version.id)))


@router.get("/compare", response_model=enveloped(ComparisonModel))
def compare_datasets(db: Workspace, left: Label, right: Label) -> Answer:
    """Two frozen versions: which examples came, went, changed or moved to another split, and what drifted."""
    return Answer(comparison.compare(db, _found(db, left), _found(db, right)))


@router.post("/export", openapi_extra=READS, **download("application/x-ndjson", "application/vnd.apache.parquet"))
def export_dataset(db: Workspace, body: Export) -> StreamingResponse:
    """One split of a frozen version, or all of it, as a stream: the same bytes every time."""
    return _exported(db, body.dataset, body.split, body.format)


@router.get("/{which}", response_model=enveloped(WholeModel))
def get_dataset(db: Workspace, which: Which) -> Answer:
    """One version with its filter, recipe, split and manifest; `status` says whether it is frozen yet."""
    return Answer(_found(db, which))


@router.get("/{which}/lineage", response_model=enveloped(shown(lineage.Lineage)))
def get_lineage(db: Workspace, which: Which) -> Answer:
    """Where the examples of a version came from, and which jobs were trained on it."""
    return Answer(lineage.of(db, _found(db, which).id))


@router.get("/{which}/files/{split}", **download("application/x-ndjson", "application/vnd.apache.parquet"))
def get_file(
    db: Workspace,
    which: Which,
    split: exporting.Part,
    format: Annotated[rendering.Format, Query()] = "openai",  # noqa: A002
) -> StreamingResponse:
    """The file of one split in one format, as a stream."""
    return _exported(db, which, split, format)


@router.post("/{which}/verify", response_model=enveloped(VerificationModel))
def verify_dataset(db: Workspace, which: Which) -> Answer:
    """Render a frozen version again and compare every record with what was frozen. Takes seconds for 100,000."""
    return Answer(verification.verify(db, _found(db, which)))


def _found(db: Database, which: str) -> versions.DatasetVersion:
    number = id_in(which)
    return versions.get(db, which if number is None else number)


def _exported(db: Database, which: str, split: exporting.Part, form: rendering.Format) -> StreamingResponse:
    version = _found(db, which)
    blocks = exporting.export(db, version, split, form)
    ending = "parquet" if form == "parquet" else "jsonl"
    return stream(blocks, name=f"{version.name}-v{version.version}-{split}-{form}", ending=ending)
