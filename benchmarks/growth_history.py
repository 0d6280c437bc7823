"""The acts on the company's history whose growth is measured: posts imported, undone and told from, and mining."""

import csv
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from core import history, patterns
from core.db import Database
from core.history import Files

if TYPE_CHECKING:
    from benchmarks.growth import Watch

_ACTOR = "benchmark"
_TOPICS, _PLATFORMS = 40, 5
_FIRST = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def measure(db: Database, watch: "Watch", folder: Path, rows: int) -> None:
    """Import as many posts, and a measurement of every other; then mine the examples."""
    posts, social = _files(folder, rows)
    with watch.act("history: import of posts"):
        done = history.run_import(db, posts, actor=_ACTOR)
    with watch.act("history: import of the same"):
        assert history.run_import(db, posts, actor=_ACTOR).same == rows
    with watch.act("history: measurements"):
        assert history.run_import(db, social, actor=_ACTOR).new == (rows + 1) // 2
    with watch.act("history: topics"):
        assert history.topics(db).posts >= rows
    assert done.import_id
    with watch.act("history: undo"):
        assert history.undo_import(db, done.import_id, actor=_ACTOR).rows == rows
    with watch.act("history: redo"):
        assert history.redo_import(db, done.import_id, actor=_ACTOR).rows == rows
    with watch.act("patterns: mine"):
        patterns.mine(db, actor=_ACTOR)


def _files(folder: Path, rows: int) -> tuple[Files, Files]:
    posts, social = folder / f"growth-posts-{rows}.csv", folder / f"growth-social-{rows}.csv"
    with posts.open("w", newline="") as file, social.open("w", newline="") as other:
        writer, measured = csv.writer(file), csv.writer(other)
        writer.writerow(
            ("post_id", "title", "content", "topic", "platform", "views", "engagement", "slug", "published_at")
        )
        measured.writerow(("post_id", "platform", "views", "likes", "tracked_at"))
        for number in range(rows):
            at, platform = _FIRST + dt.timedelta(minutes=number), f"platform {number % _PLATFORMS}"
            name, topic = f"grown-{number}", f"topic {number * 7919 % _TOPICS}"
            text = f"Post {number} about {topic}, and {'more ' * (number % 20)}of it."
            views = number * 31 % 5_000
            writer.writerow((name, f"Title {number}", text, topic, platform, views, views // 20, name, at.isoformat()))
            if number % 2 == 0:
                measured.writerow((name, platform, views + 10, views // 15, (at + dt.timedelta(days=2)).isoformat()))
    return Files(posts), Files(social)
