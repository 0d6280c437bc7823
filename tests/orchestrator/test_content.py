"""Texts composed from past work: what is taken over, what is left out, and what is said about it."""

import datetime as dt

import pytest

from core.db import Database
from core.examples.importing.capture import save
from core.orchestrator import executions, queries
from core.orchestrator.agents.composing import PastResult, Target, adapted, cut, material, quoted, within
from core.orchestrator.agents.layouts import FORMATS, POST_LIMIT, Piece, draft, outline, variants
from core.orchestrator.agents.tasks import Before
from core.orchestrator.plans import Plan, Step
from tests.orchestrator.driving import ask, drive, submitted

THEN = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
SOURCE = PastResult(
    "run-1",
    "Title: On spare parts\n\nMost shops notice spare parts too late. In March 2026 it cost $4,000. "
    "Look at the shelf every morning, together. "
    "Draft, 300 words, friendly tone. Try it with workshop managers this week.",
    0.9,
    THEN,
    topic="spare parts",
    audience="workshop managers",
)


def piece(format_: str, **changes: object) -> Piece:
    values: dict[str, object] = {
        "topic": "tool shelves", "audience": "", "platform": "", "format": format_, "words": 0, "request": "x",
        "material": material([SOURCE], Target("tool shelves")), "sources": (SOURCE,),
    }  # fmt: skip
    return Piece(**{**values, **changes})  # type: ignore[arg-type]


def test_sentences_are_taken_to_the_new_topic_without_figures_dates_and_titles() -> None:
    found = material([SOURCE], Target("tool shelves", "mechanics"))
    assert found.sentences == (
        "Most shops notice tool shelves too late.",
        "Look at the shelf every morning, together.",
        "Try it with mechanics this week.",
    )
    assert found.used == (SOURCE,)


def test_readers_of_then_become_our_readers_where_there_are_none_now() -> None:
    assert adapted("Ask workshop managers.", SOURCE, Target("x")) == "Ask our readers."


def test_a_trace_and_a_repeated_sentence_are_not_used() -> None:
    broken = PastResult("run-2", "Error: the model did not answer in time at all.", 0.9, THEN)
    assert material([broken, SOURCE, SOURCE], Target("tool shelves")).used == (SOURCE,)
    assert quoted(broken) == ""


def test_a_past_report_is_quoted_as_it_is_with_its_date() -> None:
    assert quoted(SOURCE) == (
        "March 2026 on spare parts (score 0.90, execution run-1): Most shops notice spare parts too late. "
        "Look at the shelf every morning, together. Try it with workshop managers this week."
    )


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_can_be_written_from_past_work_and_from_nothing(format_: str) -> None:
    for written in (draft(piece(format_)), draft(piece(format_, material=material([], Target("")), sources=()))):
        assert "tool shelves" in written.lower()
        assert "lorem" not in written.lower()
        assert "None" not in written


def test_posts_keep_to_their_length_and_a_thread_is_numbered() -> None:
    long = PastResult("run-3", "Look at this long shelf of yours every single day, please. " * 30, 0.9, THEN)
    made = piece("post", material=material([long, SOURCE], Target("tool shelves")))
    assert len(draft(made)) <= POST_LIMIT
    lines = draft(piece("thread")).splitlines()
    assert [line[:2] for line in lines] == ["1/", "2/", "3/"]
    assert "ool shelves" in lines[0]


def test_platforms_get_texts_that_begin_differently() -> None:
    made = variants(piece("post"), ["Chirplane", "Worklink", "forum"])
    assert [name for name, _ in made] == ["Chirplane", "Worklink", "forum"]
    assert len({text for _, text in made}) == 3


