"""Whatever is done to many examples at once takes time that grows with their number, and not with its square.

A ratio of the processor's seconds within one run, so that it holds on any machine and beside any other work.
"""

from pathlib import Path

import pytest

from benchmarks import growth
from core.db import Database

_SIZES = (5_000, 20_000)
#: Between what only grows and a square, which is 2. The benchmark itself allows 1.2, on a machine with nothing else to
#: do; beside other processes the caches of the larger half are somebody else's, and 1.33 was seen of what is linear.
_MOST = 1.5


@pytest.mark.timeout(900)
def test_no_act_on_many_examples_grows_faster_than_their_number(database: Database, tmp_path: Path) -> None:
    found = growth.measured(database, tmp_path, _SIZES, most=_MOST)
    assert not growth.too_steep(found, _MOST), growth.table(found)


@pytest.mark.parametrize(("small", "large", "power"), [(1.0, 4.0, 1.0), (1.0, 16.0, 2.0), (0.01, 0.2, 0.0)])
def test_the_exponent_is_the_power_of_the_rows(small: float, large: float, power: float) -> None:
    assert growth.exponent((1_000, small), (4_000, large)) == pytest.approx(power)


def test_a_square_is_too_steep_and_sorting_is_not() -> None:
    found = {10_000: {"square": 1.0, "sorting": 1.0}, 40_000: {"square": 16.0, "sorting": 4.6}}
    assert set(growth.too_steep(found)) == {"square"}
    assert "above 1.2" in growth.table(found)
