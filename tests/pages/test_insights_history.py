"""The page Insights over the company's history: topics, platforms, the business, and the history itself."""

import datetime as dt

import pytest
from sqlalchemy import insert, select
from streamlit.testing.v1 import AppTest

from core import history
from core.db import Database
from core.db.tables import examples, financial_metrics, historical_tasks, published_posts
from core.history.correlation import later
from tests.pages.acting import click, keys, metrics
from tests.pages.conftest import Visit, text

HOSTILE = "<b>oak</b> ![x](http://evil.example/x.png)"
MONDAY = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)


def column(app: AppTest, key: str, name: str) -> list[object]:
    """A column of the table that has it, `key` being a column that only that table has."""
    return next(each.value for each in app.dataframe if key in each.value)[name].tolist()


def charts(app: AppTest) -> str:
    return "\n".join(each.proto.spec for each in app.get("plotly_chart"))


def result(db: Database) -> str | None:
    with db.connect() as connection:
        return connection.execute(select(examples.c.execution_result)).scalar_one()


@pytest.fixture
def posted(database: Database) -> Database:
    """40 posts on one topic, answered by a tenth of who saw them; 5 on another, answered by half; one task."""
    rows = [
        {
            "post_id": str(number),
            "topic": "elm" if number < 40 else HOSTILE,
            "platform": "blog" if number < 40 else "forum",
            "views": 100,
            "engagement": (10 if number < 40 else 50) + number % 3,
            "status": "published",
            "published_at": MONDAY + dt.timedelta(days=7 * (number % 20)),
        }
        for number in range(45)
    ]
    with database.begin() as connection:
        connection.execute(insert(published_posts), rows)
        connection.execute(
            insert(historical_tasks).values(task_id="t", topic="elm", quality_score=0.7, completed_at=MONDAY)
        )
    return database


@pytest.mark.parametrize(
    ("tab", "said"),
    [
        ("topics", "nothing is known of any topic"),
        ("platforms", "No post with a platform is recorded"),
        ("business", "there is nothing to compare"),
    ],
)
def test_without_history_each_tab_says_what_it_will_show(visit: Visit, tab: str, said: str) -> None:
    app = visit("insights", tab=tab)
    assert said in text(app)
    assert "This tab will " in text(app)
    assert not app.dataframe


def test_topics_are_compared_with_interval_and_n_and_few_rows_say_so(visit: Visit, posted: Database) -> None:
    app = visit("insights", tab="topics")

    assert column(app, "topic", "topic") == [HOSTILE, "elm"]
    assert column(app, "topic", "n") == [5, 40]
    assert column(app, "topic", "few") == ["under 30", ""]
    first, second = column(app, "topic", "value")
    assert first == pytest.approx(51, abs=1)
    assert second == pytest.approx(11, abs=1)
    assert "&lt;b&gt;oak" in charts(app)
    assert "<b>oak" not in charts(app)

    app.segmented_control(key="topic_measure").set_value("quality").run()

    assert not app.exception
    assert column(app, "topic", "n")[0] == 1
    assert column(app, "topic", "few")[0] == "under 30"
    assert column(app, "topic", "value")[0] == pytest.approx(0.7)
    assert column(app, "topic", "interval")[0] is None, "of one value nobody knows how sure it is"


def test_platforms_have_their_baseline_and_times_are_in_a_zone(visit: Visit, posted: Database) -> None:
    app = visit("insights", tab="platforms")

    assert column(app, "platform", "posts") == [40, 5]
    assert column(app, "platform", "few") == ["", "under 30"]
    assert column(app, "platform", "engagement")[1].endswith("under 30 rows)")
    assert "Monday, 8:00 to 12:00" in charts(app)
    assert "Every cell rests" not in text(app)
    assert "No time of the week is surely better than another" in text(app)

    app.selectbox(key="times_zone").set_value("Asia/Tokyo").run()

    assert not app.exception
    assert "Monday, 16:00 to 20:00" in charts(app)
    assert "Monday, 8:00 to 12:00" not in charts(app)
    app.selectbox(key="times_platform").set_value("forum").run()
    assert "Every cell rests on fewer than 30 posts" in text(app)
    assert "5 posts with a date" in text(app)


def test_the_business_is_set_against_content_and_never_called_a_cause(visit: Visit, database: Database) -> None:
    numbers = (1, 4, 2, 5, 1, 3, 5, 2, 4, 1, 5, 3)
    with database.begin() as connection:
        for number, posts in enumerate(numbers):
            month = later(dt.date(2024, 1, 1), number)
            rows = [{"post_id": f"{number}-{each}", "published_at": month, "views": 10} for each in range(posts)]
            connection.execute(insert(published_posts), rows)
            # Two months later, ten times the posts.
            figure = {"metric_type": HOSTILE, "metric_value": 10 * posts, "period_start": later(month, 2)}
            connection.execute(insert(financial_metrics), {**figure, "recorded_at": MONDAY})

    app = visit("insights", tab="business")

    assert "What goes together is not a cause." in text(app)
    assert f"{HOSTILE} in USD rises with posts 2 months later (r +1.00" in text(app)
    assert "Only 11 months: under 30, one month may turn it." in text(app)
    surest = column(app, "pearson", "lag")[0], column(app, "pearson", "clear")[0], column(app, "pearson", "few")[0]
    assert surest == (2, "★ clear", "under 30")
    assert "1.00★" in charts(app)
    assert "every cell rests on fewer than 30 months" in text(app)
    assert "<b>oak" not in charts(app)

    app.select_slider(key="business_lag").set_value(-3).run()

    assert not app.exception
    assert "is not shown to move with posts 3 months earlier" in text(app)
    assert "views of a post" in "\n".join(str(each) for each in column(app, "why", "pair"))


