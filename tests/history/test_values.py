"""Single values of history: each in the ways in which tools and people write it."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.examples.importing.models import Unfit
from core.history import values
from core.history.shapes import title_in


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (values.count, "1200", 1200),
        (values.count, "1,200", 1200),
        (values.count, "1.234.567", 1_234_567),
        (values.count, "1 200", 1200),
        (values.count, "1.2K", 1200),
        (values.count, "3M", 3_000_000),
        (values.count, 7.0, 7),
        (values.count, "", None),
        (values.count, "n/a", None),
        (values.count, float("nan"), None),
        (values.amount, "1234.56", "1234.5600"),
        (values.amount, "$1,234.50", "1234.5000"),
        (values.amount, "1.234,50 €", "1234.5000"),
        (values.amount, "(250)", "-250.0000"),
        (values.amount, "1,234,567", "1234567.0000"),
        (values.amount, "12,5", "12.5000"),
        (values.amount, "2.5%", "0.0250"),
        (values.amount, Decimal("0.00005"), "0.0001"),
        (values.amount, 0.1, "0.1000"),
        (values.amount, None, None),
        (values.day, "2026-03", "2026-03-01"),
        (values.day, "March 2026", "2026-03-01"),
        (values.day, "2026-03-14T23:00:00-05:00", "2026-03-15"),
        (values.day, dt.date(2026, 3, 14), "2026-03-14"),
        (values.seconds, "1:23", 83),
        (values.seconds, "1:00:05", 3605),
        (values.seconds, "83.5", 84),
        (values.seconds, dt.timedelta(minutes=2), 120),
        (values.words, "a, b", '["a","b"]'),
        (values.words, '["a", "b"]', '["a","b"]'),
        (values.words, "{a,b}", '["a","b"]'),
        (values.words, '[,",o,a,k,",,, ,",e,l,m,",]', '["oak","elm"]'),
        (values.words, "", None),
        (values.status, " Published ", "published"),
        (values.status, "In Review", "in_review"),
        (values.currency, "$", "USD"),
        (values.currency, "eur", "EUR"),
        (values.identifier, 12.0, "12"),
    ],
)
def test_a_value_is_read(read: Any, written: Any, expected: Any) -> None:
    assert read(written) == expected


@pytest.mark.parametrize(
    ("read", "written", "says"),
    [
        (values.count, "-1", "0 or more"),
        (values.count, "1.5", "whole"),
        (values.count, "many", "whole"),
        (values.count, True, "whole"),
        (values.count, str(2**63), "whole"),
        (values.amount, "1,234", "groups"),
        (values.amount, "1,2,3.4.5", "groups"),
        (values.amount, "1e20", "below"),
        (values.amount, "12 apples", "amount"),
        (values.day, "2026-13", "a day such as"),
        (values.seconds, "-1", "seconds"),
        (values.words, {"a": 1}, "a list"),
        (values.words, "[1, ", "a list"),
        (values.currency, "dollars", "three letters"),
        (values.details, "[1]", "JSON object"),
    ],
)
def test_what_is_in_doubt_is_refused(read: Any, written: Any, says: str) -> None:
    with pytest.raises(Unfit, match=re.escape(says)):
        read(written)


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters='"\\,', categories=("L", "N")), min_size=1)))
def test_a_list_that_was_broken_into_letters_comes_back(words: list[str]) -> None:
    import orjson

    whole = "[" + ", ".join(f'"{word}"' for word in words) + "]"
    assert orjson.loads(values.words(",".join(whole)) or "[]") == words


@given(st.integers(0, 2**62), st.sampled_from(["", ",", ".", " "]))
def test_a_count_is_itself_however_it_is_grouped(number: int, sign: str) -> None:
    assert values.count(f"{number:,}".replace(",", sign)) == number


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (" Title: Oak chairs\n\nText", "Oak chairs"),
        ("# Oak chairs\nText", "Oak chairs"),
        ("**Title:** “Oak” chairs\n", "“Oak” chairs"),
        ("Oak chairs\n==========\nText", "Oak chairs"),
        ("Oak chairs are fine.", None),
        ("", None),
    ],
)
def test_the_title_that_a_text_begins_with(content: str, title: str | None) -> None:
    assert title_in(content) == title
