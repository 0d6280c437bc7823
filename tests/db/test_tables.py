"""What SQLAlchemy believes of the tables is what the migrations made."""

import pytest
from sqlalchemy import Table, inspect

from core.db import Database, tables


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_columns_types_and_nullability_agree(database: Database, table: Table) -> None:
    found = {column["name"]: column for column in inspect(database.engine).get_columns(table.name)}
    # Their order is nobody's: on PostgreSQL 15 a migration makes one of them again, at the end.
    assert sorted(found) == sorted(column.name for column in table.columns)
    for column in table.columns:
        real = found[column.name]
        dialect = database.engine.dialect
        assert real["type"].compile(dialect) == column.type.compile(dialect), column
        if not column.primary_key:
            assert real["nullable"] == column.nullable, column
        assert ("computed" in real) == (column.computed is not None), column