def uploaded(visit: Visit, content: bytes, name: str = "posts.csv") -> AppTest:
    app = visit("insights", tab="history")
    app.file_uploader(key="import_file_0").upload(name, content).run()
    assert not app.exception
    return app


def test_sources_say_how_much_they_hold_and_how_old_it_is(visit: Visit, posted: Database) -> None:
    app = visit("insights", tab="history")
    assert column(app, "source", "rows") == [1, 45, 0, 0, 0]
    assert column(app, "source", "few") == ["under 30", "", "under 30", "under 30", "under 30"]
    assert column(app, "source", "note")[0] == "Only 1 rows: fewer than 30 can say little."
    assert str(column(app, "source", "last")[1])[:10] == "2026-05-18"


def test_a_file_is_seen_before_it_is_imported_and_undone_as_one_act(visit: Visit, database: Database) -> None:
    app = uploaded(visit, f"post_id,title,views,colour\na,{HOSTILE},12,red\nb,Elm,30,blue\n".encode())

    assert (metrics(app)["New"], metrics(app)["Invalid"]) == ("2", "0")
    assert "Each row is a post." in text(app)
    assert "not used (2 rows have it)" in column(app, "Becomes", "Becomes")
    assert history.posts(database).rows == []
    click(app, "history_go")

    assert "2 new, 0 changed, 0 unchanged" in text(app)
    assert [post.title for post in history.posts(database).rows] == ["Elm", HOSTILE]
    assert column(app, "source", "rows")[1] == 2
    click(app, "notice_undo")
    assert "Import undone: 2 rows taken away" in text(app)
    assert history.posts(database).rows == []
    (record,) = history.list_imports(database)
    click(app, f"history_import_turn_{record.id}")
    assert len(history.posts(database).rows) == 2


def test_a_row_that_fails_is_named_and_changes_nothing(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"post_id,title,views\na,Oak,12\nb,Elm,many\n")

    assert metrics(app)["Invalid"] == "1"
    (failing,) = next(each.value for each in app.dataframe if "Expected" in each.value).itertuples(index=False)
    assert tuple(failing) == (2, "views", "'many'", "a whole number of 0 or more, such as 1200")
    assert app.button(key="history_go").disabled
    assert "1 invalid row. Fix the file" in text(app)

    app.toggle(key="history_skip").set_value(True).run()
    click(app, "history_go")

    assert [post.post_id for post in history.posts(database).rows] == ["a"]


def test_what_a_file_leaves_open_is_asked(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"task_id,title,quality_score\na,Oak,0.8\nb,Elm,3\nc,Ash,4\n", "tasks.csv")
    assert "history_go" not in keys(app)

    app.radio(key="import_ask_scale_quality_score").set_value("5").run()

    assert "quality_score is 5" in text(app)
    click(app, "history_go")
    found = {task.task_id: task.quality_score for task in history.tasks(database).rows}
    assert found["c"] == pytest.approx(0.8)
    app = uploaded(visit, b"one,two\n1,2\n", "what.csv")
    assert [each.key for each in app.radio] == ["import_ask_source"]


def test_examples_get_their_results_after_a_look_and_a_question(visit: Visit, database: Database) -> None:
    with database.begin() as connection:
        connection.execute(
            insert(examples).values(execution_id="run", user_request="Write", execution_result="success")
        )
        connection.execute(insert(published_posts).values(post_id="p", execution_id="run", content="A real text"))
    app = visit("insights", tab="history")

    click(app, "backfill_look")
    assert "1 example without a result; 1 of them would get one: 1 by the execution id" in text(app)
    click(app, "backfill_go")
    assert result(database) == "success"
    click(app, "modal_yes")

    assert "1 example got a result" in text(app)
    assert result(database) == "A real text"
    assert "backfill_go" not in keys(app)
    (record,) = history.backfills(database)
    click(app, f"backfill_undo_{record.id}")
    assert result(database) == "success"
    assert "Undone: 1 example as before." in text(app)


def test_a_plan_that_is_no_longer_true_changes_nothing(visit: Visit, database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(examples).values(execution_id="run", user_request="Write", execution_result=""))
        connection.execute(insert(published_posts).values(post_id="p", execution_id="run", content="A real text"))
    app = click(visit("insights", tab="history"), "backfill_look")
    with database.begin() as connection:
        connection.execute(published_posts.update().values(content="Another text"))

    click(click(app, "backfill_go"), "modal_yes")

    assert "Examples or history changed since the preview" in text(app)
    assert result(database) == ""