def test_a_report_holds_every_finding_what_it_rests_on_and_what_is_missing() -> None:
    before = (
        Before(
            "a", "financial", "trend", {"text": "Cash: falling.", "n": 6, "data": {"metric": "cash"}, "missing": []}
        ),
        Before("b", "market_insight", "what_performed", {"text": "By topic.", "n": 9, "missing": ["No tasks."]}),
    )
    text = draft(piece("report", before=before, gaps=("No word on rivals.",)))
    for part in (
        "## Trend of cash\nCash: falling.",
        "- Trend of cash: n 6",
        "- No tasks.",
        "- No word on rivals.",
        "March 2026",
    ):
        assert part in text


def test_posts_that_performed_guide_the_writer_and_are_not_printed_for_readers() -> None:
    before = (Before("b", "market_insight", "what_performed", {"text": "By topic, 9 posts.", "n": 9}),)
    assert "9 posts" not in draft(piece("article", before=before))
    assert "9 posts" not in draft(piece("email", before=before))


def test_an_outline_has_a_point_under_every_heading() -> None:
    text = outline(piece("article"))
    assert text.count("\n- ") == text.count("## ") == 4


def test_text_is_cut_at_words() -> None:
    assert cut("one two three", 9) == "one two…"
    assert within(["a b", "c d", "e"], 3) == ["a b"]
    assert within(["a b c d"], 1) == ["a b c d"]


def remember(db: Database, number: int, topic: str, score: float, **more: object) -> None:
    record = {
        "execution_id": f"run-{number}", "user_request": f"Write a blog post about {topic}",
        "intent": "content_generation", "business_state": {"topic": topic}, "execution_plan": "[]",
        "execution_result": f"Sentence number {number} about {topic} for you.", "quality_score": score, "success": True,
        "created_at": dt.datetime.now(dt.UTC) - dt.timedelta(days=3), **more,
    }  # fmt: skip
    save(db, record, actor="test")


def written(db: Database, topic: str) -> dict:
    planned = submitted(db, f"Write a blog post about {topic}")
    only = Plan("content_generation", (Step("d", "content", "draft", {"topic": topic, "format": "article"}, "It."),))
    executions.approve(db, planned.execution_id, actor="bob", plan=only)
    drive(db)
    return queries.get(db, planned.execution_id).result or {}


def test_the_best_similar_work_is_used_and_poor_failed_later_and_excluded_work_is_not(database: Database) -> None:
    remember(database, 1, "tool shelves", 0.8)
    remember(database, 2, "tool shelves", 0.4)
    remember(database, 3, "tool shelves", 0.9, success=False)
    remember(database, 4, "tool shelves", 0.95, tags=["EXCLUDE"])
    remember(database, 5, "tool shelves", 0.95, tags=["REJECTED"])
    remember(database, 6, "tool shelves", 0.95, created_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    remember(database, 7, "tool shelves", 0.95, intent="social_post")
    result = written(database, "tool shelves")
    assert result["steps"][0]["result"]["data"]["adapted_from"] == ["run-1"]
    assert "Sentence number 1 about tool shelves" in result["text"]
    assert result["notes"] == []


def test_work_on_another_topic_is_not_taken_over(database: Database) -> None:
    remember(database, 1, "spare parts", 0.8)
    result = written(database, "tool shelves")
    assert "Sentence number 1" not in result["text"]
    assert any("on this topic scored well enough" in sentence for sentence in result["missing"])


def test_without_past_work_it_says_so(database: Database) -> None:
    result = written(database, "tool shelves")
    assert any("scored well enough to adapt" in sentence for sentence in result["missing"])
    assert "This is about tool shelves." in result["text"]


def test_fields_for_search_engines_keep_to_their_limits(database: Database) -> None:
    found = ask(database, "content", "seo_fields", topic="Äpfel & the very long topic " * 6)
    assert len(found["data"]["title"]) <= 60
    assert len(found["data"]["description"]) <= 160
    assert found["data"]["slug"].startswith("pfel-the-very")
    assert found["data"]["keywords"]
    assert ask(database, "content", "seo_fields", topic="日本")["data"]["slug"] == "page"
