"""The database that is measured, and the same rows where DuckDB and Hugging Face datasets find them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from core import demo
from core.db import Database, migrations, workspaces
from core.db.embedded import EmbeddedPostgres
from core.examples.filters import Filter

TABLE = "orchestrator_training_data"
#: Every column that holds something a person or a model reads, with its type in Parquet.
COLUMNS = {
    "id": pa.int64(),
    "execution_id": pa.string(),
    "user_request": pa.string(),
    "intent": pa.string(),
    "business_state": pa.string(),
    "execution_plan": pa.string(),
    "execution_result": pa.string(),
    "quality_score": pa.float64(),
    "success": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "created_at": pa.timestamp("us", tz="UTC"),
    "updated_at": pa.timestamp("us", tz="UTC"),
    "source_agent": pa.string(),
    "source_model": pa.string(),
    "execution_time_ms": pa.int64(),
    "is_trainable": pa.bool_(),
}
if TYPE_CHECKING:  # benchmarks that compare with nothing else run without it
    import duckdb

_ROWS_A_BATCH = 20_000


@dataclass(frozen=True)
class Setting:
    """One demo company of `examples` executions in the folder `home`, made once and kept."""

    home: Path
    examples: int
    #: Of the benchmark growth, which makes its own.
    sizes: tuple[int, ...] = ()

    @cached_property
    def _server(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.home)

    @cached_property
    def company(self) -> Database:
        """The database, with its migrated company workspace."""
        db = Database(self._server.start())
        migrations.migrate(db)
        return db

    @cached_property
    def db(self) -> Database:
        """The workspace with the examples."""
        name = f"bench_{self.examples}"
        if not (workspaces.exists(self.company, name) and self._is_whole(name)):
            print(f"loading {self.examples:,} examples…", flush=True)
            demo.load(self.company, examples=self.examples, actor="benchmark", workspace=name, replace=True)
        db = self.company.in_workspace(name)
        migrations.migrate(db)
        return db

    def _is_whole(self, name: str) -> bool:
        with self.company.in_workspace(name).copying() as connection:
            row = connection.execute(f"SELECT count(*) FROM {TABLE}".encode()).fetchone()
        return row == (self.examples,)

    @cached_property
    def parquet(self) -> Path:
        """The same rows as one Parquet file, zstd."""
        path = self.home / f"bench-{self.examples}.parquet"
        if not path.exists():
            print("writing the same rows as Parquet…", flush=True)
            unfinished = path.with_suffix(".part")
            self._write_parquet(unfinished)
            unfinished.replace(path)
        return path

    def _write_parquet(self, path: Path) -> None:
        schema = pa.schema(list(COLUMNS.items()))
        query = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY id"
        with (
            pq.ParquetWriter(path, schema, compression="zstd") as writer,
            self.db.copying() as connection,
            connection.cursor("rows") as cursor,
        ):
            cursor.execute(query.encode())
            while rows := cursor.fetchmany(_ROWS_A_BATCH):
                columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
                columns["business_state"] = tuple(json.dumps(state) for state in columns["business_state"])
                writer.write_table(pa.table({name: list(values) for name, values in columns.items()}, schema=schema))

    @cached_property
    def duckdb(self) -> "duckdb.DuckDBPyConnection":
        """A DuckDB database with the same rows as the table `examples`, and as the view `parquet`."""
        import duckdb

        path = self.home / f"bench-{self.examples}.duckdb"
        connection = duckdb.connect(str(path))
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE OR REPLACE VIEW parquet AS SELECT * FROM read_parquet('{self.parquet}')")
        if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'examples'").fetchone():
            print("loading the same rows into DuckDB…", flush=True)
            connection.execute("CREATE TABLE examples AS SELECT * FROM parquet")
        return connection

    def hugging_face(self) -> Any:
        """The same rows as a Hugging Face dataset, memory-mapped."""
        import datasets  # its import takes seconds, and only some programs need it

        datasets.disable_progress_bars()
        return datasets.Dataset.from_parquet(str(self.parquet), cache_dir=str(self.home / "hf"))

    def close(self) -> None:
        """Stop the server; a kept home stays."""
        self.company.close()
        self._server.stop()

    def vacuum(self) -> None:
        """Mark dead rows as free, so that no contestant pays for what the one before left behind."""
        with self.db.dedicated() as connection:
            connection.execute(f"VACUUM {TABLE}".encode())

    def number(self, query: str) -> int:
        with self.db.copying() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]

    def first_rows(self, count: int) -> Filter:
        """A filter that chooses about the first `count` examples, by date: all of them when there are fewer."""
        if count >= self.examples:
            return Filter(exclude_tags=())
        with self.db.copying() as connection:
            row = connection.execute(
                f"SELECT created_at FROM {TABLE} ORDER BY created_at, id OFFSET %s LIMIT 1".encode(), [count]
            ).fetchone()
        assert row
        return Filter(created_to=row[0], exclude_tags=())
