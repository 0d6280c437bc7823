"""How numbers, times and foreign text are shown."""

import datetime as dt
import re

import pytest

from ui.parts import formatting

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    ["![x](http://evil.example/x.png)", "[a](b)", "**bold**", ":red[no]", "$x$", "`code`", "<b>", "# head", "~~no~~"],
)
def test_no_sign_that_markdown_knows_is_left_unescaped(text: str) -> None:
    shown = formatting.plain(text)

    assert shown.replace("\\", "").replace("\u2060", "") == text
    assert all(
        sign.isalnum() or sign.isspace() or sign == "\u2060" or shown[at - 1] == "\\" or sign == "\\"
        for at, sign in enumerate(shown)
    )


@pytest.mark.parametrize("address", ["http://a.example/x", "HTTPS://a.example", "www.a.example", "me@a.example"])
def test_a_bare_address_does_not_become_a_link(address: str) -> None:
    read = formatting.plain(f"see {address} there").replace("\\", "")

    assert not re.search(r"https?://|www\.|[-.\w+]+@[-\w]", read, re.IGNORECASE)
    assert read.replace("\u2060", "") == f"see {address} there"


def test_lines_become_one() -> None:
    assert formatting.plain("a\n\n# b\tc") == "a \\# b c"


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (dt.timedelta(seconds=5), "just now"),
        (dt.timedelta(minutes=3), "3 min ago"),
        (dt.timedelta(hours=5), "5 h ago"),
        (dt.timedelta(days=2), "2 d ago"),
        (dt.timedelta(days=40), "13 Oct 2026"),
        (dt.timedelta(hours=-1), "22 Nov 2026, 13:00"),
    ],
)
def test_times_are_relative(back: dt.timedelta, expected: str) -> None:
    assert formatting.ago(NOW - back, NOW) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1_500, "1.5 KB"), (64_000_000, "64.0 MB"), (2e9, "2.0 GB")],
)
def test_sizes_have_a_unit(number: int | None, expected: str) -> None:
    assert formatting.size(number) == expected


def test_counts_agree_with_their_word() -> None:
    assert formatting.count(1, "example") == "1 example"
    assert formatting.count(4_102, "example") == "4,102 examples"
    assert formatting.count(2, "entry", "entries") == "2 entries"


def test_long_text_is_one_short_line() -> None:
    assert formatting.shortened("a\nb " * 100, 10) == "a b a b a…"
