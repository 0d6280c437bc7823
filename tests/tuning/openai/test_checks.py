"""What stands in the way of a job at OpenAI, each with its remedy, before anything is sent."""

import datetime as dt
import socket
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import TuningRefused
from core.settings import Settings
from core.tuning.providers.data import Files
from core.tuning.providers.openai.access import is_openai
from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.openai.checks import automatic_epochs
from core.tuning.providers.protocol import CheckReport, Obstacle, Spec
from tests.tuning.openai.conftest import BASE, SECRET, SPEC
from tests.tuning.openai.service import Service, refused
from tests.tuning.views import DATA, Jobs, settings

TODAY = dt.date(2026, 11, 24)


@pytest.fixture
def openai_itself(tmp_path: Path) -> Settings:
    """Settings of somebody who has a key, and nothing else."""
    return settings(tmp_path, OPENAI_API_KEY=SECRET)


def checked(
    chosen: Settings, spec: Spec = SPEC, *, today: dt.date = TODAY, live: bool = False, **data: Any
) -> CheckReport:
    return OpenAI(today=lambda: today, timeout_s=5).check(spec, replace(DATA, **data), chosen, live=live)


def found(result: CheckReport, code: str) -> Obstacle:
    (one,) = [each for each in result.obstacles if each.code == code]
    return one


def test_a_key_and_a_listed_base_are_enough_and_the_dates_are_said(openai_itself: Settings) -> None:
    result = checked(openai_itself)
    assert result.can_start
    why = found(result, "not_eligible")
    assert not why.blocks
    assert all(part in why.sentence for part in ("2026-05-07", "60 days", "2027-01-06", "2027-01-14"))
    assert [each.code for each in result.obstacles].count("closing") == 2
    assert "nothing is paid" in why.remedy


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"train": 9}, "too_small"),
        ({"longest_tokens": 70_000}, "too_long"),
        ({"size_bytes": 600 << 20}, "too_long"),
    ],
)
def test_data_that_openai_would_refuse_is_named(openai_itself: Settings, changes: dict[str, Any], code: str) -> None:
    result = checked(openai_itself, **changes)
    assert not result.can_start
    assert found(result, code).remedy


def test_after_the_last_day_nothing_starts(openai_itself: Settings) -> None:
    assert checked(openai_itself, today=dt.date(2027, 1, 6)).can_start
    for base in (BASE, "gpt-9"):
        result = checked(openai_itself, replace(SPEC, base_model=base), today=dt.date(2027, 1, 7))
        assert not result.can_start
        assert "2027-01-06" in found(result, "past_its_date").sentence
    assert BASE not in OpenAI(today=lambda: dt.date(2027, 1, 7)).bases(openai_itself)


def test_a_base_that_is_gone_is_not_offered(openai_itself: Settings) -> None:
    gone = "gpt-4.1-nano-2025-04-14"
    assert not checked(openai_itself, replace(SPEC, base_model=gone)).can_start
    assert gone not in OpenAI(today=lambda: TODAY).bases(openai_itself)
    assert BASE in OpenAI(today=lambda: TODAY).bases(openai_itself)


def test_a_missing_key_is_named_and_one_that_is_none_too(tmp_path: Path) -> None:
    result = checked(settings(tmp_path))
    assert found(result, "key_missing").remedy.startswith("Set OPENAI_API_KEY")
    result = checked(settings(tmp_path, OPENAI_API_KEY="sk abc"), live=True)
    assert "sk abc" not in found(result, "key_missing").sentence
    result = checked(settings(tmp_path, OPENAI_BASE_URL="ftp://x"), live=True)
    assert "OPENAI_BASE_URL" in found(result, "key_missing").sentence


def test_a_fixed_number_of_epochs_has_one_cost_and_an_automatic_one_a_range(openai_itself: Settings) -> None:
    fixed = checked(openai_itself).estimate
    assert (fixed.tokens, fixed.cost_low, fixed.cost_high) == (150_000, Decimal("0.75"), Decimal("0.75"))
    assert "50,000 tokens times 3 epochs" in fixed.basis
    ranging = checked(openai_itself, replace(SPEC, settings={})).estimate
    assert (ranging.cost_low, ranging.cost_high) == (Decimal("0.25"), Decimal("0.75"))
    assert "1 to 3 epochs" in ranging.basis
    assert "(estimated)" in checked(openai_itself, is_exact=False).estimate.basis


@pytest.mark.parametrize(("examples", "most"), [(10, 10), (40, 3), (1, 25), (100_000, 3), (0, 25)])
def test_few_examples_may_be_seen_more_often(examples: int, most: int) -> None:
    assert automatic_epochs(examples) == (1, most)


