"""The registry of models: what answers, what it was made from, and whether anything serves it.

get, find, page, all_models, version   models as values: `Model`, of a `Kind`
add_base, register_in                  a base model, and what came of a job
rename, set_notes, set_shutdown_date,  what a person changes
archive, unarchive

`availability` says whether a model would answer, and `calls` asks it.
"""

from core.models.records import Kind, Model, ModelPage, all_models, find, get, page, version
from core.models.registry import (
    add_base,
    archive,
    register_in,
    rename,
    set_notes,
    set_shutdown_date,
    unarchive,
)

__all__ = [
    "Kind",
    "Model",
    "ModelPage",
    "add_base",
    "all_models",
    "archive",
    "find",
    "get",
    "page",
    "register_in",
    "rename",
    "set_notes",
    "set_shutdown_date",
    "unarchive",
    "version",
]
