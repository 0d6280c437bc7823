"""What is known when a plan is made: with how many rows, as of then, and honest where there is nothing."""

import datetime as dt
from functools import partial

import orjson
import pytest

from core import similarity
from core.db import Database
from core.db.tables import historical_tasks, learning_patterns
from core.examples.importing.capture import save
from core.orchestrator.material import context as contexts
from core.orchestrator.material.context import Context, gather
from core.orchestrator.plans import Request
from tests.orchestrator.driving import record_figures
from tests.orchestrator.test_market_insight import measure, post
from tests.similarity.planting import encoded, model

NOW = dt.datetime.now(dt.UTC)
SHELVES = Request("Write a blog post about tool shelves")


def remember(db: Database, number: int, request: str, **more: object) -> None:
    record = {
        "execution_id": f"run-{number}", "user_request": request, "execution_plan": "[1]",
        "created_at": NOW - dt.timedelta(days=2), **more,
    }  # fmt: skip
    save(db, record, actor="test")


def test_an_empty_workspace_says_that_nothing_is_known(database: Database) -> None:
    known = gather(database, SHELVES, as_of=NOW)
    sections = (known.similar, known.topic, known.platforms, known.figures, known.patterns)
    assert [section.n for section in sections] == [0] * 5
    notes = " ".join(section.note for section in sections)
    for words in (
        "No similar past work",
        "nothing is known of any topic",
        "no baseline",
        "No business figure",
        "No learned",
    ):
        assert words in notes


def test_similar_work_shares_the_rarer_words_and_is_counted(database: Database) -> None:
    remember(
        database, 1, "Draft an article on tool shelves", quality_score=0.9, success=True, intent="content_generation"
    )
    remember(database, 2, "Announce tool shelves on the blog", quality_score=0.5, success=False, intent="social_post")
    remember(database, 3, "Something else entirely", quality_score=0.1, success=False)
    work = gather(database, SHELVES, as_of=NOW).similar
    assert {item.execution_id for item in work.items} == {"run-1", "run-2"}
    assert (work.n, work.average_score, work.scored, work.success_rate, work.judged) == (2, 0.7, 2, 0.5, 2)
    assert len(work.ids) == 2
    assert work.note == "2 similar requests found, they scored 0.70 on average (n 2), 50% succeeded (n 2)."
    assert all(0.3 <= item.similarity <= 1 for item in work.items)
    assert work.compared.startswith("Compared by words. No model is installed")


def test_similar_work_of_later_of_itself_and_what_is_hidden_is_not_read(database: Database) -> None:
    remember(database, 1, SHELVES.text, created_at=NOW + dt.timedelta(seconds=1))
    remember(database, 2, SHELVES.text)
    remember(database, 3, SHELVES.text, tags=["EXCLUDE"])
    assert gather(database, SHELVES, as_of=NOW, leave_out="run-2").similar.n == 0
    assert gather(database, SHELVES, as_of=NOW).similar.items[0].similarity == 1.0


@pytest.mark.parametrize(
    "words", ["", "it", "'; DROP TABLE x; --", "a & | ! ( ) : * <->", "\\' \\\\", "http://x.y/z?q='1'", "日本 語"]
)
def test_any_words_can_be_looked_for(database: Database, words: str) -> None:
    remember(database, 1, f"about {words} shelves")
    gather(database, Request(f"about {words}"), as_of=NOW)


def test_the_topic_is_measured_against_all_posts(database: Database) -> None:
    post(database, "a", "tool shelves", "blog", 300)
    post(database, "b", "tool shelves", "blog", 500)
    post(database, "c", "staff", "forum", 100)
    with database.begin() as connection:
        connection.execute(
            historical_tasks.insert().values(
                task_id="t", topic="tool shelves", quality_score=0.8, completed_at=NOW, created_at=NOW
            )
        )
    topic = gather(database, SHELVES, as_of=NOW + dt.timedelta(seconds=1)).topic
    found = topic.effectiveness
    assert found is not None
    assert found.views is not None
    assert (topic.name, topic.n, found.views.mean, topic.all_posts, found.tasks) == ("tool shelves", 2, 400, 3, 1)
    assert topic.views_ratio == pytest.approx(400 / 300, abs=0.001)
    assert topic.note.startswith(
        "Topic “tool shelves”: 2 posts, 400 views on average, 1.33 times the average of all 3 posts that have a topic"
    )
    assert topic.note.endswith("1 finished task with quality 0.80.")


def _topic(db: Database, request: str) -> str:
    return gather(db, Request(request), as_of=NOW).topic.name


def test_a_topic_is_recognised_by_its_words_too_and_the_longest_wins(database: Database) -> None:
    post(database, "a", "racks", "blog", 1)
    post(database, "b", "racks for tools", "blog", 2)
    assert _topic(database, "Which tool goes on a rack? Racks for tools.") == "racks for tools"
    assert _topic(database, "Our racks: two more") == "racks"
    assert _topic(database, "For each tool a new rack") == "racks for tools"
    assert _topic(database, "Nothing of that") == ""


