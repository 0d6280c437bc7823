"""`verify-audit`."""

from dataclasses import asdict
from typing import Annotated

import typer

from core import audit
from core.cli import AsJson, Workspace, command, database, show


@command("verify-audit")
def verify_audit(
    noted: Annotated[
        str, typer.Option("--noted", help="An earlier end of the chain, PLACE:HASH, that has to be part of it still.")
    ] = "",
    workspace: Workspace = "public",
    as_json: AsJson = False,
) -> None:
    """Compute the chain of the audit log again, and find lines that were changed, removed or put in beside it."""
    proof = audit.verify(database(workspace), noted)
    show({**asdict(proof), "ok": proof.ok}, as_json=as_json, text=_said(proof))
    if not proof.ok:
        raise typer.Exit(1)


def _said(proof: audit.Proof) -> str:
    if not proof.lines and not proof.faults:
        return "The audit log is empty."
    if proof.ok:
        since = " It holds the end that was noted." if proof.holds_noted else ""
        lines = f"{proof.lines:,} line{'s' * (proof.lines != 1)}, each as it was written.{since}"
        return f"{lines} The chain ends at {proof.head}; keep a note of that outside of this database."
    told = [f"Line {fault.audit_id}: {fault.what}." for fault in proof.faults]
    if len(told) == audit.MOST_TOLD:
        told.append("Perhaps more: only the first are told.")
    if proof.holds_noted is False:
        told.append("The end that was noted is not in the chain: it was made anew, or cut off before it.")
    return "\n".join(told)
