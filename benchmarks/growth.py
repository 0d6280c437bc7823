"""How each act on many examples grows with their number: its seconds at several sizes, and the exponent between them.

Twice the rows shall take twice the time: exponent 1. Sorting adds a little; a loop in a loop is 2. What is judged are
the seconds of the processor where the server runs on this machine, so that other work beside it does not count.
"""

import csv
import datetime as dt
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks import growth_history
from benchmarks.setting import Setting
from core import audit, demo
from core.commands import choices, claims, verbs
from core.commands.filters import CommandFilter
from core.datasets import checks, comparison, concerned, exporting, snapshots, verification
from core.datasets.candidates import Choice
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database, workspaces
from core.evaluation import rows as questions
from core.examples import cube, importing, statistics, store, tagging
from core.examples import exporting as examples_exporting
from core.examples.filters import Filter

#: More than this is not the sorting.
MOST = 1.2
#: Below this many seconds an act is all beginnings, and the clock is coarse: there an exponent says nothing.
FLOOR_S = 0.25
SIZES = (1_000, 10_000, 100_000)

_WARM = 200
_MOST_ROUNDS = 3

_EVERYTHING = Filter(exclude_tags=())
_ACTOR = "benchmark"
_BACKGROUND = (
    "checkpointer",
    "background writer",
    "walwriter",
    "autovacuum launcher",
    "io worker",
    "logical replication",
)

Seconds = dict[str, float]
#: Of every act, by the number of rows.
Growth = dict[int, Seconds]
#: Shows each act's seconds while it goes on.
Tell = Callable[[str, float], None]


class Clock:
    """The seconds that this process and the server's sessions have computed; seconds of the wall where the server runs
    elsewhere, or on a system that does not add up what ended."""

    def __init__(self, db: Database) -> None:
        self._server: psutil.Process | None = None
        with db.dedicated() as connection:
            try:
                session = psutil.Process(connection.info.backend_pid)
                ours = "postgres" in session.name() and hasattr(session.cpu_times(), "children_user")
                self._server = session.parent() if ours else None
            except psutil.Error:
                pass

    def now(self) -> float:
        if self._server is None:
            return time.perf_counter()
        while True:
            with suppress(psutil.Error, OSError):  # a session is just ending: look again
                sessions = self._sessions()
                ended = self._server.cpu_times()
                total = ended.user + ended.system + ended.children_user + ended.children_system
                total += sum(map(_computed, sessions))
                if sessions == self._sessions():  # else one ended in between, and is in neither sum
                    return total + time.process_time()
            time.sleep(0.01)

    def _sessions(self) -> list[psutil.Process]:
        assert self._server
        children = self._server.children()
        return [each for each in children if not any(word in " ".join(each.cmdline()) for word in _BACKGROUND)]


def _computed(process: psutil.Process) -> float:
    """Linux also counts in nanoseconds, where the other counter counts in hundredths."""
    precise = Path(f"/proc/{process.pid}/schedstat")
    if precise.exists():
        return int(precise.read_text().split()[0]) / 1e9
    times = process.cpu_times()
    return times.user + times.system


