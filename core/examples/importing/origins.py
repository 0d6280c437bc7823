"""What a source gave, what a person made of it here, and what the next file of that source may change.

An example that a person scored or edited remembers what its source had given, in `source_record`. So a later file
changes exactly the fields that nobody touched here; a field that the file does not have is left as it is.
"""

from core.db.tables import SOURCED
from core.examples.importing.converting import scale as scales
from core.examples.importing.converting.converter import BITS
from core.examples.importing.models import Scale

#: The fields that an import may change in an example that is there, with their types in SQL. Tags are never among them.
FIELDS = dict.fromkeys(SOURCED, "text") | {
    "business_state": "jsonb",
    "context": "jsonb",
    "quality_score": "float8",
    "success": "boolean",
    "created_at": "timestamptz",
    "execution_time_ms": "int8",
}
#: Those of an example `t` as it is.
CURRENT = {name: f"t.{name}" for name in FIELDS}


def as_staged(scale: Scale) -> dict[str, str]:
    """Return the fields of a staged row `s`; what it does not have is empty."""
    return {name: f"s.{name}" for name in FIELDS} | {
        "business_state": "coalesce(s.business_state, '{}')::jsonb",
        "context": "s.context::jsonb",
        "quality_score": scales.divided(scale, "s"),
        "created_at": "s.created_at::timestamptz",
    }


def _given(name: str) -> str:
    """Whether the staged row has the field. A row without a moment keeps the one that the example has."""
    if name == "created_at":
        return "coalesce(s.created_at, s.updated_at) IS NOT NULL"
    return f"s.given & {BITS[name]} <> 0"


def _offered(scale: Scale) -> dict[str, str]:
    return as_staged(scale) | {"created_at": "coalesce(s.created_at, s.updated_at)::timestamptz"}


def _base(name: str) -> str:
    """Return the field as the source last gave it, of an example `t` that a person changed."""
    kind = FIELDS[name]
    if kind == "jsonb":
        return f"nullif(t.source_record->'{name}', 'null')"
    return f"(t.source_record->>'{name}')" + ("" if kind == "text" else f"::{kind}")


def _is_touched(name: str) -> str:
    return f"(t.source_record IS NOT NULL AND {_base(name)} IS DISTINCT FROM t.{name})"


def targets(scale: Scale, *, overwrite: bool) -> dict[str, str]:
    """Return what each field of an example `t` becomes by the staged row `s`."""
    return {name: _target(name, value, f"t.{name}", overwrite=overwrite) for name, value in _offered(scale).items()}


def _target(name: str, offered: str, current: str, *, overwrite: bool) -> str:
    free = "" if overwrite else f" AND NOT {_is_touched(name)}"
    return f"CASE WHEN {_given(name)}{free} THEN {offered} ELSE {current} END"


def source_score(scale: Scale, *, overwrite: bool) -> str:
    """Take the score as its source wrote it along with the score that is taken."""
    offered = as_staged(scale)["quality_score"]
    written = f"CASE WHEN s.quality_score <> {offered} THEN s.quality_score END"
    return _target("quality_score", written, "t.source_score", overwrite=overwrite)


def source_record(scale: Scale) -> str:
    """Return what the source has now given of an example that a person changed."""
    parts = ", ".join(
        f"'{name}', CASE WHEN {_given(name)} THEN {value} ELSE {_base(name)} END"
        for name, value in _offered(scale).items()
    )
    return f"CASE WHEN t.source_record IS NOT NULL THEN jsonb_build_object({parts}) END"


def keeps(scale: Scale, *, overwrite: bool) -> str:
    """Whether an example keeps what a person made of it, although the row says something else."""
    if overwrite:
        return "false"
    return (
        "("
        + " OR ".join(
            f"{_given(name)} AND {_is_touched(name)} AND {value} IS DISTINCT FROM t.{name}"
            for name, value in _offered(scale).items()
        )
        + ")"
    )
