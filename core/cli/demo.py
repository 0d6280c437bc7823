"""`demo`."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from core import demo as demo_company
from core.cli import AsJson, command, database, show
from core.settings import get_settings

Examples = Annotated[int, typer.Option("--examples", help="How many executions it has.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Another seed makes another company.")]
Where = Annotated[str, typer.Option("--workspace", help="The workspace (schema) made for it.")]
Replace = Annotated[bool, typer.Option("--replace", help="Drop the demo company that is there first.")]
Drop = Annotated[bool, typer.Option("--drop", help="Only drop it, with everything in it.")]


@command("demo")
def demo(
    examples: Examples = 2_000,
    seed: Seed = 7,
    workspace: Where = demo_company.WORKSPACE,
    replace: Replace = False,
    drop: Drop = False,
    as_json: AsJson = False,
) -> None:
    """Load the demo company into a workspace of its own, beside the company's data and never mixed with it."""
    if drop:
        demo_company.drop(database(), actor=get_settings().actor, workspace=workspace)
        show({"dropped": workspace}, as_json=as_json, text=f"The demo company in {workspace!r} was dropped.")
        return
    loaded = demo_company.load(
        database(),
        actor=get_settings().actor,
        examples=examples,
        seed=seed,
        workspace=workspace,
        replace=replace,
        work=True,
        progress=_progress if sys.stderr.isatty() else None,
    )
    show(
        asdict(loaded),
        as_json=as_json,
        text=f"{loaded.examples:,} executions from {loaded.first_day} to {loaded.last_day} in {workspace!r}, "
        f"with {loaded.tasks} tasks, {loaded.posts} posts and {loaded.financial_figures} figures.",
    )


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done:,} of {total:,} executions" + ("\n" if done == total else ""))
    sys.stderr.flush()
