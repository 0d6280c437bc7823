"""Acts on many examples at once: each waits for the other, none is broken off, nothing is lost."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from core.db import Database
from core.errors import Conflict
from core.examples import tagging
from core.examples.filters import EVERYTHING
from core.examples.importing import imports, redo, run, undo
from tests.examples.importing.files import execution, written

WHO = {"actor": "ana", "reason": "at once"}


def shuffled_file(folder: Path, result: str) -> Path:
    rows = [execution(number, execution_result=result) for number in range(400)]
    random.Random(result).shuffle(rows)
    return written(folder, f"{result}.csv", rows)


def test_imports_undos_and_tags_at_once_wait_for_each_other(database: Database, tmp_path: Path) -> None:
    files = [shuffled_file(tmp_path, result) for result in ("first result", "second result", "third result")]
    run(database, files[0], actor="ana")

    def import_again(turn: int) -> None:
        run(database, files[turn % 3], actor="ana")

    def undo_and_redo(turn: int) -> None:
        for act in (undo, redo):
            with suppress(Conflict):  # the other thread undid it first
                act(database, imports(database)[turn % 2].id, actor="ana")

    def tag_and_undo(turn: int) -> None:
        change = tagging.add_tags(database, EVERYTHING, [f"T{turn % 2}"], **WHO)
        tagging.undo_tags(database, change.id, actor="ana")

    def repeated(act: Callable[[int], None]) -> None:
        for turn in range(8):
            act(turn)

    acts = (import_again, import_again, undo_and_redo, undo_and_redo, tag_and_undo, tag_and_undo)
    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(repeated, act) for act in acts]:
            done.result()

    with database.connect() as connection:
        history = text(
            "SELECT count(*), count(*) FILTER (WHERE revision - 1 <> (SELECT count(*) FROM example_revisions"
            " WHERE example_id = e.id)) FROM orchestrator_training_data e"
        )
        assert connection.execute(history).one() == (400, 0)
