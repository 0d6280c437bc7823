"""How states, durations and money of executions are said: an icon and a word, never a colour alone."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from core.orchestrator.records import Execution, ExecutionRow, Status, StepState
from ui.parts.formatting import count, span

Colour = Literal["blue", "orange", "green", "red", "gray", "violet"]

#: The word, the sign before it in grids and texts, the icon and the colour of its badge.
STATUS: Mapping[Status, tuple[str, str, str, Colour]] = {
    "planning": ("planning", "◌", ":material/edit_note:", "blue"),
    "pending_approval": ("awaiting approval", "◔", ":material/hourglass_top:", "orange"),
    "approved": ("approved", "▹", ":material/thumb_up:", "blue"),
    "executing": ("running", "▸", ":material/play_arrow:", "blue"),
    "completed": ("completed", "✓", ":material/check_circle:", "green"),
    "failed": ("failed", "✗", ":material/error:", "red"),
    "rejected": ("rejected", "⊘", ":material/thumb_down:", "violet"),
    "cancelled": ("cancelled", "–", ":material/cancel:", "gray"),
}
AGENT_ICON: Mapping[str, str] = {
    "content": ":material/edit_note:",
    "financial": ":material/payments:",
    "market_insight": ":material/insights:",
    "compliance": ":material/verified_user:",
}
_STEP = {
    "waiting": "○ waiting for other steps",
    "pending": "○ waiting for a worker",
    "running": "▸ running",
    "completed": "✓ completed",
    "failed": "✗ failed",
    "paused": "‖ paused",
    "cancelled": "– cancelled",
    "not queued": "○ not queued",
}
SUCCESS = {True: "✓ success", False: "✗ no success", None: "– not known"}


def status(name: Status) -> str:
    word, sign, _, _ = STATUS[name]
    return f"{sign} {word}"


def step_status(name: str) -> str:
    return _STEP.get(name, name)


def duration(execution: Execution | ExecutionRow) -> str:
    return span(None if execution.duration_ms is None else execution.duration_ms / 1_000)


def running_for(execution: Execution, now: dt.datetime | None = None) -> str:
    since = execution.started_at or execution.decided_at or execution.created_at
    return span(((now or dt.datetime.now(dt.UTC)) - since).total_seconds())


def cost(value: Decimal | str | None) -> str:
    """In dollars; None is a price that nobody knows, and never nothing."""
    if value is None:
        return "price not known"
    amount = Decimal(value)
    if not amount:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}"


def spent(execution: Execution) -> str:
    """What models took; work without one took nothing."""
    if not execution.tokens_in and not execution.tokens_out:
        return "no model was asked, $0"
    return f"{execution.tokens_in:,} tokens in, {execution.tokens_out:,} out, {cost(execution.cost_usd)}"


def planner(source: str) -> str:
    return {"": "–", "built-in": "built-in planner"}.get(source, source)


def progress(states: list[StepState]) -> tuple[float, str]:
    """The share of steps that are done, and the same in words."""
    done = sum(state.status == "completed" for state in states)
    said = f"{done} of {count(len(states), 'step')} done"
    running = [f"{state.agent} {state.action}".replace("_", " ") for state in states if state.status == "running"]
    return done / len(states) if states else 0.0, said + (f", now {' and '.join(running)}" if running else "")


def scored(row: ExecutionRow) -> str | None:
    """The score in a grid: none before the end, and in words where nobody gave one."""
    if row.score is not None:
        return f"{row.score:.2f}"
    return "not scored" if row.status in ("completed", "failed") and row.steps else None
