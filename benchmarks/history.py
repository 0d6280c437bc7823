"""What history says of topics, against bare SQL: mean views of each, and the same figures without measurements."""

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import Setting
from core import history
from core.db import Database, migrations, workspaces

_TOPICS = 300
_FILL = """
    INSERT INTO orchestrator_published_posts
        (post_id, title, content, topic, platform, slug, status, views, engagement, published_at)
    SELECT 'post-' || n, 'Title ' || n, repeat(md5(n::text), 12), 'topic ' || n * 7919 % {topics}, 'platform ' || n % 6,
           'slug-' || n, 'published', n * 31 % 5000, n * 17 % 400, '2024-01-01'::timestamptz + n * interval '1 minute'
    FROM generate_series(1::bigint, {posts}) AS n"""
_MEAN = "SELECT topic, count(*), avg(views) FROM orchestrator_published_posts GROUP BY topic"
_RATE = "engagement::float8 / nullif(views, 0)"
_SAME = f"""
    SELECT topic, count(*), avg(views::float8), var_samp(views::float8), avg({_RATE}), var_samp({_RATE})
    FROM orchestrator_published_posts WHERE published_at <= now() GROUP BY topic"""


def run(setting: Setting) -> None:
    db = _filled(setting)

    def bare(query: str) -> int:
        with db.connect() as connection:
            return len(connection.exec_driver_sql(query).all())

    found = history.topics(db)
    assert (len(found.topics), found.posts) == (bare(_MEAN), setting.examples), "the contestants count other posts"
    show(
        f"history: effectiveness of {_TOPICS} topics, {setting.examples:,} posts",
        in_turns(
            {
                OURS: lambda: history.topics(db),
                "bare SQL, mean views": lambda: bare(_MEAN),
                "bare SQL, the same figures": lambda: bare(_SAME),
            }
        ),
        rows=setting.examples,
    )


def _filled(setting: Setting) -> Database:
    """A workspace with as many posts as the demo company has examples, made once and kept."""
    name = f"bench_history_{setting.examples}"
    if not workspaces.exists(setting.company, name):
        print(f"inventing {setting.examples:,} posts…", flush=True)
        workspaces.create(setting.company, name)
    db = setting.company.in_workspace(name)
    migrations.migrate(db)
    with db.dedicated() as connection:
        there = connection.execute("SELECT count(*) FROM orchestrator_published_posts").fetchone()
        if there != (setting.examples,):
            connection.execute("TRUNCATE orchestrator_published_posts")
            fill = _FILL.format(topics=_TOPICS, posts=setting.examples)
            connection.execute(fill.encode())
            connection.execute("VACUUM ANALYZE orchestrator_published_posts")
    return db
