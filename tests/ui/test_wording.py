"""What the interface says is what an engineer would say: phrases that once read oddly do not come back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Phrases of these places that were replaced, with what stands there now.
EVERYWHERE = {
    "Up to date at": "Updated … UTC",
    "looks again every": "refreshes every",
}
OF_THESE_PAGES = {
    "What would this file bring": "What will this file change?",
    "You see it for every row": "Nothing is written until you confirm.",
    " mean, from ": "Score scale (54 scores, 0.52 to 7.33)",
    "its own size speaks for": "convert each score by its own range",
    "every row fits": "all valid",
    "would not fit and fail": "out of range",
    "stored then from": "stored 0.05 to 0.73",
    "on average": "average",
    "Nothing to learn": "Not trainable",
    "Failing": "Invalid",
    "Already there": "Unchanged",
    "already there": "unchanged",
    "Leave failing rows out": "Skip invalid rows",
    "Refuse the row": "Reject row",
    "Imports so far": "Import history",
    "undone as one act": "undone in one step",
    "somebody changed since": "changed since then",
    "in the same transaction as the change itself": "Every change, who made it, and why.",
    "found there move in by themselves": "are migrated automatically",
    "stand as they are": "",
    "Mend the file": "Fix the file",
}
PAGES = (
    *("pages/start.py", "pages/importing.py", "pages/activity.py", "ui/frame.py", "ui/demo.py", "ui/help.py"),
    *("ui/first_steps.py", "ui/importing", "ui/activity", "ui/entry"),
)


def sources(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def said(path: Path) -> Iterator[str]:
    """Every text of a file but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)]
    docstrings = {
        id(node.body[0].value)
        for node in owners
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def odd(phrases: dict[str, str], *places: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {phrase!r}; say {better!r}"
        for path in sources(*places)
        for text in said(path)
        for phrase, better in phrases.items()
        if phrase in text
    ]


def test_no_page_says_what_was_replaced_everywhere() -> None:
    assert odd(EVERYWHERE, "ui", "pages") == []


def test_start_import_activity_and_the_frame_say_nothing_odd() -> None:
    assert odd(OF_THESE_PAGES, *PAGES) == []


@pytest.mark.parametrize("place", PAGES)
def test_the_places_that_are_read_are_there(place: str) -> None:
    texts = [text for path in sources(place) for text in said(path)]
    assert texts


def test_a_phrase_is_found_where_it_stands(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text('"""Nothing to learn: a docstring."""\nst.text(f"{number} rows, Nothing to learn")\n')
    assert [text for text in said(page) if "Nothing to learn" in text] == [" rows, Nothing to learn"]
