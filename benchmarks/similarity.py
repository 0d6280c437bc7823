"""Similar past work: how often it is found, and how long that takes, by meaning and by full text.

Which of 300 requests a paraphrase of one of them finds first needs the model (`similarity install`, or
WHETSTONE_SIMILARITY_MODEL); without it only words are measured. How long a search takes does not: vectors of chance do.
"""

import datetime as dt
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import text

from benchmarks.measuring import in_turns, show
from benchmarks.setting import Setting
from core import similarity
from core.db import Database, workspaces
from core.similarity import Ask, EncoderModel, Found

_SCHEMA = "bench_similarity"
_TASKS = 100_000
_DIMENSION = 384
_PAIRS = [
    line.split(" || ")
    for line in (Path(__file__).parent / "similarity_pairs.txt").read_text(encoding="utf-8").splitlines()
]
_VERBS = (
    "Summarize", "Write", "Translate", "Find", "Fix", "Draft", "Create", "Refactor", "Classify", "Generate", "Explain",
    "Deploy", "Extract", "Plan", "Compare", "Review", "Analyze", "Check",
)  # fmt: skip
_OBJECTS = (
    "customer emails from yesterday", "a unit test for the currency converter", "the lease agreement into Spanish",
    "cheap hotels in Rome in June", "the crash in the video service", "an invitation for a birthday party",
    "a pie chart of yearly costs", "the search module to use threads", "news articles by topic",
    "SQL to list products out of stock", "how databases index rows", "the frontend to production",
    "addresses from scanned letters", "a five day trip to Iceland", "MongoDB and Redis for caching",
    "this design document for clarity", "weather data for 2020", "the budget spreadsheet", "a story about a dragon",
    "the quarterly hiring numbers", "license terms of our dependencies", "a recipe for lentil soup",
    "the log files of the proxy", "a speech for a wedding", "a workout routine for beginners",
)  # fmt: skip
_ENDINGS = ("", " today", " for the team", " in detail", " with references", " as a table")


def run(setting: Setting) -> None:
    """Measure and print both."""
    if workspaces.exists(setting.company, _SCHEMA):
        workspaces.drop(setting.company, _SCHEMA)
    db = workspaces.create(setting.company, _SCHEMA)
    try:
        _recall(db)
        _speed(db)
    finally:
        workspaces.drop(setting.company, _SCHEMA)


def _recall(db: Database) -> None:
    requests = [original for original, _ in _PAIRS] + _distractors(240)
    _tasks(db, requests)
    print(
        f"\nwhich of {len(requests)} requests {len(_PAIRS)} paraphrases find in the first place, and in the first five"
    )
    _print_recall("PostgreSQL's own, ts_rank_cd of any word", lambda said: _by_postgres(db, said))
    _print_recall("Whetstone without a model, by words", lambda said: _titles(db, said, lambda: None))
    model = similarity.model()
    if model is None:
        print(f"  by meaning not measured. {similarity.missing()}")
        return
    similarity.register(db, model, switch=True)
    similarity.encode_all(db, model)
    _print_recall(f"Whetstone, {model.name}", lambda said: _titles(db, said, lambda: model))


def _titles(db: Database, said: str, models: Callable[[], EncoderModel | None]) -> list[str]:
    return [hit.text for hit in _search(db, Ask(said, kinds=("task",), limit=5), models).hits]


#: With stems of English, any word of the text, ranked: what one would write first.
_POSTGRES = text(
    """
    SELECT title FROM orchestrator_historical_tasks,
         CAST(replace(CAST(plainto_tsquery('english', CAST(:said AS text)) AS text), '&', '|') AS tsquery) AS query
    WHERE to_tsvector('english'::regconfig, title) @@ query
    ORDER BY ts_rank_cd(to_tsvector('english'::regconfig, title), query) DESC, id LIMIT :most
    """
)


def _by_postgres(db: Database, said: str, most: int = 5) -> list[str]:
    with db.connect() as connection:
        return list(connection.execute(_POSTGRES, {"said": said, "most": most}).scalars())


def _print_recall(name: str, search: Callable[[str], list[str]]) -> None:
    places = []
    for original, paraphrase in _PAIRS:
        found = search(paraphrase)
        places.append(found.index(original) if original in found else None)
    first = sum(place == 0 for place in places) / len(places)
    five = sum(place is not None for place in places) / len(places)
    print(f"  {name:<46}recall@1 {first:.2f}   recall@5 {five:.2f}", flush=True)


def _search(db: Database, ask: Ask, models: Callable[[], EncoderModel | None]) -> Found:
    with db.connect() as connection:
        return similarity.find(connection, ask, models=models)


