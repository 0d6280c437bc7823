"""Rendering: the one place where an example becomes a line of a training file, written as SQL.

Format, FORMATS, CANONICAL               what can be exported, and what is hashed
RENDERER, KNOWN                          the number of the text that new versions get, and all that are read
line_sql, prompt_sql, answer_sql, …      SQL text of a record, and of its parts
frozen_content, pinned                   SQL text of the content that a version holds
run, preview, IN_ORDER, ANY_ORDER        running it
FEATURES, NOT_CARRIED, IS_RICH, …        what a conversation may hold beside texts, and which format cannot carry it

`lines` puts a record together: from `dialogues` as it is now, from `renderer_1` for versions that were frozen earlier.
"""

from core.datasets.rendering.dialogues import FEATURES, IS_RICH, NOT_CARRIED, TOOLS_BIT, looked_at_once
from core.datasets.rendering.lines import (
    ANY_ORDER,
    CANONICAL,
    FORMATS,
    IN_ORDER,
    KNOWN,
    RENDERER,
    Format,
    answer_sql,
    asked_sql,
    fault_sql,
    features_sql,
    frozen_content,
    line_sql,
    pinned,
    preview,
    prompt_sql,
    rejected_sql,
    run,
    teaches,
)
from core.datasets.rendering.renderer_1 import target_sql

__all__ = [
    "ANY_ORDER",
    "CANONICAL",
    "FEATURES",
    "FORMATS",
    "IN_ORDER",
    "IS_RICH",
    "KNOWN",
    "NOT_CARRIED",
    "RENDERER",
    "TOOLS_BIT",
    "Format",
    "answer_sql",
    "asked_sql",
    "fault_sql",
    "features_sql",
    "frozen_content",
    "line_sql",
    "looked_at_once",
    "pinned",
    "preview",
    "prompt_sql",
    "rejected_sql",
    "run",
    "target_sql",
    "teaches",
]
