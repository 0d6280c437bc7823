"""Import of 100,000 rows of a CSV file into an empty workspace.

Against a bare COPY of the same file into the same table with its indexes and triggers (which checks nothing, finds
no duplicates and keeps no account), against DuckDB's read_csv into a table and Hugging Face's load_dataset.
"""

import shutil
from pathlib import Path

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.db import Database, workspaces
from core.examples import importing

_ROWS = 100_000
_WORKSPACE = "bench_import"
_COLUMNS = (
    "execution_id, user_request, intent, business_state, execution_plan, execution_result, quality_score,"
    " success, tags, created_at, updated_at, source_agent, source_model, execution_time_ms"
)


def csv_file(setting: Setting, rows: int) -> Path:
    """A file of executions as the original system exports it."""
    path = setting.home / f"import-{rows}.csv"
    if not path.exists():
        query = f"COPY (SELECT {_COLUMNS} FROM {TABLE} ORDER BY id LIMIT {rows:d}) TO STDOUT (FORMAT csv, HEADER)"
        with (
            path.open("wb") as file,
            setting.db.copying() as connection,
            connection.cursor().copy(query.encode()) as copy,
        ):
            for block in copy:
                file.write(block)
    return path


def emptied(setting: Setting) -> Database:
    """A workspace without any example."""
    if workspaces.exists(setting.company, _WORKSPACE):
        workspaces.drop(setting.company, _WORKSPACE)
    return workspaces.create(setting.company, _WORKSPACE)


def run(setting: Setting) -> None:
    rows = min(_ROWS, setting.examples)
    path = csv_file(setting, rows)
    cache = setting.home / "hf-import"

    def ours() -> None:
        result = importing.run(setting.company.in_workspace(_WORKSPACE), path, actor="benchmark")
        assert result.new == rows

    def bare() -> None:
        with setting.company.in_workspace(_WORKSPACE).copying() as connection:
            statement = f"COPY {TABLE} ({_COLUMNS}) FROM STDIN (FORMAT csv, HEADER)"
            with path.open("rb") as file, connection.cursor().copy(statement.encode()) as copy:
                while block := file.read(1 << 20):
                    copy.write(block)

    def duck() -> None:
        setting.duckdb.execute(f"CREATE OR REPLACE TABLE imported AS SELECT * FROM read_csv('{path}')")

    def hugging_face() -> None:
        import datasets

        datasets.disable_progress_bars()

        shutil.rmtree(cache, ignore_errors=True)
        loaded = datasets.load_dataset("csv", data_files=str(path), cache_dir=str(cache), split="train")
        assert len(loaded) == rows

    contestants = {
        OURS: ours,
        "bare COPY into the same table": bare,
        "DuckDB, read_csv into a table": duck,
        "Hugging Face, load_dataset('csv')": hugging_face,
    }
    show(
        f"importing: {rows:,} rows of CSV", in_turns(contestants, rounds=3, between=lambda: emptied(setting)), rows=rows
    )
    workspaces.drop(setting.company, _WORKSPACE)
    setting.duckdb.execute("DROP TABLE imported")
    shutil.rmtree(cache, ignore_errors=True)
