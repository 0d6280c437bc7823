"""What is made of a schema for each provider, and of an answer."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.llm import schemas
from core.orchestrator.plans import plan_schema, to_json
from tests.orchestrator.shapes import PLAN, SHAPE

LEAVES = st.sampled_from(
    [
        {"type": "string", "minLength": 1, "pattern": "^a"},
        {"type": "integer", "minimum": 0, "maximum": 9},
        {"type": "number"},
        {"type": "boolean"},
        {"enum": ["a", "b"]},
        {"const": 3},
        {"type": ["string", "null"]},
    ]
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from("abcd")
    return st.builds(
        lambda properties, required: {
            "type": "object",
            "properties": properties,
            "required": sorted(required & set(properties)),
            "additionalProperties": False,
        },
        st.dictionaries(names, inner, min_size=1, max_size=4),
        st.sets(names),
    )


SCHEMAS = _objects(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            _objects(inner),
            st.builds(lambda each: {"type": "array", "items": each, "maxItems": 3}, inner),
            st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=8,
    )
)


def filled(schema: dict[str, Any]) -> Any:
    """The smallest value of a strict schema, null wherever it may be."""
    if "anyOf" in schema:
        return filled(schema["anyOf"][-1])
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    kind = schema["type"][-1] if isinstance(schema["type"], list) else schema["type"]
    if kind == "object":
        return {name: filled(each) for name, each in schema["properties"].items()}
    return {"string": "abc", "integer": 3, "number": 0.5, "boolean": True, "null": None, "array": []}[kind]


@settings(deadline=None)
@given(SCHEMAS)
def test_what_strict_mode_gives_fits_the_schema_once_nulls_are_read_as_absence(schema: dict[str, Any]) -> None:
    strict = schemas.strict(schema)
    jsonschema.Draft202012Validator.check_schema(strict)
    answer = filled(strict)
    assert jsonschema.Draft202012Validator(strict).is_valid(answer)
    data, wrong = schemas.fitted(answer, schema)
    assert wrong == ""
    assert jsonschema.Draft202012Validator(schema).is_valid(data)


@settings(deadline=None)
@given(SCHEMAS)
def test_only_limits_are_left_out(schema: dict[str, Any]) -> None:
    plain = schemas.plain(schema)
    assert schemas.plain(plain) == plain
    answer = filled(schema)
    assert jsonschema.Draft202012Validator(plain).is_valid(answer)
    assert jsonschema.Draft202012Validator(schemas.without_const(plain)).is_valid(answer)


def test_the_schema_of_a_plan_is_one_that_every_provider_can_take() -> None:
    schema = plan_schema(SHAPE)
    assert schemas.burden(schemas.plain(schema, closed=True))[0] <= 24
    for made in (schemas.strict(schema), schemas.without_const(schemas.plain(schema))):
        assert jsonschema.Draft202012Validator(made).is_valid(to_json(PLAN)) == (made != schemas.strict(schema))
    assert "$schema" not in schemas.plain(schema)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, (0, 0)),
        ({"type": ["string", "null"]}, (0, 1)),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}, (1, 0)),
        ({"type": "array", "items": {"anyOf": [{"type": "object", "properties": {"required": {}}}]}}, (1, 1)),
    ],
)
def test_the_burden_counts_optional_fields_and_unions(schema: dict[str, Any], expected: tuple[int, int]) -> None:
    assert schemas.burden(schema) == expected


@given(st.text(st.characters()))
def test_cleaned_text_can_be_stored(text: str) -> None:
    cleaned = schemas.cleaned(text)
    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned
