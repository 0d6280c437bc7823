"""Exports as JSONL, to a file: examples as they are and a frozen version as chat records.

Against a bare COPY of the same columns, against DuckDB's COPY TO json and Hugging Face's to_json of the same rows.
"""

from collections.abc import Callable, Iterable

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.datasets import exporting as datasets_exporting
from core.datasets import snapshots, versions
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.examples import exporting

_NAME = "bench export"
#: JSON holds no raw control character, so that nothing is quoted or escaped a second time.
_PLAIN = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
_CHAT = """
COPY (SELECT jsonb_build_object('messages', jsonb_build_array(
          jsonb_build_object('role', 'user', 'content', user_request),
          jsonb_build_object('role', 'assistant', 'content', execution_plan))) FROM {table}
      WHERE has_plan AND {where} ORDER BY id) TO STDOUT {form}
"""


def run(setting: Setting) -> None:
    _examples(setting)
    _version(setting)


def _examples(setting: Setting) -> None:
    chosen = setting.first_rows(setting.examples)
    columns = ", ".join(exporting.COLUMNS)
    rows = f"SELECT {columns} FROM {TABLE} WHERE withdrawn_at IS NULL ORDER BY id"
    in_parquet = ", ".join(name for name in exporting.COLUMNS if name != "context")
    dataset = setting.hugging_face()
    out = setting.home / "export.out"
    show(
        f"exporting: {setting.examples:,} examples as JSONL",
        in_turns(
            {
                OURS: lambda: _write(setting, exporting.export(setting.db, chosen, "jsonl")),
                "bare COPY as csv": _copy(setting, f"COPY ({rows}) TO STDOUT (FORMAT csv)"),
                "bare COPY of row_to_json": _copy(
                    setting, f"COPY (SELECT row_to_json(r) FROM ({rows}) r) TO STDOUT {_PLAIN}"
                ),
                "DuckDB table, COPY TO json": lambda: setting.duckdb.execute(
                    f"COPY (SELECT {in_parquet} FROM examples ORDER BY id) TO '{out}' (FORMAT json)"
                ),
                "Hugging Face to_json": lambda: dataset.to_json(str(out), num_proc=1),
            },
            rounds=3,
        ),
        rows=setting.examples,
    )


def _version(setting: Setting) -> None:
    version = frozen(setting)
    chat = _CHAT.format(table=TABLE, form=_PLAIN, where="withdrawn_at IS NULL")
    show(
        f"exporting: a frozen version of {version.example_count:,} records as OpenAI JSONL",
        in_turns(
            {
                OURS: lambda: _write(setting, datasets_exporting.export(setting.db, version, "all", "openai")),
                "bare COPY of the same records": _copy(setting, chat),
                "bare COPY of the same columns as csv": _copy(
                    setting,
                    f"COPY (SELECT user_request, execution_plan FROM {TABLE} WHERE has_plan ORDER BY id)"
                    " TO STDOUT (FORMAT csv)",
                ),
            },
            rounds=3,
        ),
        rows=version.example_count,
    )


def frozen(setting: Setting) -> DatasetVersion:
    """One version of everything, frozen once and kept."""
    for version in versions.versions(setting.db):
        if version.name == _NAME and version.status == "frozen":
            return version
    everything = setting.first_rows(setting.examples)
    return snapshots.create(
        setting.db, _NAME, filter=everything, recipe=Recipe(), split=Split(), drop_duplicates=False, actor="benchmark"
    )


def _write(setting: Setting, blocks: Iterable[bytes | memoryview]) -> None:
    with (setting.home / "export.out").open("wb") as file:
        for block in blocks:
            file.write(block)


def _copy(setting: Setting, statement: str) -> Callable[[], None]:
    def work() -> None:
        with setting.db.copying() as connection, connection.cursor().copy(statement.encode()) as copy:
            _write(setting, copy)

    return work
