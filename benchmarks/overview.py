"""All statistics of the data page for a typical filter: one scan against a query for each question, and DuckDB."""

import datetime as dt
from collections.abc import Callable

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.examples import cube, statistics
from core.examples.filters import Filter

_GROUP = "count(*), avg(quality_score), avg(success::int)"
_POSTGRES = (
    f"SELECT count(*) FROM {TABLE}",
    f"SELECT count(quality_score), {_GROUP}, min(created_at), max(created_at) FROM {TABLE} WHERE {{where}}",
    f"SELECT least(width_bucket(quality_score, 0, 1, 20), 20), count(*) FROM {TABLE} WHERE {{where}} GROUP BY 1",
    f"SELECT intent, {_GROUP} FROM {TABLE} WHERE {{where}} GROUP BY 1",
    f"SELECT tag, {_GROUP} FROM {TABLE}, unnest(tags) AS tag WHERE {{where}} GROUP BY 1",
    f"SELECT source_model, {_GROUP} FROM {TABLE} WHERE {{where}} GROUP BY 1",
    f"SELECT date_trunc('month', created_at), success, {_GROUP} FROM {TABLE} WHERE {{where}} GROUP BY 1, 2",
    f"SELECT count(*) FROM {TABLE} WHERE {{where}} AND created_at >= '{{week}}'",
)
_POSTGRES_WHERE = (
    "withdrawn_at IS NULL AND quality_score >= 0.5 AND created_at >= '{first}' AND created_at < '{last}'"
    " AND NOT tags && '{{EXCLUDE,TEST}}'"
)
_DUCKDB_WHERE = (
    "quality_score >= 0.5 AND created_at >= '{first}' AND created_at < '{last}'"
    " AND NOT list_has_any(tags, ['EXCLUDE', 'TEST'])"
)


def run(setting: Setting) -> None:
    last = setting.number(f"SELECT max(created_at)::date + 1 FROM {TABLE}")
    assert isinstance(last, dt.date)
    first, week = last - dt.timedelta(days=153), last - dt.timedelta(days=7)
    moments = {
        "first": dt.datetime.combine(first, dt.time(), dt.UTC),
        "last": dt.datetime.combine(last, dt.time(), dt.UTC),
        "month": dt.datetime(first.year, first.month, 1, tzinfo=dt.UTC),
    }
    chosen = Filter(
        quality_min=0.5, created_from=moments["first"], created_to=moments["last"], exclude_tags=("EXCLUDE", "TEST")
    )
    bounds = {name: moment.isoformat() for name, moment in moments.items()} | {"week": week.isoformat()}
    bare = [query.format(where=_POSTGRES_WHERE.format(**bounds), **bounds) for query in _POSTGRES]
    columnar = [_for_duckdb(query).format(where=_DUCKDB_WHERE.format(**bounds), **bounds) for query in _POSTGRES]

    ours = statistics.overview(setting.db, chosen)
    for answers in (
        _postgres(setting, bare),
        _duckdb(setting, columnar, "examples"),
        _duckdb(setting, columnar, "parquet"),
    ):
        assert answers()[1][1] == ours.filtered, "the contestants do not choose the same rows"

    cube.refresh(setting.db)
    whole_months = chosen.model_copy(update={"created_from": moments["month"], "created_to": None})
    show(
        f"overview: all statistics of the data page, {ours.filtered:,} of {setting.examples:,} rows chosen",
        in_turns(
            {
                OURS: lambda: statistics.overview(setting.db, chosen),
                "Whetstone, total known from the cache": lambda: statistics.overview(
                    setting.db, chosen, total=ours.total
                ),
                "Whetstone, whole months, from the cube": lambda: statistics.overview(
                    setting.db, whole_months, total=ours.total
                ),
                "bare SQL, a query for each question": _postgres(setting, bare),
                "DuckDB table, the same queries": _duckdb(setting, columnar, "examples"),
                "DuckDB on Parquet, the same queries": _duckdb(setting, columnar, "parquet"),
            }
        ),
    )


def _for_duckdb(query: str) -> str:
    bin_of = "CASE WHEN quality_score IS NOT NULL THEN least(floor(quality_score * 20) + 1, 20) END"
    return (
        query.replace("least(width_bucket(quality_score, 0, 1, 20), 20)", bin_of)
        .replace(f"{TABLE}, unnest(tags) AS tag", "(SELECT unnest(tags) AS tag, * FROM {{table}})")
        .replace(TABLE, "{{table}}")
    )


def _postgres(setting: Setting, queries: list[str]) -> Callable[[], list[tuple]]:
    def ask() -> list[tuple]:
        with setting.db.connect() as connection:
            return [connection.exec_driver_sql(query).fetchall()[0] for query in queries]

    return ask


def _duckdb(setting: Setting, queries: list[str], table: str) -> Callable[[], list[tuple]]:
    connection = setting.duckdb
    return lambda: [connection.execute(query.format(table=table)).fetchall()[0] for query in queries]
