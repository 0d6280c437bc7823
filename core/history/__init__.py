"""What the company did before: tasks, posts, social and web analytics, figures of the business.

shapes → supplies → columns → staging → comparison → imports: five sources, from files or another PostgreSQL, into five
tables. `backfill` gives examples their results out of them, `records` lists them, `effectiveness` and `correlation`
say what they tell, with the statistics of `estimates`.
"""

from core.history.backfill import backfills
from core.history.backfill import preview as preview_backfill
from core.history.backfill import run as run_backfill
from core.history.backfill import undo as undo_backfill
from core.history.columns import Options
from core.history.correlation import correlations, monthly
from core.history.effectiveness import platforms, times, topics
from core.history.imports import preview as preview_import
from core.history.imports import run as run_import
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
    "Files",
    "Foreign",
    "Options",
    "Source",
    "Wanted",
    "backfills",
    "correlations",
    "finance",
    "list_imports",
    "monthly",
    "platforms",
    "posts",
    "preview_backfill",
    "preview_import",
    "redo_import",
    "run_backfill",
    "run_import",
    "social",
    "sources",
    "tasks",
    "times",
    "topics",
    "undo_backfill",
    "undo_import",
    "web",
]
