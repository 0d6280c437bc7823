"""What the interface says is what an engineer would say: phrases that once read oddly do not come back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Phrases that were replaced, or their beginnings, with what stands there now.
EVERYWHERE = {
    "Up to date at": "Updated … UTC",
    "looks again every": "refreshes every",
    "What should be done next, and may it?": "What should happen next, and is it approved?",
    "Nothing is carried out before somebody approved it.": "Plans run only after approval (default).",
    "Taken. It is planned by the next free worker; the": "Request received. Planning… the plan will …",
    "asked for just now": "requested just now",
    "Asked for by local": "Requested by local",
    "An execution has ended: completed, score": "Run completed, score 0.86.",
    "Nothing selected: this is about all": "No rows selected: exports the 1 matching run.",
    "Called memo, after ours": "Step id `memo`, runs after `ours`",
    "needs no other step": "no dependencies",
    "What it is told / What it gave": "Input / Output",
    "what is special about this request they do not see": "they cannot see what is specific to this request",
    "Back to the plan as it is": "Discard edits",
    "Who plans and writes": "Planner model",
    "A score from here on counts as success": "Success threshold",
    "Share of a model's judgement in the score": "Weight of the model judge",
    "Words that nothing may hold, one a line": "Banned words, one per line",
    "Words in the request": "Search requests",
    "Has all tags / Has none of the tags": "Tags include / Tags exclude",
    "To, that day included": "To (inclusive, UTC)",
    "Only what a model could learn from": "Trainable only",
    "Nothing selected: these act on all": "No rows selected. Actions apply to all 4,970 …",
    "Nothing to change: X was already there": "No change: they already have X.",
    "Choose the day your real work began; what is older": "Pick the day production began; everything older …",
    "This is about all": "This affects all 4,974 filtered examples.",
    "Forget the choice by hand": "Clear manual selection",
    "The model shall answer with": "Train the model to answer with",
    "Say in a few words why the score changes; the": "Add a short reason for the new score.",
    "kept with the change": "reason (saved with the change)",
    "The content was never edited: this is how it was": "No edits yet.",
    "Takes the tag X off again": "Removes the tag X.",
    "Shown to it besides the request": "Extra context in the prompt",
    "empty: the one each example was captured with, if": "leave empty to keep each example's own system …",
    "Never split up": "Keep together in one split",
    "Test: the rest": "Test (remainder)",
    "What is kept out": "Exclusions",
    "Line of the file": "Raw JSONL",
    "You may close the browser: building goes on, and": "You can close the browser; the build continues.",
    "Show what this filter gives today": "Run this filter on today's data",
    "From left to right": "Changes from v1 to v2",
    "Made differently: filter": "Different settings: filter",
    "changed: the record reads differently": "changed content",
    "Records in them": "Total records",
    "It lists no base model now; choose it, and type the": "No base models found. Choose Local and enter a …",
    "By training tokens: tokens times epochs times the": "Billed per training token (tokens × epochs).",
    "Half the price of asking: every candidate answers": "Batch pricing, 50 % off; each candidate is …",
    "for organisations that still may": "for organisations still eligible",
    "New organisations were shut out on": "Closed to new organisations since 2026-05-07.",
    "Needs a key; an organisation that answered with a": "Needs an API key and an organisation that used …",
    "A key of Google AI Studio cannot tune: that service": "AI Studio keys cannot fine-tune (service closed …",
    "GOOGLE_CLOUD_PROJECT is not set: the project that": "Set GOOGLE_CLOUD_PROJECT (the project that runs …",
    "No role that Bedrock takes on to read and write the": "Set WHETSTONE_BEDROCK_ROLE_ARN (the role …",
    "what it did cost and which model came of it": "its final cost and the resulting model",
    "What is trained, and each profile, stands here with": "Trained models and profiles appear here with …",
    "Write ollama:TAG for a model of Ollama,": "Enter ollama:TAG, hub:ORG/NAME, or an absolute …",
    "The base was made into a folder that can be trained": "Base model converted for training (1.7 GB).",
    "Price of a base": "Base model prices",
    "A job that does not fit into what is left is asked": "Jobs over the remaining budget need a second …",
    "half wait less": "p50 (median)",
    "In the total as well:": "Also: 10 paused, 13 cancelled, 3 scheduled.",
    "Resume needs one that is paused or running; Pause": 'one tooltip a button: "Select a paused command."',
    "A command whose worker is not heard of for": "If a worker misses its heartbeat for 30 s, …",
    "Leave them as they are": "Keep them",
    "What would this file bring? You see it for every": "What will this file change? Nothing is written …",
    "Mixed: divide each by the scale its own size speaks": "Mixed: convert each score by its own range",
    "can be undone as one act": "can be undone in one step",
    "Every change is written here in the same": "Every change, who made it, and why.",
    "The tables of an original system found there move": "Existing tables of the original system are …",
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
    *("ui/first_steps.py", "ui/importing", "ui/activity", "ui/entry", "ui/insights/history_import.py"),
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
