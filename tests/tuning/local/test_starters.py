"""Small open bases to begin with: each is of a kind that can be trained, and what it takes grows with the records."""

from dataclasses import replace

import pytest

from core.tuning.providers.data import DataFacts
from core.tuning.providers.local import starters
from core.tuning.providers.local.bases import Base
from core.tuning.providers.local.shapes import ARCHITECTURES
from core.tuning.providers.local.starters import RECOMMENDED

DATA = DataFacts(1, "plans@3", "ab" * 32, 500, 20, 20, 500 * 256, 2_000, 2_000, 256, True, 90_000)


def test_there_are_a_few_from_small_to_large_and_one_is_recommended() -> None:
    found = starters.starters(DATA, cores=1)
    assert 4 <= len(found) <= 6
    sizes = [each.parameters for each in found]
    assert sizes == sorted(sizes)
    assert RECOMMENDED in [each.name for each in found]


@pytest.mark.parametrize("name", [name for name, *_ in starters._SHAPES])
def test_each_can_be_named_and_is_as_large_as_its_form_says(name: str) -> None:
    assert Base.parse(name).kind == "hub"
    (shape,) = (shape for each, _, _, shape in starters._SHAPES if each == name)
    assert shape.kind in ARCHITECTURES
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    a_layer = shape.width * 2 * (queries + keys) + 3 * shape.width * shape.inner
    assert shape.parameters == pytest.approx(shape.vocabulary * shape.width + shape.layers * a_layer, rel=0.01)


def test_the_time_is_that_of_the_documented_measurement() -> None:
    smallest = starters.starters(DATA, cores=1)[0]
    assert smallest.seconds == pytest.approx(500 * 256 * 3 / 162, rel=0.05), "162 tokens/s in float32"


def test_more_cores_take_less_time_and_longer_records_more_memory() -> None:
    one, four = (starters.starters(DATA, cores=cores)[0] for cores in (1, 4))
    assert one.seconds == pytest.approx(4 * four.seconds)
    longer = starters.starters(replace(DATA, longest_tokens=1_000), cores=1)[0]
    assert longer.memory_bytes > one.memory_bytes
