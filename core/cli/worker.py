"""`worker`."""

from dataclasses import asdict
from typing import Annotated

import typer

from core.cli import AsJson, command, database, put, show
from core.commands.worker import Worker
from core.db.migrations import migrate
from core.db.workspaces import list_workspaces
from core.errors import WorkspaceRefused
from core.runtime.agents import registry as agents_registry
from core.similarity import Encoding
from core.tuning.engine import Poller

Agents = Annotated[str, typer.Option("--agents", help="Only commands of these agents, separated by commas.")]
Threads = Annotated[int, typer.Option("--threads", min=1, max=32, help="How many commands it works on at once.")]
Where = Annotated[str, typer.Option("--workspace", help="Only this workspace; all of them unless given.")]


@command("worker")
def worker(agents: Agents = "", threads: Threads = 2, workspace: Where = "", as_json: AsJson = False) -> None:
    """Work on commands, fine-tuning and vectors of new work until Ctrl+C or SIGTERM; anywhere with the DATABASE_URL."""
    db = database()
    there = list_workspaces(db)
    if workspace and workspace not in there:
        raise WorkspaceRefused(f"There is no workspace {workspace!r} to work for; there are: {', '.join(there)}.")
    for name in there:
        migrate(db.in_workspace(name))
    chosen = [name.strip() for name in agents.split(",") if name.strip()]
    working = Worker(
        db,
        agents_registry(),
        threads=threads,
        agents=chosen or None,
        workspaces=[workspace] if workspace else None,
    )
    if not as_json:
        put(f"{working.name} works for {', '.join(working.agents) or 'no agent'}; Ctrl+C stops it.")
    # Who works for some agents only was started for them.
    only = [workspace] if workspace else None
    beside = () if chosen else (Poller(db, workspaces=only), Encoding(db, workspaces=only))
    for each in beside:
        each.start()
    try:
        done = working.run()
    finally:
        for each in beside:
            each.stop()
    show(
        asdict(done),
        as_json=as_json,
        text=f"{done.completed:,} completed, {done.failed:,} failed, {done.handed_back:,} handed back, "
        f"{done.lost:,} lost.",
    )
