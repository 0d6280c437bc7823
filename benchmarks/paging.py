"""The first and the 500th page of the table: keyset paging against OFFSET, in PostgreSQL and in DuckDB."""

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.examples import store
from core.examples.filters import Filter

_SIZE, _DEEP = 50, 500
_COLUMNS = "id, created_at, intent, {left}(user_request, 200), quality_score, success, tags, source_agent, source_model"
_ORDER = "ORDER BY created_at DESC, id DESC LIMIT {size} OFFSET {offset}"
_POSTGRES = (
    f"SELECT {_COLUMNS.format(left='left')}, is_trainable FROM {TABLE}"
    f" WHERE withdrawn_at IS NULL AND NOT tags && '{{{{EXCLUDE}}}}' AND quality_score >= 0.5 {_ORDER}"
)
_DUCKDB = (
    f"SELECT {_COLUMNS.format(left='left')}, is_trainable FROM {{table}}"
    f" WHERE NOT list_has_any(tags, ['EXCLUDE']) AND quality_score >= 0.5 {_ORDER}"
)


def run(setting: Setting) -> None:
    chosen = Filter(quality_min=0.5)
    pages = min(_DEEP, store.count(setting.db, chosen) // _SIZE)
    mark = None
    for _ in range(pages - 1):
        mark = store.page(setting.db, chosen, after=mark, limit=_SIZE).next
    _measure(setting, chosen, "first page", None, 0)
    _measure(setting, chosen, f"page {pages}", mark, (pages - 1) * _SIZE)


def _measure(setting: Setting, chosen: Filter, title: str, mark: str | None, offset: int) -> None:
    bare = _POSTGRES.format(size=_SIZE + 1, offset=offset)
    columnar = {table: _DUCKDB.format(table=table, size=_SIZE + 1, offset=offset) for table in ("examples", "parquet")}

    def postgres() -> list[int]:
        with setting.db.connect() as connection:
            return [row[0] for row in connection.exec_driver_sql(bare)]

    ours = [row.id for row in store.page(setting.db, chosen, after=mark, limit=_SIZE).rows]
    assert ours == postgres()[:_SIZE], "the contestants do not show the same page"
    duck = setting.duckdb
    assert ours == [row[0] for row in duck.execute(columnar["examples"]).fetchall()][:_SIZE]
    show(
        f"paging: {title} of {_SIZE} rows, newest first, quality from 0.5",
        in_turns(
            {
                OURS: lambda: store.page(setting.db, chosen, after=mark, limit=_SIZE),
                "bare SQL with OFFSET": postgres,
                "DuckDB table with OFFSET": lambda: duck.execute(columnar["examples"]).fetchall(),
                "DuckDB on Parquet with OFFSET": lambda: duck.execute(columnar["parquet"]).fetchall(),
            },
            rounds=7,
        ),
    )