class Watch:
    """Stops the time of acts; of one that is done several times the shortest counts."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock, self._tell = clock, tell
        self.seconds: Seconds = {}

    @contextmanager
    def act(self, name: str) -> Iterator[None]:
        start = self._clock.now()
        yield
        took = self._clock.now() - start
        self.seconds[name] = min(took, self.seconds.get(name, took))
        self._tell(name, took)


def measure(
    company: Database,
    folder: Path,
    rows: int,
    tell: Tell = lambda _name, _took: None,
    parts: Collection[str] = (),
) -> dict[str, Seconds]:
    """The seconds of every act on `rows` examples by the part it belongs to, or of these `parts` alone. Each is done in
    workspaces of its own that are dropped again.

    Nothing is analysed in between: a person who has just imported does not wait for autovacuum either.
    """
    name, clock = f"growth_{rows}", Clock(company)
    _drop(company, name)
    whole = Watch(clock, tell)
    with whole.act("demo load"):
        demo.load(company, examples=rows, actor=_ACTOR, workspace=name, today=dt.date(2026, 11, 1))
    db = company.in_workspace(name)
    _leave_alone(db)
    found = {_DEMO: whole.seconds}
    for part, acts in _PARTS.items():
        if not parts or part in parts:
            watch = Watch(clock, tell)
            acts(db, watch, folder, rows)
            found[part] = watch.seconds
    with whole.act("demo drop"):
        demo.drop(company, actor=_ACTOR, workspace=name)
    return found


def _drop(company: Database, workspace: str) -> None:
    if workspaces.exists(company, workspace):
        workspaces.drop(company, workspace)


def _leave_alone(db: Database) -> None:
    """No autovacuum in between: it comes when it likes, and its seconds would count for whatever goes on then."""
    with db.begin() as connection:
        tables = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        for (table_name,) in tables.all():
            connection.exec_driver_sql(f'ALTER TABLE "{table_name}" SET (autovacuum_enabled = off)')


def _examples(db: Database, watch: Watch, _folder: Path, rows: int) -> None:
    with watch.act("cube"):
        assert cube.refresh(db)
    with watch.act("statistics, words"):
        statistics.overview(db, Filter(words="post"))
    with watch.act("export examples"):
        _read(examples_exporting.export(db, _EVERYTHING))
    with watch.act("export examples as CSV"):
        _read(examples_exporting.export(db, _EVERYTHING, "csv"))
    with watch.act("tag"):
        first = tagging.add_tags(db, _EVERYTHING, ["GROWN", "SECOND"], actor=_ACTOR, reason=_ACTOR)
    with watch.act("remove tags"):
        later = tagging.remove_tags(db, _EVERYTHING, ["GROWN"], actor=_ACTOR, reason=_ACTOR)
    with watch.act("undo a tag, with a later act"):
        assert tagging.undo_tags(db, first.id, actor=_ACTOR) == rows
    with watch.act("undo a tag"):
        assert tagging.undo_tags(db, later.id, actor=_ACTOR) == rows
    with db.connect() as connection:
        ids = connection.exec_driver_sql("SELECT id FROM orchestrator_training_data").scalars().all()
    with watch.act("tag by hand"):
        assert tagging.add_tags(db, ids, ["BY_HAND"], actor=_ACTOR, reason=_ACTOR).count == rows
    with watch.act("pages through"):
        after = None
        while True:
            page = store.page(db, _EVERYTHING, after=after, limit=1_000)
            if (after := page.next) is None:
                break


def _datasets(db: Database, watch: Watch, _folder: Path, _rows: int) -> None:
    choice = Choice(_EVERYTHING, Recipe(), Split(), (), True)
    with watch.act("checks"):
        checks.review(db, choice.filter, choice.recipe, choice.split)
    with watch.act("concerned"):
        concerned.ids(db, choice, "duplicate")
    with watch.act("freeze"):
        one = snapshots.create(db, "grown", filter=_EVERYTHING, recipe=Recipe(), split=Split(), actor=_ACTOR)
    with watch.act("freeze again, with duplicates"):
        other = snapshots.create(
            db,
            "grown",
            filter=_EVERYTHING,
            recipe=Recipe(target="result"),
            split=Split(group="topic"),
            drop_duplicates=False,
            actor=_ACTOR,
        )
    with watch.act("verify"):
        assert verification.verify(db, one).ok
    with watch.act("compare"):
        comparison.compare(db, one, other)
    for format_ in ("openai", "parquet", "dpo"):
        with watch.act(f"export version, {format_}"):
            _read(exporting.export(db, other, "all", format_))
    with watch.act("evaluation draws"):
        places = questions.positions(db, one, "train", limit=one.example_count // 2)
        for batch in questions.in_batches(places, 100):
            questions.at(db, one, batch)


def _files(db: Database, folder: Path, rows: int) -> tuple[Path, Path]:
    """The examples as a file, and the same with every answer changed."""
    paths = folder / f"growth-{rows}.csv", folder / f"growth-{rows}-changed.csv"
    query = (
        "SELECT execution_id, user_request, intent, execution_plan, concat(execution_result, {}) AS execution_result,"
        " quality_score, success, tags, created_at, source_agent, source_model"
        " FROM orchestrator_training_data ORDER BY id"
    )
    for path, more in zip(paths, ("NULL", "' again'"), strict=True):
        with db.copying() as connection, path.open("wb") as file:
            statement = f"COPY ({query.format(more)}) TO STDOUT (FORMAT csv, HEADER)"
            with connection.cursor().copy(statement.encode()) as copy:
                for block in copy:
                    file.write(block)
    return paths


def _imports(source: Database, watch: Watch, folder: Path, rows: int) -> None:
    path, changed = _files(source, folder, rows)
    name = f"growth_import_{rows}"
    _drop(source, name)
    db = workspaces.create(source, name)
    _leave_alone(db)
    small = folder / "growth-small.csv"
    for which, more in enumerate(("", " once", " twice")):  # what statistics tell of: small imports, some with changes
        _write_small(small, more)
        assert importing.run(db, small, actor=_ACTOR).new == (0 if which else 100)
    with db.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    with watch.act("preview of an import"):
        importing.preview(db, path)
    with watch.act("import"):
        first = importing.run(db, path, actor=_ACTOR)
    with watch.act("import of the same"):
        assert importing.run(db, path, actor=_ACTOR).same == rows
    with watch.act("import of changes"):
        second = importing.run(db, changed, actor=_ACTOR)
    assert (first.new, second.changed) == (rows, rows)
    assert first.import_id
    assert second.import_id
    with watch.act("undo changes"):
        assert importing.undo(db, second.import_id, actor=_ACTOR).restored == rows
    with watch.act("redo changes"):
        assert importing.redo(db, second.import_id, actor=_ACTOR).restored == rows
    with watch.act("withdraw an import"):
        assert importing.undo(db, first.import_id, actor=_ACTOR).rows == rows
    with watch.act("redo an import"):
        assert importing.redo(db, first.import_id, actor=_ACTOR).rows == rows
    importing.undo(db, first.import_id, actor=_ACTOR)
    with watch.act("import of what was withdrawn"):
        assert importing.run(db, path, actor=_ACTOR).new == rows
    workspaces.drop(source, name)


def _write_small(path: Path, more: str) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("execution_id", "user_request", "execution_result"))
        writer.writerows((f"small-{number}", f"Say {number}", f"It is {number}{more}") for number in range(100))


_ENQUEUE = """
INSERT INTO commands (agent, action, payload, created_by, dedupe_key)
SELECT 'grown', 'nothing', '{}', 'benchmark', 'key ' || n FROM generate_series(1, %s) AS n
"""
#: Every command but the first of ten waits for the one before it.
_WAITS = """
WITH pairs AS (
    INSERT INTO command_waits (command_id, waits_for)
    SELECT id, id - 1 FROM commands WHERE id % 10 <> (SELECT min(id) FROM commands) % 10 RETURNING command_id)