def test_a_price_that_nobody_knows_is_said_and_does_not_block(openai_itself: Settings) -> None:
    result = checked(openai_itself, replace(SPEC, base_model="gpt-9"))
    assert result.can_start
    assert not found(result, "price_unknown").blocks
    assert (result.estimate.cost_low, result.estimate.cost_high) == (None, None)


def test_pairs_are_counted_as_pairs_once_the_records_are_at_hand(openai_itself: Settings, jobs: Jobs) -> None:
    spec = replace(SPEC, method="dpo", settings={"n_epochs": 2})
    before = checked(openai_itself, spec)
    assert before.can_start
    assert (before.estimate.tokens, before.estimate.cost_high) == (None, None)
    estimate = checked(openai_itself, spec, files=jobs.files).estimate
    assert estimate.tokens is not None
    assert 12 * 2 * 5 < estimate.tokens < 12 * 2 * 12  # 12 pairs, each of a question and two short answers
    assert estimate.cost_high is not None

    def none(_: str) -> Files:
        raise TuningRefused("plans@1 has no training examples")

    result = checked(openai_itself, spec, files=none)
    assert not result.can_start
    assert "no preference pairs" in found(result, "too_small").sentence
    few = Jobs(jobs.folder, jobs.settings, train=9)
    assert "9 training examples" in found(checked(openai_itself, spec, files=few.files), "too_small").sentence


def test_a_method_that_a_base_does_not_take_is_not_offered(openai_itself: Settings) -> None:
    mini = replace(SPEC, base_model="gpt-4o-mini-2024-07-18", method="dpo")
    assert "sft" in found(checked(openai_itself, mini), "method_not_offered").remedy
    assert not checked(openai_itself, replace(SPEC, method="profile")).can_start


def test_another_service_has_its_own_dates(jobs: Jobs) -> None:
    result = checked(jobs.settings, today=dt.date(2028, 1, 1))
    assert result.can_start
    assert "another service" in found(result, "other").sentence
    assert {each.code for each in result.obstacles} == {"other"}
    assert BASE in OpenAI(today=lambda: dt.date(2028, 1, 1)).bases(jobs.settings)


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        (None, True), ("https://api.openai.com/v1", True), ("https://eu.api.openai.com/v1", True),
        ("https://notopenai.com/v1", False), ("https://openai.com.example/v1", False), ("http://10.0.0.7/v1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_openais(tmp_path: Path, url: str | None, is_own: bool) -> None:
    assert is_openai(settings(tmp_path, OPENAI_BASE_URL=url)) == is_own


def test_without_live_nothing_is_asked(jobs: Jobs, service: Service) -> None:
    checked(jobs.settings)
    assert service.server.seen == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "key_refused"), (403, "not_eligible"), (404, "not_reachable"), (500, "not_reachable")],
)
def test_a_key_that_is_refused_is_known_before_anything_is_sent(
    jobs: Jobs, service: Service, status: int, code: str
) -> None:
    assert checked(jobs.settings, live=True).can_start
    service.server.on("GET", "/v1/fine_tuning/jobs", lambda _: refused(status, f"Wrong key {SECRET}"))
    result = checked(jobs.settings, live=True)
    assert found(result, code).blocks
    assert SECRET[8:-4] not in found(result, code).sentence
    assert found(result, code).remedy


def test_a_base_that_is_shut_down_blocks(jobs: Jobs, service: Service) -> None:
    service.base(BASE, shutdown="2026-11-24")
    assert "2026-11-24" in found(checked(jobs.settings, live=True), "past_its_date").sentence
    service.base(BASE, shutdown="2026-11-25")
    assert checked(jobs.settings, live=True).can_start


def test_a_base_that_the_key_may_not_use_blocks_at_openai(
    jobs: Jobs, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, base_model="gpt-4.1-2025-04-14")
    assert checked(jobs.settings, spec, live=True).can_start
    monkeypatch.setattr("core.tuning.providers.openai.checks.is_openai", lambda _: True)
    result = checked(jobs.settings, spec, live=True)
    assert found(result, "base_missing").blocks
    assert (
        "most likely no tuned model" in [each for each in result.obstacles if each.code == "not_eligible"][-1].sentence
    )


def test_nobody_listening_is_told(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    result = checked(settings(tmp_path, OPENAI_BASE_URL=url), live=True)
    assert "OPENAI_BASE_URL" in found(result, "not_reachable").remedy
