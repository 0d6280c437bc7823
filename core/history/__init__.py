"""What the company did before: tasks, posts, social and web analytics, figures of the business.

shapes → supplies → columns → staging → comparison → imports: five sources, from files or another PostgreSQL, into five
tables. `backfill` gives examples their results out of them, `records` lists them, `published`, `figures`,
`effectiveness` and `correlation` say what they tell, with the statistics of `estimates`; `enrichment` is all of it for
one request.
"""

from core.history.backfill import backfills
from core.history.backfill import preview as preview_backfill
from core.history.backfill import run as run_backfill
from core.history.backfill import undo as undo_backfill
from core.history.columns import Options
from core.history.correlation import correlations, monthly
from core.history.effectiveness import platforms, times, topics
from core.history.enrichment import Enrichment, enrich
from core.history.figures import PeriodValue, amount, figure_names, series
from core.history.imports import preview as preview_import
from core.history.imports import run as run_import
from core.history.published import Performed, latest_post, performed, platform_names
from core.history.records import FEW, Wanted, finance, posts, social, sources, tasks, web
from core.history.shapes import SHAPES, SOURCES, Source
from core.history.supplies import Files, Foreign
from core.history.undoing import imports as list_imports
from core.history.undoing import redo as redo_import
from core.history.undoing import undo as undo_import

__all__ = [
    "FEW",
    "SHAPES",
    "SOURCES",
    "Enrichment",
    "Files",
    "Foreign",
    "Options",
    "Performed",
    "PeriodValue",
    "Source",
    "Wanted",
    "amount",
    "backfills",
    "correlations",
    "enrich",
    "figure_names",
    "finance",
    "latest_post",
    "list_imports",
    "monthly",
    "performed",
    "platform_names",
    "platforms",
    "posts",
    "preview_backfill",
    "preview_import",
    "redo_import",
    "run_backfill",
    "run_import",
    "series",
    "social",
    "sources",
    "tasks",
    "times",
    "topics",
    "undo_backfill",
    "undo_import",
    "web",
]