def test_platforms_have_their_baseline_and_the_asked_ones_are_told(database: Database) -> None:
    post(database, "a", "x", "blog", 100, 10)
    post(database, "b", "x", "forum", 40)
    measure(database, "b", "forum", 20, days_ago=1)
    known = gather(database, Request("Something for the forum"), as_of=NOW).platforms
    assert (known.n, known.asked) == (2, ("forum",))
    assert known.note == "forum 20 views on average (n 1)."
    assert {item.name: item.views for item in known.items} == {"blog": 100, "forum": 20}


def test_figures_are_the_latest_known_then_with_their_change(database: Database) -> None:
    record_figures(database, "revenue", [100, 110, 121])
    record_figures(database, "churn_rate", [0.02], currency=None)
    figures = gather(database, SHELVES, as_of=NOW).figures
    revenue = figures.named("revenue")
    assert revenue is not None
    assert (revenue.value, revenue.before, revenue.change, revenue.n) == (121, 110, 0.1, 3)
    churn = figures.named("churn_rate")
    assert churn is not None
    assert (churn.before, churn.change, churn.sentence) == (None, None, "churn rate 2.0%")
    # Recorded on the first of this month: not known on the last day of the month before.
    earlier = gather(database, SHELVES, as_of=NOW.replace(day=1, hour=0, minute=0) - dt.timedelta(hours=1)).figures
    before = earlier.named("revenue")
    assert before is not None
    assert (before.value, before.n) == (110, 2)


def test_patterns_in_use_that_bear_on_the_intent(database: Database) -> None:
    rows = [
        ("a", True, ["social_post"], 1.4, NOW), ("b", False, ["social_post"], 9.0, NOW),
        ("c", True, ["other"], 9.0, NOW),
        ("d", True, None, 2.0, None), ("e", True, [], 9.0, NOW + dt.timedelta(days=1)),
    ]  # fmt: skip
    with database.begin() as connection:
        for name, active, related, lift, found in rows:
            connection.execute(
                learning_patterns.insert().values(
                    pattern_id=name,
                    pattern_description=f"Pattern {name}.",
                    is_active=active,
                    related_intents=related,
                    lift=lift,
                    support_count=63,
                    discovered_at=found,
                    accepted_at=NOW,
                )
            )
    known = gather(database, Request("x", intent="social_post"), as_of=NOW).patterns
    assert [item["pattern_id"] for item in known.items] == ["d", "a"]
    assert known.note == "2 learned patterns in use bear on this. Pattern d. (n 63) Pattern a. (n 63)"


def test_the_context_survives_storing(company: Database) -> None:
    known = gather(company, Request("Write a thread about warranty repairs for Chirplane"), as_of=NOW)
    assert known.similar.n > 5
    assert known.topic.name == "warranty repairs"
    assert known.platforms.asked == ("Chirplane",)
    assert known.figures.n == 7
    stored = orjson.loads(orjson.dumps(known.to_json()))
    assert Context.of_json(stored) == known
    assert "ids" not in known.for_model()["similar"]
    assert known.past.n == 10
    assert known.business.tried == 490
    assert "not a cause" in known.business.note
    brief = {"similar_work", "past_work", "topic", "platforms", "figures", "business", "patterns"}
    assert set(known.brief()) == brief
    assert {"ids", "compared"}.isdisjoint(known.for_model()["past"])


def test_no_figure_of_later_than_the_request_is_used(company: Database) -> None:
    then = dt.datetime(2026, 5, 15, tzinfo=dt.UTC)
    known = contexts.gather(company, Request("Write a thread about warranty repairs"), as_of=then)
    assert {figure.period for figure in known.figures.items} == {"April 2026"}
    assert all(item.created_at < then.isoformat() for item in known.similar.items)
    later = contexts.gather(company, Request("Write a thread about warranty repairs"), as_of=NOW)
    assert later.topic.n >= known.topic.n
    assert later.platforms.n > known.platforms.n


def test_similar_work_is_found_by_meaning_where_a_model_is_installed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = model()
    monkeypatch.setattr("core.similarity.find", partial(similarity.find, models=lambda: its))
    remember(database, 1, "blog shelves", quality_score=0.9)
    encoded(database, its)
    known = gather(database, Request("shelves blog"), as_of=NOW)
    assert [(item.execution_id, item.similarity) for item in known.similar.items] == [("run-1", 1.0)]
    assert known.similar.compared == "Compared by meaning (exact@1) with 1 past work."
    assert Context.of_json(orjson.loads(orjson.dumps(known.to_json()))) == known
    assert "compared" not in known.for_model()["similar"]
