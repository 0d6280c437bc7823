"""What stands in the way of a profile is said before anything is paid, and no word claims more than a profile is."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import core.tuning.providers.claude as package
from core.tuning.providers import catalogue
from core.tuning.providers.claude.adapter import PROVIDER
from core.tuning.providers.protocol import CheckReport, Spec
from tests.tuning.claude import course
from tests.tuning.claude.course import Course
from tests.tuning.claude.server import KEY, FakeAnthropic, serving

DOCS = Path(__file__).parents[3] / "docs" / "claude-profile.md"


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with serving(course.obedient) as service:
        yield service


def check(
    fake: FakeAnthropic,
    *,
    live: bool = False,
    base: str = "claude-haiku-5-5",
    key: str | None = KEY,
    method: Any = "profile",
    train: int = 100,
    validation: int = 40,
    test: int = 30,
    **settings: Any,
) -> CheckReport:
    data = course.facts(course.cases(0, train), course.cases(1000, validation), course.cases(2000, test))
    given = course.settings_at(fake.base_url, key)
    return PROVIDER.check(Spec("claude", base, method, settings), data, given, live=live)


def codes(checked: CheckReport) -> list[tuple[str, bool]]:
    return [(each.code, each.blocks) for each in checked.obstacles]


def test_nothing_stands_in_the_way_and_nothing_was_asked(fake: FakeAnthropic) -> None:
    checked = check(fake)
    assert checked.can_start
    assert checked.obstacles == ()
    assert fake.asked == []


def test_the_live_check_asks_one_free_question(fake: FakeAnthropic) -> None:
    assert check(fake, live=True).obstacles == ()
    assert fake.asked == [("GET", "/v1/models/claude-haiku-5-5")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"key": None}, ("key_missing", True)),
        ({"key": "sk-ant-wrong-0123456789", "live": True}, ("key_refused", True)),
        ({"base": "claude-haiku-5-5-20200101", "live": True}, ("base_missing", True)),
        ({"validation": 0}, ("too_small", True)),
        ({"validation": 7}, ("too_small", True)),
        ({"validation": 20}, ("too_small", False)),
        ({"test": 0}, ("too_small", False)),
        ({"train": 7}, ("too_small", True)),
        ({"base": "claude-without-price"}, ("price_unknown", False)),
        ({"method": "sft"}, ("method_not_offered", True)),
        ({"sizes": "many"}, ("setting_wrong", True)),
        ({"sizes": "1,2,3,4,5,6"}, ("setting_wrong", True)),
        ({"sizes": "0, 4"}, ("setting_wrong", True)),
        ({"validation_rows": 3}, ("setting_wrong", True)),
        ({"validation_rows": True}, ("setting_wrong", True)),
        ({"system_prompt": "\0"}, ("setting_wrong", True)),
        ({"temperature": 0}, ("setting_wrong", True)),
    ],
)
def test_each_obstacle_is_named_with_what_to_do(
    fake: FakeAnthropic, changes: dict[str, Any], found: tuple[str, bool]
) -> None:
    checked = check(fake, **changes)
    assert codes(checked) == [found]
    assert checked.can_start is not found[1]
    assert all(each.sentence.endswith(".") and each.remedy.endswith(".") for each in checked.obstacles)


def test_a_service_that_cannot_be_asked_is_an_obstacle_too(fake: FakeAnthropic) -> None:
    fake.trouble = [529]
    assert codes(check(fake, live=True)) == [("not_reachable", True)]


def test_prompts_that_no_model_reads_and_batches_that_are_too_large_are_refused(fake: FakeAnthropic) -> None:
    data = course.facts(course.cases(0, 100), course.cases(0, 500), [])
    data = course.replace(data, tokens_train=100 * 8_000, longest_tokens=9_000)
    spec = Spec("claude", "claude-sonnet-5-5", "profile", {"sizes": "8, 16, 32", "validation_rows": 500})
    checked = PROVIDER.check(spec, data, course.settings_at(fake.base_url), live=False)
    assert [each.code for each in checked.obstacles if each.blocks] == ["too_long", "too_long"]


def test_a_price_that_holds_only_for_shorter_prompts_is_not_made_up(fake: FakeAnthropic) -> None:
    data = course.replace(
        course.facts(course.cases(0, 100), course.cases(0, 40), course.cases(0, 40)),
        tokens_train=100 * 8_000,
        longest_tokens=9_000,
    )
    spec = Spec("claude", "claude-haiku-5-5", "profile", {"sizes": "8"})
    checked = PROVIDER.check(spec, data, course.settings_at(fake.base_url), live=False)
    assert ("price_unknown", False) in codes(checked)
    assert checked.estimate.cost_high is None


def test_the_estimate_is_a_range_that_grows_with_what_is_asked(fake: FakeAnthropic) -> None:
    small = check(fake, validation_rows=10, test_rows=0, sizes="2").estimate
    large = check(fake, validation_rows=40, test_rows=30, sizes="2, 4, 8").estimate
    for each in (small, large):
        assert each.cost_low is not None
        assert each.cost_high is not None
        assert 0 < each.cost_low < each.cost_high
    assert small.cost_high < large.cost_low * 10  # type: ignore[operator]
    assert small.tokens < large.tokens  # type: ignore[operator]
    assert check(fake, base="claude-without-price").estimate.cost_high is None


def test_bases_are_the_models_with_a_price() -> None:
    found = PROVIDER.bases(course.settings_at("http://127.0.0.1:1"))
    assert "claude-haiku-5-5" in found
    assert all(each.startswith("claude-") for each in found)


def test_a_profile_needs_nothing_to_answer_and_has_nothing_to_end(fake: FakeAnthropic, tmp_path: Path) -> None:
    from core.tuning.providers.protocol import ModelView

    model = ModelView(
        1,
        "m",
        "profile",
        "claude-haiku-5-5",
        "anthropic:claude-haiku-5-5",
        {},
        [],
        {},
        {},
        tmp_path,
        course.settings_at(fake.base_url),
    )
    assert PROVIDER.serve(model).state == "ready"
    assert PROVIDER.serving(model).call_name == "anthropic:claude-haiku-5-5"
    assert PROVIDER.unserve(model).state == "none"
    assert PROVIDER.capabilities.trains is False
    assert catalogue.facts("claude").is_training is False


#: Words that would claim that a model changes. Denials are what the words stand in where they are allowed.
_CLAIM = re.compile(
    r"\b(?:re)?train(?:s|ed|ing|er)?\b|\bfine-?tun\w*|\btuned?\b|\btuning\b|\blearn(?:s|ed|t)?\b", re.IGNORECASE
)
_DENIALS = ("offers no self-service fine-tuning", "is not training", "Nothing is trained", "cannot be tuned by",
            "never called trained")  # fmt: skip


def claims(text: str) -> list[str]:
    for denial in _DENIALS:
        text = text.replace(denial, "")
    return _CLAIM.findall(re.sub(r"`[^`]*`", "", text))


def texts_of(tree: ast.AST) -> list[str]:
    """Every text of several words that is not a docstring."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in constants if " " in node.value.strip() and id(node) not in docstrings]  # type: ignore[misc]


