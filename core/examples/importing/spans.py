"""Spans of OpenTelemetry as an agent sends them: each call of a model becomes an example, under the id of its span."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from core.db import Database
from core.errors import InvalidExample
from core.examples.importing import capture
from core.examples.importing.converting.other_tools import Aside, from_span, spans_of
from core.examples.importing.models import FIELDS, Unfit


def receive(db: Database, request: Mapping[str, Any], *, actor: str) -> list[str]:
    """Save the calls of models in a request, in the form of OTLP as JSON; attributes may be of any GenAI convention.

    A span that is sent again changes nothing. One that cannot be stored is refused alone, and the others are saved;
    returns a sentence for each that was refused. Spans that call no model are passed over.
    """
    refused: list[str] = []
    _save(db, list(_records(request, refused)), refused, actor)
    return refused


def _save(db: Database, records: Sequence[Mapping[str, Any]], refused: list[str], actor: str) -> None:
    """Save them in one transaction, or each half in one of its own, down to the one that cannot be stored."""
    if not records:
        return
    try:
        capture.save_many(db, records, actor=actor)
    except InvalidExample as error:
        if len(records) == 1:
            refused.append(f"Span {records[0]['execution_id']}: {error}")
            return
        middle = len(records) // 2
        _save(db, records[:middle], refused, actor)
        _save(db, records[middle:], refused, actor)


def _records(request: Mapping[str, Any], refused: list[str]) -> Iterator[dict[str, Any]]:
    for span in spans_of(request):
        name = span.get("spanId")
        try:
            made = from_span(span)
            if not isinstance(name, str) or not name:
                raise Unfit("a span with its spanId")
        except Aside:
            continue
        except (Unfit, orjson.JSONEncodeError) as error:
            refused.append(f"Span {name}: this is not {error}.")
        else:
            yield {field: value for field, value in made.items() if field in FIELDS}
