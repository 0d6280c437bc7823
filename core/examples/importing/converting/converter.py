"""Rows of a file into records: which column is which field, what each value means, and what is left over."""

import codecs
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson

from core.errors import ImportRefused
from core.examples.importing.converting import moments, scale
from core.examples.importing.converting.columns import SYSTEM, by_name, mapping, no_request, quoted, recognised
from core.examples.importing.converting.other_tools import Aside
from core.examples.importing.converting.shapes import UNUSED, Raw
from core.examples.importing.converting.values import PARSERS, TRUTHS, read_tags, truth
from core.examples.importing.converting.values import context as parsed_context
from core.examples.importing.models import FIELDS, ImportOptions, RowError, Unfit, UnfitColumn
from core.text import shortened

#: The parts of a staged record: the fields, the score where it says itself what it means, which fields the row has,
#: whether "success" and the like are answers in it, and whether plan and result may be such a word, or nothing.
STAGED = (*PARSERS, "certain_score", "given", "is_literal", "is_brief")
#: The bit of each field in `given`. A field that a row does not have is left as it is in an example that is there.
BITS = {field: 1 << place for place, field in enumerate(PARSERS)}
#: The part of the context that a system prompt in a column of its own becomes.
SYSTEM_KEY = "system"
#: So many different words of an outcome, and tags, are told; a column with more of them has another meaning.
WORDS_TOLD = 50

#: Columns of which an export of the original system has some beside `execution_id` and `user_request`; a dataset that
#: happens to name those two alike has none.
_OF_EXECUTIONS = frozenset(
    {"execution_plan", "business_state", "success", "source_agent", "source_model", "execution_time_ms"}
)


def checked_options(options: ImportOptions) -> None:
    """Check the options. Raises `ImportRefused` for a field that does not exist or a constant that does not fit."""
    for kind, given in (("mapping", options.mapping), ("constants", options.constants)):
        for field in given:
            if field not in FIELDS:
                raise ImportRefused(f"{field!r} in the {kind} is not a field; fields are {', '.join(FIELDS)}.")
    if options.encoding != "auto" and not _is_encoding(options.encoding):
        raise ImportRefused(
            f"{options.encoding!r} is not an encoding that is known; use for example utf-8, utf-16 or windows-1252."
        )
    if options.quality_scale != "auto" and not scale.is_scale(options.quality_scale):
        raise ImportRefused(
            f"{options.quality_scale!r} is not a quality scale; use {', '.join(('auto', *scale.OFFERED))}, "
            "or a range such as 1-7."
        )
    for field, value in options.constants.items():
        if field == SYSTEM:
            raise ImportRefused(f"{SYSTEM} takes a column, not a constant; write the constant into the context.")
        try:
            PARSERS[field](value)
        except Unfit as error:
            raise ImportRefused(f"The constant for {field}, {shortened(value)}, is not {error}.") from None


