"""Addresses of every page with parameters that no link of ours has: a page with a sentence, never an error of ours."""

import random
import re
import string

import pytest

from core.commands.filters import PARAMETERS as OF_COMMANDS
from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import PARAMETERS as OF_EXAMPLES
from core.examples.filters import Filter
from tests.attack.test_requests import MOMENTS, NUMBERS
from tests.commands.conftest import enqueue
from tests.pages.conftest import ROUTER, Visit, text, visit  # noqa: F401 (a fixture)
from tests.served import add

SEED = 20261130
EACH_PAGE = 12
ROOT = ROUTER.parents[2]
PAGES = tuple(sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
#: What the pages themselves read of an address, beside the two filters.
OWN = (
    "workspace", "dataset", "version", "with", "new", "part", "job", "model", "train_on", "run", "execution_status",
    "tab", "pattern", "unknown",
)  # fmt: skip
TEXTS = (
    "", " ", "-", "..", "../../etc/passwd", "\0", "a\0b", "\ufffe", "\u202e", "<script>alert(1)</script>",
    "![x](http://evil.example/x.png)", "{", "[]", "null", "true", "x" * 5_000, "💣" * 300, "public", "pg_catalog",
    "information_schema", "plans", "plans@1", f"plans@{10**40}", "all", "jobs", "models", "compare", "%00", "'", '"',
)  # fmt: skip


def value(chance: random.Random) -> str | list[str]:
    kind = chance.randrange(9)
    if kind < 4:
        return chance.choice(NUMBERS)
    if kind < 7:
        return chance.choice(TEXTS)
    if kind == 7:
        return [chance.choice(NUMBERS + MOMENTS) for _ in range(chance.choice((2, 3, 300)))]
    return "".join(chance.choices(string.printable + "äßé日\u202e\ufffe💣", k=chance.randrange(1, 60)))


def parameters(chance: random.Random) -> dict[str, str | list[str]]:
    every = (*OWN, *OF_EXAMPLES.values(), *OF_COMMANDS.values())
    of = chance.choice((OWN, OWN, every))
    return {chance.choice(of): value(chance) for _ in range(chance.choice((1, 1, 2, 3, 6)))}


def test_the_parameters_of_pages_are_all_attacked() -> None:
    """What pages read of an address is named there, or in constants; both are found in their source."""
    assert len(PAGES) >= 8
    written = "".join(path.read_text() for path in (ROOT / "ui").rglob("*.py"))
    named = set(re.findall(r'query_params(?:\.get\(|\[)"(\w+)"', written))
    named |= set(
        re.findall(r'^_?(?:PARAMETER|PART|JOB|MODEL|TRAIN_ON|TAB|PATTERN)\b.* = "(\w+)"', written, re.MULTILINE)
    )
    assert len(named) >= 8
    assert named <= {*OWN, *OF_EXAMPLES.values(), *OF_COMMANDS.values()}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.timeout(300)
def test_no_address_shows_an_error_of_ours(page: str, database: Database, visit: Visit) -> None:  # noqa: F811
    add(database, *({} for _ in range(12)))
    enqueue(database)
    snapshots.create(database, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    chance = random.Random(f"{SEED} {page}")
    wrong: list[str] = []
    for _ in range(EACH_PAGE):
        asked = parameters(chance)
        try:
            app = visit(page, **asked)
        except AssertionError as error:
            wrong.append(f"{ {name: str(value)[:80] for name, value in asked.items()} }: {str(error)[:600]}")
            continue
        assert app.title, asked
    assert not wrong, "\n".join(wrong[:10])


@pytest.mark.parametrize("number", ["0", "-1", str(2**63), str(10**40), "9" * 5_000, "NaN", "1e999", "٣", "a\0b"])
@pytest.mark.parametrize(
    ("page", "parameters", "words"),
    [
        ("fine_tuning", {"part": "jobs", "job": "{}"}, "There is no fine-tuning job|The link names no job"),
        ("fine_tuning", {"part": "models", "model": "{}"}, "There is no model|The link names no model"),
        ("orchestrator", {"run": "{}"}, "There is no execution|The link names no execution"),
        ("datasets", {"dataset": "plans", "version": "{}"}, "There is no dataset|no version|names no|not a version"),
    ],
)
def test_a_number_that_no_row_has_is_told_in_a_sentence(
    visit: Visit,  # noqa: F811
    page: str,
    parameters: dict[str, str],
    words: str,
    number: str,
) -> None:
    app = visit(page, **{name: value.format(number) for name, value in parameters.items()})
    assert app.title
    assert re.search(words, text(app))


@pytest.mark.parametrize("number", [str(2**63), str(10**40), "9" * 5_000, "NaN", "1e999", "a\0b"])
@pytest.mark.parametrize("page", ["data", "queue"])
def test_a_filter_for_what_no_row_has_is_left_out_and_told(
    visit: Visit,  # noqa: F811
    database: Database,
    page: str,
    number: str,
) -> None:
    add(database, {})
    enqueue(database)
    assert "The link holds a filter that cannot be used" in text(visit(page, id=number))
