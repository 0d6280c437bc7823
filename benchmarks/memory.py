"""The most memory that an export and an import need, each in a process of its own, at two sizes: flat or not.

The server's memory is not in these figures; it is bounded by its settings (shared_buffers, work_mem).
"""

from benchmarks.exporting import frozen
from benchmarks.importing import csv_file, emptied
from benchmarks.measuring import peak_megabytes
from benchmarks.setting import Setting
from core.db import workspaces

_EXPORT_EXAMPLES = """
import sys
from core.db import Database
from core.examples import exporting, filters
for block in exporting.export(Database(sys.argv[1], sys.argv[2]), filters.parse(sys.argv[3]), 'jsonl'): pass
"""
_EXPORT_VERSION = """
import sys
from core.db import Database
from core.datasets import exporting
for block in exporting.export(Database(sys.argv[1], sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]): pass
"""
_IMPORT = """
import sys
from core.db import Database
from core.examples import importing
importing.run(Database(sys.argv[1], sys.argv[2]), sys.argv[3], actor='benchmark')
"""


def run(setting: Setting) -> None:
    url, schema = setting.company.url, setting.db.schema
    print("\nmemory: peak of the process, imports of Python included")
    small, large = setting.examples // 10, setting.examples
    for rows in (small, large):
        chosen = setting.first_rows(rows).to_json()
        _line(f"export of {rows:,} examples as JSONL", peak_megabytes(_EXPORT_EXAMPLES, url, schema, chosen))
    version = frozen(setting)
    for form in ("openai", "parquet"):
        for split in ("test", "all"):
            title = f"export of a version of {version.example_count:,} as {form}, split {split}"
            _line(title, peak_megabytes(_EXPORT_VERSION, url, schema, str(version.id), split, form))
    for rows in (min(small, 50_000), min(large, 200_000)):
        path = csv_file(setting, rows)
        into = emptied(setting)
        _line(
            f"import of {rows:,} rows of CSV, {path.stat().st_size / 1e6:,.0f} MB",
            peak_megabytes(_IMPORT, url, into.schema, str(path)),
        )
    workspaces.drop(setting.company, into.schema)


def _line(what: str, megabytes: float) -> None:
    print(f"  {what:<72}{megabytes:>8.0f} MB", flush=True)
