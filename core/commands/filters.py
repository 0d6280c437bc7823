"""The one description of a choice of commands: the same in the page, an address, a verb and an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, field_validator
from sqlalchemy import ColumnElement, and_, any_, bindparam, true
from sqlalchemy.dialects.postgresql import ARRAY

from core.bounds import Id
from core.commands.models import Status
from core.db.tables import commands
from core.errors import InvalidFilter


def _listed(values: Any) -> Any:
    """Make a list of the single value of an address or a command line; JSON has no sets."""
    return [values] if isinstance(values, str) else list(values) if isinstance(values, set | frozenset) else values


def _sorted_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sort a choice without repeats, so that equal filters are equal in JSON too."""
    return tuple(sorted(set(values)))


Statuses = Annotated[tuple[Status, ...], BeforeValidator(_listed), AfterValidator(_sorted_once)]
Words = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_sorted_once)]
Ids = Annotated[tuple[Id, ...], AfterValidator(_sorted_once)]


class CommandFilter(BaseModel):
    """Which commands are meant. The default is all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Any of these statuses. Empty: all.
    statuses: Statuses = ()
    #: Any of these agents. Empty: all.
    agents: Words = ()
    #: Only the commands of this execution.
    run: str | None = None
    #: Only these commands. None: not asked; empty: none at all.
    ids: Ids | None = None

    @field_validator("agents", "run")
    @classmethod
    def _without_nul(cls, value: Any) -> Any:
        for word in [value] if isinstance(value, str) else value or ():
            if "\0" in word:
                raise ValueError("text cannot hold a NUL character")
            word.encode()  # half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
        return value

    def canonical(self) -> dict[str, Any]:
        """Plain JSON values of what differs from the default, keys sorted: equal filters are equal here."""
        return dict(sorted(self.model_dump(mode="json", exclude_defaults=True).items()))

    def to_json(self) -> str:
        return orjson.dumps(self.canonical(), option=orjson.OPT_SORT_KEYS).decode()


def parse(value: str | bytes | Mapping[str, Any]) -> CommandFilter:
    """Return a filter from JSON text or plain values. Raises `InvalidFilter` naming the field."""
    try:
        return CommandFilter.model_validate(orjson.loads(value) if isinstance(value, str | bytes) else value)
    except orjson.JSONDecodeError as error:
        raise InvalidFilter(f"The filter is not JSON: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "filter"
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = f"there is no such field; there are {', '.join(CommandFilter.model_fields)}"
        raise InvalidFilter(f"Filter field {where!r}: {what}.") from None


#: Parameter of an address for each field.
PARAMETERS = {"statuses": "status", "agents": "agent", "run": "run", "ids": "id"}


def to_query(chosen: CommandFilter) -> dict[str, list[str]]:
    """Parameters of an address; defaults are left out. A list chosen empty is one empty value."""
    query: dict[str, list[str]] = {}
    for field, value in chosen.canonical().items():
        query[PARAMETERS[field]] = [str(each) for each in value] or [""] if isinstance(value, list) else [str(value)]
    return query


def from_query(query: Mapping[str, Sequence[str]]) -> CommandFilter:
    """Return the filter of an address; parameters that are not ours are passed over. Raises `InvalidFilter`."""
    values: dict[str, Any] = {}
    for field, parameter in PARAMETERS.items():
        given = query.get(parameter)
        if given:
            values[field] = given[-1] if field == "run" else [each for each in given if each != ""]
    return parse(values)


def where(chosen: CommandFilter) -> ColumnElement[bool]:
    """Return the filter as a condition on `commands`."""
    c = commands.c
    conditions: list[ColumnElement[bool]] = [true()]
    for choice, column in ((chosen.statuses, c.status), (chosen.agents, c.agent)):
        if choice:
            conditions.append(column == any_(bindparam(None, list(choice), type_=ARRAY(column.type))))
    if chosen.run is not None:
        conditions.append(c.run == chosen.run)
    if chosen.ids is not None:
        # = ANY(array): one parameter whatever the number of ids, and one plan for all of them.
        conditions.append(c.id == any_(bindparam(None, list(chosen.ids), type_=ARRAY(c.id.type))))
    return and_(*conditions)


def describe(chosen: CommandFilter) -> str:
    """Return the filter in words, for audit lines and pages."""
    parts = []
    if chosen.statuses:
        parts.append(" or ".join(chosen.statuses))
    if chosen.agents:
        parts.append(f"agent {' or '.join(chosen.agents)}")
    if chosen.run is not None:
        parts.append(f"of the execution {chosen.run}")
    if chosen.ids is not None:
        parts.append(f"{len(chosen.ids):,} chosen by hand")
    return ", ".join(parts) or "all commands"