def _is_encoding(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding  # no other way to know
    except (LookupError, ValueError):
        return False


class Converter:
    """Turns rows of one file into records for staging, field by field in the order of `PARSERS`."""

    def __init__(self, columns: Sequence[str], options: ImportOptions, *, more_may_come: bool = False) -> None:
        checked_options(options)
        self.shape = recognised(columns)
        self.mapping = mapping(self.shape, columns, options, more_may_come=more_may_come)
        self._explicit, self._mapped = frozenset(options.mapping), frozenset(options.mapping.values())
        self._convert = self.shape.converted
        if self._convert and options.mapping.get("user_request"):
            self._convert = None  # the file is read by the mapping alone
        is_known = self._convert and "user_request" not in options.mapping
        if not is_known and "user_request" not in self.mapping and "user_request" not in options.constants:
            raise no_request(columns, options, is_table=not more_may_come)
        present = by_name(columns).keys()
        is_execution = present >= {"user_request", "execution_id"} and not _OF_EXECUTIONS.isdisjoint(present)
        #: Whether "success" and the like are answers: only in rows of the original system they are none.
        self.is_literal = options.placeholders == "learn" or (options.placeholders == "auto" and not is_execution)
        #: What rows hold that becomes no field, and in how many of them it has a value.
        self.unused: Counter[str] = Counter()
        #: Tags that are not stored as they are written; words of an outcome that nobody gave a meaning.
        self.tags_became: dict[str, str] = {}
        self.outcome_words: Counter[str] = Counter()
        #: Rows that are no examples, such as the spans of a search.
        self.aside = 0
        #: What the row at hand holds twice, where only one of both is used.
        self._left: set[str] = set()
        #: Whether a row was met whose date can be read in two ways.
        self.met_either_order = False
        self._means = {word.strip().casefold(): TRUTHS[meaning] for word, meaning in options.outcomes.items()}
        self._prepare(columns, options)

    def _prepare(self, columns: Sequence[str], options: ImportOptions) -> None:
        read = (*self.shape.signs, *self.shape.reads) if self._convert else ()
        named = by_name(columns)
        self._renamed = {named[name]: name for name in read if named.get(name, name) != name}
        self._used = frozenset({*read, *self._renamed, *self.mapping.values()})
        self._system = self.mapping.get(SYSTEM)
        #: Columns of fields beside those that a conversation is made of.
        self._beside = frozenset(self.mapping.values()) - {named.get(name, name) for name in read}
        constants = {field: PARSERS[field](value) for field, value in options.constants.items()}
        own: dict[str, Callable[[Any], Any]] = {
            "success": self._outcome,
            "tags": self._tags,
            "created_at": partial(moments.moment, order=options.dates),
            "updated_at": partial(moments.moment, order=options.dates),
        }
        made = _ALWAYS if not self._convert else _OF_TABLES if self.shape.mapping else PARSERS
        self._steps = tuple(
            (place, field, BITS[field], self.mapping.get(field), own.get(field, parser), constants.get(field))
            for place, (field, parser) in enumerate(PARSERS.items())
            if field in made or field in self.mapping or field in constants
        )

    def record(self, number: int, row: Raw) -> list[Any] | RowError | None:
        """Return the values of one row in the order of `STAGED`, or why it cannot be one; None for one that is put
        aside.
        """
        made: Raw = {}
        self._left.clear()
        if self._convert:
            try:
                made = self._made(row)
            except Aside as kind:
                self.aside += 1
                self.unused[str(kind)] += 1
                return None
            except (Unfit, orjson.JSONEncodeError) as error:
                if self._is_empty(row):
                    return None
                column = error.column if isinstance(error, UnfitColumn) else self.shape.signs[0]
                return RowError(number, column, shortened(row.get(column)), str(error))
        filled = self._filled(number, row, made)
        if filled is None or isinstance(filled, RowError):
            return filled
        values, given = filled
        if made.get("success") is not None and "success" in self._explicit:
            self._left.update(name for name in ("kto_tag", "label") if row.get(name) not in _NOTHING)
        if made or self._left or not row.keys() <= self._used:
            self.unused.update(column for column in row if column not in self._used and row[column] not in _NOTHING)
            self.unused.update({*made.get(UNUSED, ()), *self._left} - self._mapped)
        score = values[_SCORE]
        if values[0] is None:
            values[0] = _made_key(values)
        certain = score.score if isinstance(score, scale.Certain) else None
        return [*values, certain, given, self.is_literal, _is_brief(values[_PLAN], values[_RESULT])]

    def _filled(self, number: int, row: Raw, made: Raw) -> tuple[list[Any], int] | RowError | None:
        """Return the fields of one row, and the bits of those that it has; None for a row that holds nothing."""
        values = _BLANK.copy()
        given, field, value = 0, "", None
        try:
            for place, field, bit, column, parse, constant in self._steps:
                # A mapped context stands beside the parts of a conversation, and never instead of them.
                if made and field in made and (field not in self._explicit or place == _CONTEXT):
                    value = made[field]
                    given |= bit
                    if column in self._beside and row.get(column) not in _NOTHING:
                        value = self._of_both(field, value, row[column], column)
                elif column is not None and column in row:
                    value = row[column]
                    given |= bit
                else:
                    value = None
                if place == _CONTEXT and self._system and row.get(self._system):
                    value = self._with_system(value, row[self._system])
                    given |= bit
                if value is None or value == "":
                    if constant is not None:
                        given |= bit
                        values[place] = constant
                    elif place == _REQUEST:
                        parse(value)  # says that it is required
                else:
                    values[place] = parse(value)
        except Unfit as error:
            return None if self._is_empty(row) else self._unfit(number, row, field, value, error)
        return values, given

    def _of_both(self, field: str, made: Any, written: Any, column: str | None) -> Any:
        """Return one value where the record is taken out of a conversation and has a column of the field, too.

        The conversation says what was asked and answered; its column stands above whatever else was made, and the
        parts of both contexts are kept. What is not used of a column is named.
        """
        if field == "context":
            known = orjson.loads(parsed_context(written) or "null")
            if not isinstance(known, dict):
                known = {"context": known} if known else {}
            made = made or {}
            self._left.update(f"{column}.{key}" for key in known.keys() & made.keys() if known[key] != made[key])
            return {**known, **made} or None
        if field not in ("user_request", "execution_result"):
            if written == written and made not in (None, "", written):
                self._left.add(f"{field}, said twice")
            return made if written != written else written
        if written != made:
            self._left.add(str(column))
        return made

    def _with_system(self, context: Any, said: Any) -> Any:
        """Return the context with a system prompt in front, unless it has one of its own."""
        if not isinstance(said, str):
            raise Unfit("a system prompt as text")
        if isinstance(context, str):
            known = parsed_context(context)
            context = orjson.loads(known) if known else None
        if context is not None and not isinstance(context, dict):
            raise Unfit("a JSON object beside the system prompt")
        whole = {SYSTEM_KEY: said, **(context or {})}
        if said not in str(whole[SYSTEM_KEY]):
            self._left.add(str(self._system))
        return whole

    def _is_empty(self, row: Raw) -> bool:
        """Whether it holds nothing at all, as the lines below a table of a spreadsheet; put aside, and counted."""
        if not all(value is None or value != value or not str(value).strip() for value in row.values()):
            return False
        self.aside += 1
        self.unused["empty rows"] += 1
        return True

    def _made(self, row: Raw) -> Raw:
        assert self._convert
        if self._renamed:
            row = {self._renamed.get(name, name): value for name, value in row.items()}
        return self._convert(row)

    def _unfit(self, number: int, row: Raw, field: str, value: Any, error: Unfit) -> RowError:
        self.met_either_order |= isinstance(error, moments.EitherOrder)
        column = self.mapping.get(field)
        if field == "success" and column not in row:  # it was made of feedback
            column = next((name for name in ("kto_tag", "label") if name in row), column)
        where = field if column in (None, field) else f"{field} (column {column})"
        return RowError(number, where, shortened(value), str(error))

    def _outcome(self, value: Any) -> bool | None:
        try:
            return truth(value)
        except Unfit as error:
            if not isinstance(value, str | int | float):
                raise
            word = value.strip().casefold() if isinstance(value, str) else f"{value:g}"
            if word in self._means:
                return self._means[word]
            if len(word) <= 60 and (word in self.outcome_words or len(self.outcome_words) < WORDS_TOLD):
                self.outcome_words[word] += 1
                means = f"--outcome {quoted(word)}=success, =failed or =unknown"
                raise Unfit(f"{error}; say what it means: {means}") from None
            raise

    def _tags(self, value: Any) -> str | None:
        array, became = read_tags(value)
        for written, tag in became:
            if len(self.tags_became) < WORDS_TOLD:
                self.tags_became[written] = tag
        return array


def _is_brief(plan: str | None, result: str | None) -> bool:
    """Whether plan and result are so short that PostgreSQL has to say if they teach something: false of most rows.

    Longer ones are answers, whatever they say: no word that says only that something was done has more letters.
    """
    if not plan and not result:
        return True
    return any(said and len(said.strip(_MARGIN)) <= _LONGEST_WORD for said in (plan, result))


#: What PostgreSQL's `teaches` passes over around a word, and the letters of the longest word that it knows.
_MARGIN, _LONGEST_WORD = ' \t\n\r\f\x0b".', 10

_NOTHING: tuple[Any, ...] = (None, "", [], {})
_REQUEST, _CONTEXT, _PLAN, _RESULT, _SCORE = (
    list(PARSERS).index(name)
    for name in ("user_request", "context", "execution_plan", "execution_result", "quality_score")
)
#: The values of a row that has none.
_BLANK = [None if field == "user_request" else parse(None) for field, parse in PARSERS.items()]
#: Fields that are looked at even where no column is theirs: without a request there is no row, and a system prompt of a
#: column of its own goes into the context.
_ALWAYS = ("user_request", "context")
#: Fields that are made out of a table with a request and an answer, beside those that have a column.
_OF_TABLES = (*_ALWAYS, "execution_result", "success")


#: How an execution id begins that was made here, because the file has none.
MADE = "sha256:"


def _made_key(values: list[Any]) -> str:
    """Return an execution id from what happened: the same record has the same one in every file and every database."""
    _, request, _, _, context, plan, result, _, _, _, created_at, *_ = values
    if context and '"input":' in context:  # stands in the request, too, and was not kept once
        known = orjson.loads(context)
        if isinstance(known, dict):
            known.pop("input", None)
        context = orjson.dumps(known).decode() if known else None
    told = orjson.dumps([request, context, plan, result, created_at])
    return f"{MADE}{hashlib.sha256(told).hexdigest()}"
