"""Executions and examples from files: detect, preview, import in one transaction, undo as one act.

sources → readers → shapes → values → staging → merging: bytes, rows, records, checked values, a temporary table,
examples. Every step streams. A file is refused whole with `ImportRefused`, or imported whole.
"""

from core.examples.importing.converting.scale import detect_scale
from core.examples.importing.models import (
    FIELDS,
    ImportOptions,
    ImportRecord,
    ImportResult,
    Inspection,
    Preview,
    RowError,
    ScaleEffect,
    ScaleFinding,
    UndoResult,
)
from core.examples.importing.reading.files import name_of
from core.examples.importing.running import inspect, preview, run
from core.examples.importing.undoing import examples_of, imports, redo, undo

__all__ = [
    "FIELDS",
    "ImportOptions",
    "ImportRecord",
    "ImportResult",
    "Inspection",
    "Preview",
    "RowError",
    "ScaleEffect",
    "ScaleFinding",
    "UndoResult",
    "detect_scale",
    "examples_of",
    "imports",
    "inspect",
    "name_of",
    "preview",
    "redo",
    "run",
    "undo",
]