UPDATE commands SET waits = 1 FROM pairs WHERE id = command_id
"""


def _commands(db: Database, watch: Watch, _folder: Path, rows: int) -> None:
    with db.begin() as connection:
        connection.exec_driver_sql(_ENQUEUE, (rows,))
        connection.exec_driver_sql(_WAITS, execution_options={"no_parameters": True})
    with db.connect() as connection:
        ids = tuple(connection.exec_driver_sql("SELECT id FROM commands ORDER BY id").scalars())
    everything, by_hand = CommandFilter(), CommandFilter(ids=ids)
    acts: Sequence[tuple[verbs.Verb, Callable[..., object], CommandFilter]] = (
        ("pause", verbs.pause, everything),
        ("resume", verbs.resume, by_hand),
        ("cancel", verbs.cancel, everything),
        ("retry", verbs.retry, everything),
    )
    with watch.act("queue: counts"):
        choices.by_status(db, everything)
    for name, act, chosen in acts:
        with watch.act(f"queue: foresee {name}"):
            verbs.foresee(db, name, chosen)
        with watch.act(f"queue: {name}"):
            act(db, chosen, actor=_ACTOR, reason=_ACTOR)
    with watch.act("queue: export"):
        _read(verbs.export(db, everything))
    with watch.act("queue: foresee delete"):
        verbs.foresee(db, "delete", by_hand)
    half = CommandFilter(ids=ids[: len(ids) // 2])
    with watch.act("queue: delete"):
        assert len(verbs.delete(db, half, actor=_ACTOR, reason=_ACTOR).changed) >= len(ids) // 2 - 10
    verbs.cancel(db, everything, actor=_ACTOR, reason=_ACTOR)
    with db.begin() as connection:
        connection.exec_driver_sql("UPDATE commands SET finished_at = now() - interval '90 days'")
    with watch.act("queue: retention"):
        assert claims.retain(db, 30) >= len(ids) // 2 - 10


def _audit_log(db: Database, watch: Watch, _folder: Path, rows: int) -> None:
    audit.extend_chain(db)
    with db.begin() as connection:
        connection.exec_driver_sql(_LINES, (rows,))
    with watch.act("audit log: chain"):
        assert audit.extend_chain(db) == rows
    with watch.act("audit log: verify"):
        assert audit.verify(db).ok


_LINES = """
    INSERT INTO audit_log (actor, action, subject, subject_id, after)
    SELECT 'benchmark', 'execution', 'execution', n::text, jsonb_build_object('status', 'approved')
    FROM generate_series(1, %s) AS n
