"""Grids. A cell shows captured text as it is: the grid draws it, nothing reads it as Markdown or HTML."""

from typing import Literal

#: What a row takes at most, at the size of letters in `.streamlit/config.toml`.
_ROW = 33


def height(rows: int, highest: int) -> int | Literal["content"]:
    """As high as its rows, so that no empty ones follow; from `highest` pixels on it scrolls."""
    return "content" if (rows + 1) * _ROW <= highest else highest
