"""Several processes that do the same at once: `python -m tests.attack.crowd ACT NUMBER URL FOLDER ARGUMENT …`.

They are forked from one that has imported everything and connected to nothing, and begin together. Each leaves what it
did, or why not, in a file of its own.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from core.db import Database
from core.db.migrations import migrate
from core.errors import Conflict
from core.examples import importing, tagging
from core.examples.filters import Filter
from core.orchestrator import executions
from core.runtime.agents import registry

ROUNDS = 3
ROWS = 60


def approve(db: Database, number: int, _folder: Path, *asked: str) -> Any:
    """Approve every execution; for each, "did" or who was faster."""
    told: dict[str, str] = {}
    for execution_id in asked:
        try:
            executions.approve(db, execution_id, actor=f"actor-{number}")
            told[execution_id] = "did"
        except Conflict as conflict:
            told[execution_id] = str(conflict)
    return told


def migrated(db: Database, _number: int, _folder: Path) -> Any:
    return migrate(db)


def curate(db: Database, number: int, folder: Path) -> Any:
    """Import files of its own and one that all have, tag its own examples and everybody's, and take some of it back."""
    actor, told = f"actor-{number}", []
    shared = importing.run(db, folder / "shared.jsonl", actor=actor)
    told.append(("import", shared.import_id, shared.new))
    for turn in range(ROUNDS):
        own = importing.run(db, folder / f"own-{number}-{turn}.jsonl", actor=actor)
        assert own.import_id is not None
        told.append(("import", own.import_id, own.new))
        mine = tagging.add_tags(db, Filter(intents=(f"of {number}",)), [f"MINE_{number}"], actor=actor, reason="mine")
        told.append(("tag", mine.id, mine.count))
        # Of everybody, while everybody does the same: whoever locks rows in another order waits for ever.
        all_ = tagging.add_tags(db, Filter(), [f"ALL_{number}"], actor=actor, reason="all")
        told.append(("tag", all_.id, all_.count))
        told.append(("undo", all_.id, tagging.undo_tags(db, all_.id, actor=actor)))
        if takes_back(number, turn):
            back = importing.undo(db, own.import_id, actor=actor)
            told.append(("undo import", own.import_id, back.rows))
    return told


def takes_back(number: int, turn: int) -> bool:
    return (number + turn) % 3 == 0


ACTS: dict[str, Callable[..., Any]] = {"approve": approve, "migrate": migrated, "curate": curate}


def main(act: str, many: int, url: str, folder: Path, arguments: list[str]) -> int:
    registry()  # imports what agents need, once for all
    reading, writing = os.pipe()
    children = []
    for number in range(many):
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)  # until all are there
            _be(act, number, url, folder, arguments)
        children.append(child)
    os.close(writing)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def _be(act: str, number: int, url: str, folder: Path, arguments: list[str]) -> None:
    """What a child is; it never returns."""
    code = 1
    try:
        outcome = {"did": ACTS[act](Database(url), number, folder, *arguments)}
        code = 0
    except BaseException:  # noqa: BLE001 (whatever it is, the test has to see it)
        outcome = {"error": traceback.format_exc()}
    finally:
        (folder / f"outcome-{number}.json").write_bytes(orjson.dumps(outcome))
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5:]))
