"""Names as the service's own description demands them: the SDK checks types and lengths, and no pattern."""

import re
from collections.abc import Iterator, Mapping
from typing import Any


def violations(client: Any, operation: str, request: Mapping[str, Any]) -> list[str]:
    """Return what in a request the service would refuse, in sentences."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    return list(_of(shape, request, operation))


def _of(shape: Any, value: Any, where: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _of(shape.members[name], inner, name)
    elif shape.type_name == "list":
        for inner in value:
            yield from _of(shape.member, inner, where)
    elif shape.type_name == "string":
        yield from _of_text(shape, value, where)


def _of_text(shape: Any, value: str, where: str) -> Iterator[str]:
    pattern, longest = shape.metadata.get("pattern"), shape.metadata.get("max")
    if longest is not None and len(value) > longest:
        yield f"{where} has {len(value)} characters; AWS takes at most {longest}."
    elif pattern is not None and re.fullmatch(pattern, value) is None:
        yield f"{where} is {value[:100]!r}, which AWS does not take."
    if shape.enum and value not in shape.enum:
        yield f"{where} is {value[:100]!r}; AWS takes {', '.join(shape.enum)}."
