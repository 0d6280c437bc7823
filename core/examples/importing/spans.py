"""Spans of OpenTelemetry as an agent sends them: each call of a model becomes an example, under the id of its span."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.db import Database
from core.errors import InvalidExample
from core.examples.importing import capture
from core.examples.importing.converting.other_tools import Aside, from_span, spans_of
from core.examples.importing.converting.shapes import UNUSED
from core.examples.importing.models import FIELDS, Unfit


@dataclass
class Received:
    """What became of the spans of one request."""

    #: How many examples were new, changed, or the same as before.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Spans that call no model, by what they are instead.
    aside: Counter[str] = field(default_factory=Counter)
    #: One sentence for each span that calls a model and cannot be stored.
    refused: list[str] = field(default_factory=list)


def receive(db: Database, request: Mapping[str, Any], *, actor: str) -> Received:
    """Save the calls of models in a request, in the form of OTLP as JSON; attributes may be of any GenAI convention.

    A span that is sent again changes nothing. One that cannot be stored is refused alone; the others are saved.
    """
    received = Received()
    records = list(_records(request, received))
    try:
        saved = capture.save_many(db, records, actor=actor)
    except InvalidExample:
        saved = [each for record in records if (each := _alone(db, record, received, actor)) is not None]
    received.outcomes.update(each.outcome for each in saved)
    return received


def _alone(db: Database, record: Mapping[str, Any], received: Received, actor: str) -> capture.Saved | None:
    try:
        return capture.save(db, record, actor=actor)
    except InvalidExample as error:
        received.refused.append(f"Span {record['execution_id']}: {error}")
        return None


def _records(request: Mapping[str, Any], received: Received) -> Iterator[dict[str, Any]]:
    for span in spans_of(request):
        name = span.get("spanId")
        try:
            made = from_span(span)
            if not isinstance(name, str) or not name:
                raise Unfit("a span with its spanId")
        except Aside as kind:
            received.aside[str(kind)] += 1
        except Unfit as error:
            received.refused.append(f"Span {name}: this is not {error}.")
        else:
            yield {key: value for key, value in made.items() if key != UNUSED and key in FIELDS}
