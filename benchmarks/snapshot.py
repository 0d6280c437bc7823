"""Freezing a dataset version of 100,000 and of all rows, against the barest INSERT that could do it, and datasets.

The bare INSERT joins the texts and hashes them. Freezing renders chat records, splits by group, finds duplicates,
checks the records and writes a manifest as well. Hugging Face datasets filters, renders, hashes and saves.
"""

import hashlib
import itertools
import json
import shutil
from typing import Any

from benchmarks.measuring import OURS, in_turns, show
from benchmarks.setting import TABLE, Setting
from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.examples.filters import Filter

_BARE = f"""
INSERT INTO dataset_members (dataset_id, position, example_id, revision, split, sha256)
SELECT 0, row_number() OVER (ORDER BY id), id, revision, abs(hashtext(user_request)) %% 3,
       sha256(convert_to(concat(user_request, execution_plan, execution_result), 'UTF8'))
FROM {TABLE} WHERE is_trainable AND {{where}} ORDER BY id
"""


def run(setting: Setting) -> None:
    for rows in sorted({min(100_000, setting.examples), setting.examples}):
        _measure(setting, setting.first_rows(rows), rounds=3 if rows <= 100_000 else 1)


def _measure(setting: Setting, chosen: Filter, rounds: int) -> None:
    db = setting.db
    numbers = itertools.count(1)
    last = chosen.created_to
    before = f"created_at < '{last.isoformat()}'" if last else "true"
    trainable = setting.number(f"SELECT count(*) FROM {TABLE} WHERE is_trainable AND {before}")
    kept: list[int] = []

    def ours() -> None:
        name = f"bench {setting.number('SELECT count(*) FROM training_datasets')} {next(numbers)}"
        version = snapshots.create(
            db, name, filter=chosen, recipe=Recipe(), split=Split(), drop_duplicates=False, actor="benchmark"
        )
        kept.append(version.example_count)

    def bare() -> None:
        with db.connect() as connection:  # rolled back: a hundred thousand rows of no dataset
            assert connection.exec_driver_sql(_BARE.format(where=before)).rowcount == trainable
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")

    dataset = setting.hugging_face()
    folder = setting.home / "hf-snapshot"

    def hugging_face() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        chosen_rows = dataset.filter(
            lambda batch: [
                trainable and (last is None or moment < last)
                for trainable, moment in zip(batch["is_trainable"], batch["created_at"], strict=True)
            ],
            batched=True,
            load_from_cache_file=False,
        )
        frozen = chosen_rows.map(
            _rendered, batched=True, remove_columns=chosen_rows.column_names, load_from_cache_file=False
        )
        frozen.save_to_disk(str(folder))
        assert len(frozen) == trainable

    contestants = {
        OURS: ours,
        "bare INSERT … SELECT with sha256": bare,
        "Hugging Face filter + map + save_to_disk": hugging_face,
    }
    seconds = in_turns(contestants, rounds=rounds, warm=1 if rounds > 1 else 0, between=setting.vacuum)
    show(f"snapshot: {kept[-1]:,} of {setting.examples:,} rows frozen", seconds, rows=trainable)
    shutil.rmtree(folder, ignore_errors=True)


def _rendered(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": request},
                    {"role": "assistant", "content": result or plan},
                ]
            },
            ensure_ascii=False,
        )
        for request, plan, result in zip(
            batch["user_request"], batch["execution_plan"], batch["execution_result"], strict=True
        )
    ]
    return {"id": batch["id"], "line": lines, "sha256": [hashlib.sha256(line.encode()).digest() for line in lines]}
