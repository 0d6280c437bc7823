"""The five lists: filtered, ordered, paged; and a sentence where nothing fits."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from core.db import Database
from core.db.tables import financial_metrics, historical_tasks, published_posts, social_analytics, web_analytics
from core.errors import InvalidFilter
from core.history import records
from core.history.records import Wanted

JANUARY = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def plant(db: Database) -> None:
    day = dt.timedelta(days=1)
    with db.begin() as connection:
        for number in range(7):
            connection.execute(
                insert(published_posts).values(
                    post_id=f"p{number}",
                    title=f"Post {number}",
                    content="x" * 400,
                    topic="oak" if number % 2 else "elm",
                    platform="blog" if number < 4 else "forum",
                    status=("published", "rejected", None)[number % 3],
                    views=number * 10 if number else None,
                    published_at=JANUARY + number * day if number != 5 else None,
                )
            )
            connection.execute(
                insert(historical_tasks).values(
                    task_id=f"t{number}", topic="oak", quality_score=number / 10, completed_at=JANUARY + number * day
                )
            )
            connection.execute(
                insert(social_analytics).values(
                    post_id=f"p{number}",
                    platform="blog",
                    engagement_rate=number / 100,
                    tracked_at=JANUARY + number * day,
                )
            )
            connection.execute(
                insert(web_analytics).values(
                    page_id="/a" if number % 2 else "/b", sessions=number, tracked_date=(JANUARY + number * day).date()
                )
            )
            connection.execute(
                insert(financial_metrics).values(
                    metric_type="revenue", metric_value=number, period_start=dt.date(2026, number + 1, 1)
                )
            )


def test_each_getter_filters_orders_and_pages(database: Database) -> None:
    plant(database)
    assert [post.post_id for post in records.posts(database).rows] == ["p6", "p4", "p3", "p2", "p1", "p0", "p5"]
    assert [post.post_id for post in records.posts(database, sort="best").rows][-1] == "p0", "what nobody knows is last"
    assert [post.post_id for post in records.posts(database, sort="worst").rows][-1] == "p0"
    chosen = records.posts(database, Wanted(topic="oak", platform="blog", outcome="rejected"))
    assert [(post.post_id, post.characters, len(post.content or "")) for post in chosen.rows] == [("p1", 400, 300)]
    assert [post.post_id for post in records.posts(database, Wanted(outcome="unknown")).rows] == ["p2", "p5"]
    two = Wanted(since=dt.date(2026, 1, 2), until=dt.date(2026, 1, 3))
    assert [task.task_id for task in records.tasks(database, two, sort="oldest").rows] == ["t1", "t2"]
    assert [task.quality_score for task in records.tasks(database, sort="best", limit=2).rows] == [0.6, 0.5]
    about = records.social(database, Wanted(topic="oak"), sort="oldest").rows
    assert [row.post_id for row in about] == ["p1", "p3", "p5"]
    assert [row.sessions for row in records.web(database, Wanted(name="/a")).rows] == [5, 3, 1]
    assert [row.period_start.month for row in records.finance(database, limit=2).rows if row.period_start] == [7, 6]


@pytest.mark.parametrize("getter", ["tasks", "posts", "social", "web", "finance"])
@pytest.mark.parametrize("sort", records.SORTS)
def test_pages_put_together_are_the_whole_list(database: Database, getter: str, sort: Any) -> None:
    plant(database)
    read = getattr(records, getter)
    whole = [row.id for row in read(database, sort=sort).rows]
    assert len(whole) == 7
    paged: list[int] = []
    mark = None
    while True:
        page = read(database, sort=sort, after=mark, limit=2)
        paged += [row.id for row in page.rows]
        mark = page.next
        if mark is None:
            break
    assert paged == whole


def test_why_nothing_is_listed_is_a_sentence(database: Database) -> None:
    assert records.posts(database).note == "No post is recorded yet; `history import` brings some."
    plant(database)
    for wanted, says in (
        (Wanted(topic="oaks"), "No post has the topic 'oaks'. Is 'oak' meant?"),
        (Wanted(platform="radio"), "No post has the platform 'radio'."),
        (Wanted(outcome="burnt"), "No post has the state 'burnt'."),
        (Wanted(since=dt.date(2027, 1, 1)), "No post lies between these dates; they go from 2026-01-01 to 2026-01-07."),
        (Wanted(topic="elm", outcome="rejected", platform="blog"), "No post fits all of this."),
    ):
        assert records.posts(database, wanted).note == says
    assert records.posts(database).note == ""


@pytest.mark.parametrize(
    ("wanted", "options", "says"),
    [
        (Wanted(platform="blog"), {}, "has no platform"),
        (Wanted(since=dt.date(2026, 2, 1), until=dt.date(2026, 1, 1)), {}, "end before they begin"),
        (Wanted(), {"sort": "loudest"}, "no order 'loudest'"),
        (Wanted(), {"after": "x@y"}, "not the mark of a page"),
        (Wanted(), {"after": "3@soon"}, "not the mark of a page"),
    ],
)
def test_what_a_list_does_not_have_is_refused(database: Database, wanted: Wanted, options: Any, says: str) -> None:
    with pytest.raises(InvalidFilter, match=says):
        records.tasks(database, wanted, **options)


def test_the_sources_say_how_much_they_hold_and_how_fresh_it_is(database: Database) -> None:
    plant(database)
    found = {each.source: each for each in records.sources(database)}
    assert list(found) == ["tasks", "posts", "social", "web", "finance"]
    posts = found["posts"]
    assert (posts.rows, posts.dated, posts.imports, posts.imported_at) == (7, 6, 0, None)
    assert (posts.first, posts.last) == (JANUARY, JANUARY + dt.timedelta(days=6))
    assert posts.note == "Only 7 rows: fewer than 30 can say little. 1 rows have no date and count in no trend."


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kept=st.lists(
        st.tuples(st.sampled_from(["oak", "elm", None]), st.sampled_from(["a", None]), st.none() | st.integers(0, 5)),
        max_size=8,
    ),
    topic=st.sampled_from(["", "oak", "elm"]),
    outcome=st.sampled_from(["", "a", "unknown"]),
    first=st.none() | st.integers(0, 5),
    last=st.none() | st.integers(0, 5),
)
def test_filters_agree_with_plain_python(
    database: Database, kept: Any, topic: str, outcome: str, first: int | None, last: int | None
) -> None:
    if first is not None and last is not None and first > last:
        first, last = last, first
    day = dt.timedelta(days=1)
    with database.begin() as connection:
        connection.execute(text("DELETE FROM orchestrator_historical_tasks"))
        for number, (its, status, at) in enumerate(kept):
            connection.execute(
                insert(historical_tasks).values(
                    task_id=str(number),
                    topic=its,
                    status=status,
                    completed_at=None if at is None else JANUARY + at * day,
                )
            )
    wanted = Wanted(
        topic=topic,
        outcome=outcome,
        since=None if first is None else (JANUARY + first * day).date(),
        until=None if last is None else (JANUARY + last * day).date(),
    )
    expected = [
        (-99 if at is None else at, number)
        for number, (its, status, at) in enumerate(kept)
        if topic in ("", its)
        and outcome in ("", status or "unknown")
        and (first is None or (at is not None and at >= first))
        and (last is None or (at is not None and at <= last))
    ]
    found = [int(task.task_id) for task in records.tasks(database, wanted).rows]
    assert found == [number for _, number in sorted(expected, reverse=True)]
