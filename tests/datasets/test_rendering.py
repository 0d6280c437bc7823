"""The SQL renderer gives, byte for byte, what orjson gives for the same conversation."""

from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.recipes import PARTS, Recipe, parse
from core.datasets.rendering import preview
from core.db import Database
from core.errors import DatasetRefused
from core.examples.filters import EVERYTHING, Filter
from tests.datasets import oracle
from tests.datasets.conftest import Add, example

SPECIAL = "\"\\/\b\f\n\r\t\x01\x1f\x7f\x80\u2028\u2029\ufeff\U0001f680%:name%s{}'$1é"
TURNS = [{"role": "user", "content": "Hello " + SPECIAL}, {"role": "assistant", "content": ""}]
EXAMPLES = [
    example(1),
    example(2, user_request=SPECIAL, execution_plan=SPECIAL, execution_result=SPECIAL, intent=SPECIAL),
    example(3, context={"system": "Be " + SPECIAL, "turns": TURNS * 2, "pattern": [1, None, {"b": True, "aa": "x"}]}),
    example(4, intent="", business_state={}, context={}, execution_result=None),
    example(5, context={"system": "", "turns": []}, business_state={"topic": "x", "long key": -1.5, "b": {"é": "\\"}}),
    example(6, context={"system": 7}),
]
RECIPES = [
    Recipe(),
    Recipe(target="result", system_prompt="You plan. " + SPECIAL),
    Recipe(target="both", fields=("request", "intent", "business_state", "context")),
    Recipe(fields=("business_state", "request"), system_prompt="Plan."),
]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("format_", oracle.FORMATS)
def test_each_format_equals_the_oracle(database: Database, add: Add, recipe: Recipe, format_: Any) -> None:
    ids = add(EXAMPLES)
    assert preview(database, ids, recipe, format_, limit=99) == [oracle.render(e, recipe, format_) for e in EXAMPLES]


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
turns = st.lists(st.tuples(text, text), max_size=2).map(
    lambda pairs: [
        {"role": role, "content": words}
        for pair in pairs
        for role, words in zip(("user", "assistant"), pair, strict=True)
    ]
)
contexts = st.none() | st.fixed_dictionaries({}, optional={"system": text, "turns": turns, "notes": values})
recipes = st.builds(
    Recipe,
    target=st.sampled_from(["plan", "result", "both"]),
    system_prompt=text,
    fields=st.permutations(PARTS).flatmap(
        lambda order: st.integers(1, 4).map(lambda n: tuple(dict.fromkeys(["request", *order[:n]])))
    ),
)


contents = st.fixed_dictionaries(
    {
        "user_request": text,
        "intent": text,
        "business_state": st.dictionaries(text, values, max_size=3),
        "context": contexts,
        "execution_plan": st.none() | text,
        "execution_result": st.none() | text,
    }
)
numbers = count(100)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents, recipe=recipes)
def test_any_text_is_escaped_as_orjson_escapes_it(
    database: Database, add: Add, content: dict[str, Any], recipe: Recipe
) -> None:
    one = example(next(numbers), **content)
    ids = add([one])
    for each in oracle.FORMATS:
        assert preview(database, ids, recipe, each) == [oracle.render(one, recipe, each)]


def test_a_preview_of_a_filter_passes_over_what_teaches_nothing(database: Database, add: Add) -> None:
    add([example(1, execution_plan="success"), example(2, user_request=" "), example(3), example(4), example(5)])
    shown = preview(database, Filter(), Recipe(), limit=2)
    assert [orjson.loads(line)["messages"][0]["content"] for line in shown] == [
        example(3)["user_request"],
        example(4)["user_request"],
    ]
    assert preview(database, Filter(intents=("nothing",)), Recipe()) == []


def test_an_example_asked_for_by_id_is_shown_whatever_it_teaches(database: Database, add: Add) -> None:
    ids = add([example(1, execution_plan=None)])
    (line,) = preview(database, ids, Recipe())
    assert orjson.loads(line)["messages"][-1] == {"role": "assistant", "content": ""}
    assert preview(database, EVERYTHING, Recipe()) == []


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"target": "everything"}, "'target'"),
        ({"fields": ["intent"]}, "the request must be among"),
        ({"fields": ["request", "request"]}, "at most once"),
        ({"fields": ["request", "quality"]}, "'fields.1'"),
        ({"system_prompt": "a\0b"}, "NUL"),
        ({"style": "short"}, "'style'"),
        ("{", "not JSON"),
    ],
)
def test_a_recipe_that_cannot_be_understood_names_the_field(recipe: Any, words: str) -> None:
    with pytest.raises(DatasetRefused, match=words):
        parse(recipe)


def test_a_recipe_survives_its_json() -> None:
    for recipe in RECIPES:
        assert parse(recipe.to_json()) == recipe
