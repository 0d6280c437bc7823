"""Every example that a finding is about. A finding names the first of them; mending it needs them all."""

from core.datasets import candidates
from core.datasets.candidates import Choice
from core.datasets.rendering import run
from core.db import WHOLE, Database

_NEVER_RENDERED = ("excluded", "empty_request", "no_plan", "no_result")
_DROPPED = ("role_order", "tool_calls", "unlearned", "duplicate")
_QUERIES = {
    **{reason: f"SELECT example_id FROM chosen WHERE reason = '{reason}'" for reason in _NEVER_RENDERED},
    **{reason: f"SELECT example_id FROM dropped WHERE reason = '{reason}'" for reason in _DROPPED},
}
#: Findings whose examples, which are left out already, can be had; the others concern no single example, or show their
#: first ones only.
CODES = frozenset(_QUERIES)


def ids(db: Database, choice: Choice, code: str) -> tuple[int, ...]:
    """Return the ids of the examples that the finding `code` of this choice is about, in order. Changes nothing."""
    with db.reading(WHOLE) as connection:  # rolled back: the temporary tables go with it
        candidates.gather(connection, choice)
        return tuple(sorted(example_id for (example_id,) in run(connection, _QUERIES[code])))
