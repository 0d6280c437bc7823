"""A tag on 100,000 rows at once, with its undo kept, against one bare UPDATE of the same rows."""

from itertools import count

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.examples import tagging

_ROWS = 100_000


def run(setting: Setting) -> None:
    chosen = setting.first_rows(_ROWS)
    before = f"created_at < '{chosen.created_to.isoformat()}'" if chosen.created_to else "true"
    rows = setting.number(f"SELECT count(*) FROM {TABLE} WHERE {before}")
    numbers = count(1)
    changes: list[int] = []

    def ours() -> None:
        change = tagging.add_tags(setting.db, chosen, [f"BENCH_{next(numbers)}"], actor="benchmark", reason="benchmark")
        assert change.count == rows
        changes.append(change.id)

    def undo() -> None:
        assert tagging.undo_tags(setting.db, changes.pop(), actor="benchmark") == rows

    def bare() -> None:
        with setting.db.begin() as connection:
            tag = f"BARE_{next(numbers)}"
            done = connection.exec_driver_sql(
                f"UPDATE {TABLE} SET tags = array_append(tags, %s), updated_at = now() WHERE {before}", (tag,)
            )
            assert done.rowcount == rows

    def bare_back() -> None:
        with setting.db.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE {TABLE} SET tags = trim_array(tags, 1), updated_at = now() WHERE {before}"
            )

    seconds = in_turns(
        {OURS: ours, "Whetstone, undo": undo, "bare UPDATE": bare, "bare UPDATE, back": bare_back},
        rounds=3,
        between=setting.vacuum,
    )
    show(f"tagging: one tag on {rows:,} rows of {setting.examples:,}", seconds, rows=rows)