def test_nothing_that_is_shown_claims_that_a_model_changes(fake: FakeAnthropic, tmp_path: Path) -> None:
    fake.fates = lambda custom_id: "errored" if custom_id.endswith("r3") else "succeeded"
    job = Course(tmp_path, fake.base_url, {"sizes": "2, 5", "validation_rows": 40})
    made = job.through(fake)
    shown = [made.note, *(each.message for each in job.notes), PROVIDER.cancel(job.job)]
    for changes in (
        {"validation": 0},
        {"validation": 20},
        {"test": 0},
        {"train": 3},
        {"sizes": "x"},
        {"method": "sft"},
        {"key": None},
        {"base": "claude-without-price"},
    ):
        checked = check(fake, **changes)
        shown += [text for each in checked.obstacles for text in (each.sentence, each.remedy)]
        shown.append(checked.estimate.basis)
    for setting in PROVIDER.settings_for("claude-haiku-5-5", "profile"):
        shown += [setting.label, setting.explained]
    fake.end()
    shown += [job.poll().phase]
    assert len(shown) > 30
    assert [text for text in shown if claims(text)] == []


def test_no_sentence_of_the_package_and_no_line_of_its_page_claims_it_either() -> None:
    folder = Path(inspect.getfile(package)).parent
    paths = [*sorted(folder.glob("*.py")), Path(inspect.getfile(type(PROVIDER)))]
    sentences = [each for path in paths for each in texts_of(ast.parse(path.read_text()))]
    assert len(sentences) > 60
    assert [each for each in sentences if claims(each)] == []
    assert [each for each in DOCS.read_text().splitlines() if claims(each)] == []