"""


#: What is measured again together, because one act of it needs the one before.
_PARTS: dict[str, Callable[[Database, Watch, Path, int], None]] = {
    "examples": _examples,
    "datasets": _datasets,
    "imports": _imports,
    "queue": _commands,
    "history": growth_history.measure,
    "audit log": _audit_log,
}
_DEMO = "demo"


def _read(blocks: Iterable[bytes]) -> None:
    for _ in blocks:
        pass


def _tell(name: str, took: float) -> None:
    print(f"  {name:<34}{took:>10.2f} s", flush=True)


def exponent(small: tuple[int, float], large: tuple[int, float]) -> float:
    """By which power of the rows the seconds grow, between two sizes."""
    seconds = max(large[1], FLOOR_S) / max(small[1], FLOOR_S)
    return math.log(seconds) / math.log(large[0] / small[0])


def exponents(found: Growth) -> dict[str, list[float]]:
    """Of every act, between each size and the next."""
    sizes = sorted(found)
    return {
        name: [exponent((one, found[one][name]), (other, found[other][name])) for one, other in pairwise(sizes)]
        for name in found[sizes[0]]
    }


def too_steep(found: Growth, most: float = MOST) -> dict[str, float]:
    """The acts whose seconds grow by a higher power than `most`, with their highest exponent."""
    return {name: max(powers) for name, powers in exponents(found).items() if max(powers, default=0.0) > most}


def table(found: Growth) -> str:
    """A line an act."""
    sizes = sorted(found)
    head = "".join(f"{size:>12,}" for size in sizes)
    lines = [f"\ngrowth: seconds of the processor by rows, and the exponents in between\n  {'':<34}{head}"]
    for name, powers in exponents(found).items():
        seconds = "".join(f"{found[size][name]:>10.2f} s" for size in sizes)
        mark = f"   above {MOST}" if max(powers, default=0.0) > MOST else ""
        lines.append(f"  {name:<34}{seconds}   {'  '.join(f'{each:.2f}' for each in powers)}{mark}")
    return "\n".join(lines)


def measured(
    company: Database,
    folder: Path,
    sizes: Sequence[int],
    tell: Tell = lambda _name, _took: None,
    *,
    rounds: int = _MOST_ROUNDS,
    most: float = MOST,
) -> Growth:
    """The seconds of every act at every size.

    What seems steeper than `most` is measured again, with the rest of its part, in at most so many `rounds`: of each
    act the shortest time counts, and a neighbour that wants the processor's caches never makes a time shorter. A loop
    in a loop is as steep every time.
    """
    measure(company, folder, _WARM)  # what is loaded once is loaded now
    found: dict[str, Growth] = {}
    again: set[str] = set()
    for _ in range(rounds):
        for rows in sorted(sizes):
            tell(f"{rows:,} rows", 0.0)
            for part, seconds in measure(company, folder, rows, tell, again).items():
                shortest = found.setdefault(part, {}).setdefault(rows, {})
                shortest |= {name: min(took, shortest.get(name, took)) for name, took in seconds.items()}
        again = {part for part, growth in found.items() if too_steep(growth, most)}
        if not again:
            break
    return {
        rows: {name: took for growth in found.values() for name, took in growth[rows].items()} for rows in sorted(sizes)
    }


def run(setting: Setting) -> None:
    """Measure and print; ends the process with 1 where something is too steep."""
    found = measured(setting.company, setting.home, setting.sizes or SIZES, _tell)
    print(table(found), flush=True)
    if steep := too_steep(found):
        raise SystemExit(f"Grows faster than the rows: {', '.join(f'{name} ({e:.2f})' for name, e in steep.items())}.")
