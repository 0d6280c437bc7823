"""Addresses on this server: the file of some executions, and the example that one became."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from core.db import PUBLIC
from ui import dataset_place, session


def export_path(*, ids: Sequence[str] = (), statuses: Sequence[str] = ()) -> str:
    """The address of the streaming route."""
    query = {name: list(value) for name, value in (("id", ids), ("status", statuses)) if value}
    query |= _workspace()
    return "/api/executions/export" + (f"?{urlencode(query, doseq=True)}" if query else "")


def example_query(example_id: int) -> dict[str, Any]:
    """Parameters that show the example on the data page, in a tab of its own as well."""
    return {**dataset_place.of_ids([example_id]), **_workspace()}


def _workspace() -> dict[str, list[str]]:
    return {} if session.workspace() == PUBLIC else {"workspace": [session.workspace()]}