def _distractors(count: int) -> list[str]:
    draw, made = random.Random(0), set[str]()
    while len(made) < count:
        made.add(f"{draw.choice(_VERBS)} {draw.choice(_OBJECTS)}{draw.choice(_ENDINGS)}")
    return sorted(made)


def _tasks(db: Database, titles: list[str]) -> None:
    with db.begin() as connection:
        connection.execute(text("DELETE FROM orchestrator_historical_tasks"))
        connection.execute(
            text(
                "INSERT INTO orchestrator_historical_tasks (task_id, title, topic, created_at)"
                " SELECT n, title, 'topic ' || n % 50, timestamptz '2026-01-01' + n * interval '1 minute'"
                " FROM unnest(CAST(:titles AS text[])) WITH ORDINALITY AS t (title, n)"
            ),
            {"titles": titles},
        )
    with db.dedicated() as connection:
        connection.execute(
            "CREATE INDEX IF NOT EXISTS bench_words ON orchestrator_historical_tasks"
            " USING gin (to_tsvector('english'::regconfig, title))"
        )
        connection.execute("VACUUM ANALYZE orchestrator_historical_tasks")


class _Chance:
    """A vector of chance for each text; what it takes to make one is measured apart."""

    dimension = _DIMENSION

    def __init__(self, of: np.ndarray) -> None:
        self._of = of

    def encode(self, texts: list[str]) -> np.ndarray:
        return self._of[: len(texts)]


def _speed(db: Database) -> None:
    draw = random.Random(1)
    words = [f"{verb} {what}{end}".split() for verb in _VERBS for what in _OBJECTS for end in _ENDINGS]
    _tasks(db, [" ".join(draw.choice(words) + draw.choice(words)) for _ in range(_TASKS)])
    model = _vectors_of_chance(db)
    some_time = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    ask = Ask("Translate the budget spreadsheet for the hiring team", kinds=("task",), limit=50)
    chosen = {
        "": ask,
        ", of one topic of 50": Ask(ask.text, kinds=ask.kinds, topic="topic 7", limit=50),
        ", as of a date in the middle": Ask(ask.text, kinds=ask.kinds, as_of=some_time, limit=50),
    }
    for name, each in chosen.items():
        seconds = in_turns(
            {
                "Whetstone": lambda each=each: _search(db, each, lambda: model),
                "Whetstone without a model, by words": lambda each=each: _search(db, each, lambda: None),
            }
        )
        show(f"the 50 most similar of {_TASKS:,} tasks by their vectors{name}", seconds)
    own = in_turns(
        {
            "Whetstone": lambda: _search(db, ask, lambda: model),
            "PostgreSQL's own, ts_rank_cd of any word": lambda: _by_postgres(db, ask.text, 50),
        }
    )
    show(f"the same of all {_TASKS:,}, against an index with stems of English", own)
    start = time.process_time()
    for _ in range(10):
        _search(db, ask, lambda: model)
    print(f"  of which in this process, on one core        {(time.process_time() - start) / 10:>10.4f} s")
    real = similarity.model()
    if real:
        show("and the vector of the text, once more", in_turns({"Whetstone": lambda: real.encoder.encode([ask.text])}))


def _vectors_of_chance(db: Database) -> EncoderModel:
    draw = np.random.default_rng(2)
    near = draw.normal(size=_DIMENSION)
    made = draw.normal(size=(_TASKS, _DIMENSION)) + near  # as near to each other as texts of one company
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    query = (near / np.linalg.norm(near)).astype(np.float32)[None]
    model = EncoderModel("chance@1", _Chance(query))  # type: ignore[arg-type]
    similarity.register(db, model, switch=True)
    with db.begin() as connection:
        connection.execute(text("DELETE FROM similarity_due"))
        connection.execute(text("DELETE FROM similarity_vectors"))
        ids = connection.execute(text("SELECT id FROM orchestrator_historical_tasks ORDER BY id")).scalars().all()
        raw = connection.connection.driver_connection
        assert raw is not None
        with (
            raw.cursor() as cursor,
            cursor.copy(
                "COPY similarity_vectors (kind, row_id, model, content, vector, known_at, topic) FROM STDIN"
            ) as copy,
        ):
            for number, (row_id, each) in enumerate(zip(ids, made.astype("<f2"), strict=True), start=1):
                at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=number)
                copy.write_row(("task", row_id, "chance@1", "0" * 32, each.tobytes(), at, f"topic {number % 50}"))
    with db.dedicated() as connection:
        connection.execute("VACUUM ANALYZE similarity_vectors")
    return model
