"""What is checked, priced and told is what is in the files that are sent: nothing more, and what is not is named."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from sqlalchemy import insert

from core.datasets import recipes, snapshots, splits, tokens
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import examples
from core.errors import TuningRefused
from core.examples.filters import Filter
from core.tuning import facts, files, preflight
from core.tuning.providers import pricing
from core.tuning.providers.bedrock import adapter, families
from core.tuning.providers.claude import adapter as claude
from core.tuning.providers.claude import records
from core.tuning.providers.data import DataFacts, Form
from core.tuning.providers.gemini import checks
from core.tuning.providers.gemini.adapter import Gemini
from core.tuning.providers.openai import checks as openai_checks
from core.tuning.providers.openai.adapter import OpenAI
from core.tuning.providers.protocol import CheckReport, Spec
from tests.datasets.conftest import example
from tests.tuning.views import settings

TODAY = dt.date(2026, 11, 24)
CLAUDE, NOVA = "anthropic.claude-3-haiku-20240307-v1:0", "amazon.nova-micro-v1:0:128k"
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Looks it up.", "parameters": {
    "type": "object", "properties": {"of": {"type": "string"}}}}}]  # fmt: skip
#: What one record in seven each holds; the others are plain.
KINDS: dict[str, dict[str, Any]] = {
    "calls": {
        "tools": TOOLS,
        "steps": [
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"of": "sales"}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "12"},
        ],
    },
    "odd calls": {
        "tools": TOOLS,
        "steps": [
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "sales"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "12"},
        ],
    },
    "unlearned": {
        "turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", "weight": 0}],
    },
    "turns": {"turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
}  # fmt: skip
FORMS: dict[str, Form] = {
    "openai": openai_checks.FORM,
    "gemini": checks.FORM,
    "claude at bedrock": families.form(families.of(CLAUDE)),
    "nova at bedrock": families.form(families.of(NOVA)),
    "profile": records.FORM,
}
#: Kinds of records that are in no file; of a profile's examples, those with earlier turns are not either.
LOST = {
    "openai": set(),
    "gemini": {"odd calls", "unlearned"},
    "claude at bedrock": {"calls", "odd calls", "unlearned"},
    "nova at bedrock": {"calls", "odd calls", "unlearned"},
    "profile": {"calls", "odd calls", "unlearned"},
}


def kind_of(number: int) -> str:
    return ([*KINDS, "plain", "plain", "plain"])[number % 7]


def frozen(
    database: Database, rows: int = 140, kinds: Callable[[int], str] = kind_of, name: str = "mixed"
) -> DatasetVersion:
    made = [
        example(
            number,
            execution_id=f"{name} {number}",
            intent=name,
            user_request=f"Write post {number}",
            context=KINDS.get(kinds(number)),
            quality_score=1.0,
            success=True,
        )
        for number in range(rows)
    ]
    with database.begin() as connection:
        connection.execute(insert(examples), made)
    return snapshots.create(
        database,
        name,
        filter=Filter(intents=(name,)),
        recipe=recipes.parse({"target": "result"}),
        split=splits.parse("70/20/10"),
        description="",
        drop_duplicates=False,
        actor="ada",
        progress=None,
    )


def written(path: Path | None, form: Form, split: str) -> list[bytes]:
    """The lines as they are sent, made of the real export line by line."""
    sent = []
    for line in path.read_bytes().splitlines() if path else []:
        try:
            sent.append(form.line(split, line).rstrip(b"\n") if form.line else line)
        except TuningRefused:
            continue
    return sent


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("counted", ["one by one", "by a sample"])
def test_facts_of_a_file_are_those_of_the_file(database: Database, tmp_path: Path, name: str, counted: str) -> None:
    form, version = FORMS[name], frozen(database)
    export = files.of(database, version, form.format, tmp_path)
    lines = {split: written(getattr(export, split), form, split) for split in splits.NAMES}
    with (
        patch.object(facts, "COUNTED_BYTES", 1 << 20 if counted == "one by one" else 1),
        patch.object(facts, "_SAMPLE", 70),
    ):
        found = facts.of(database, version, home=tmp_path).as_sent(form, splits.NAMES)
        with patch.object(facts, "_count_file", side_effect=AssertionError("counted again")):
            assert facts.of(database, version, home=tmp_path).as_sent(form, splits.NAMES) == found
    assert (found.train, found.validation, found.test) == tuple(len(lines[split]) for split in splits.NAMES)
    sizes = [sum(len(line) + 1 for line in lines[split]) for split in splits.NAMES]
    assert (found.size_bytes, found.file_bytes) == (sum(sizes), max(sizes))
    gone: Counter[str] = Counter()
    for each in found.left_out:
        gone[each.split] += each.count
        assert each.why
    everything = {split: getattr(files.of(database, version, "openai", tmp_path), split) for split in splits.NAMES}
    for split in splits.NAMES:
        assert len(lines[split]) + gone[split] == len(everything[split].read_bytes().splitlines())
    assert bool(gone) == bool(LOST[name])


@pytest.mark.parametrize("name", FORMS)
def test_each_kind_is_left_out_where_the_file_cannot_hold_it(database: Database, tmp_path: Path, name: str) -> None:
    for kind in KINDS:
        version = frozen(database, 20, lambda _number, kind=kind: kind, kind)
        everything = facts.of(database, version, home=tmp_path)
        found = everything.as_sent(FORMS[name], splits.NAMES)
        # An example of a profile is one question and its answer.
        lost = kind in LOST[name] or (name == "profile" and kind == "turns")
        assert found.train == (0 if lost else everything.train), kind
        assert (found.validation == everything.validation) is (kind not in LOST[name] or not everything.validation)
        if lost:
            (gone,) = [each for each in found.left_out if each.split == "train"]
            assert (gone.count, gone.first) == (everything.train, 1), kind


def test_tokens_of_a_file_are_those_of_its_records(database: Database, tmp_path: Path) -> None:
    version = frozen(database)
    canonical = files.of(database, version, "openai", tmp_path).train.read_text().splitlines()
    assert (here := facts.of(database, version, home=tmp_path).as_sent(openai_checks.FORM)).tokens_train == sum(
        tokens.of_chat(line).count for line in canonical
    )
    assert not here.is_exact  # how OpenAI counts tools is published as an estimate
    kept = [line for line in canonical if '"weight":0' not in line and '"arguments":"sales"' not in line]
    sent = facts.of(database, version, home=tmp_path).as_sent(checks.FORM)
    assert len(kept) == sent.train < len(canonical)
    assert sent.tokens_train == sum(tokens.of_line(line).count for line in kept)


def test_what_is_not_sent_counts_for_nothing(database: Database, tmp_path: Path) -> None:
    version = frozen(database)
    both = facts.of(database, version, home=tmp_path).as_sent(checks.FORM)
    train = facts.of(database, version, home=tmp_path).as_sent(checks.FORM, ("train",))
    assert (train.validation, train.tokens_validation, train.train) == (0, 0, both.train)
    assert {each.split for each in train.left_out} == {"train"}
    assert train.size_bytes == train.file_bytes == files.of(database, version, "gemini", tmp_path).train.stat().st_size


PROVIDERS: dict[str, tuple[Any, Spec, dict[str, Any]]] = {
    "openai": (OpenAI(today=lambda: TODAY), Spec("openai", "gpt-4.1-mini-2025-04-14", "sft", {"n_epochs": 1}),
               {"OPENAI_API_KEY": "sk-0123456789abcdef0123"}),
    "gemini": (Gemini(today=lambda: TODAY), Spec("gemini", "gemini-2.5-flash", "sft", {"epoch_count": 1}),
               {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "us-central1", "WHETSTONE_GCS_BUCKET": "b"}),
    "claude at bedrock": (adapter.PROVIDER, Spec("bedrock", CLAUDE, "sft", {"epochs": 1}), {"AWS_REGION": "us-west-2"}),
    "nova at bedrock": (adapter.PROVIDER, Spec("bedrock", NOVA, "sft", {"epochs": 1}), {"AWS_REGION": "us-west-2"}),
    "profile": (claude.PROVIDER, Spec("claude", "claude-haiku-4-5", "profile", {}), {"ANTHROPIC_API_KEY": "sk-ant-x"}),
}  # fmt: skip


def checked(database: Database, version: DatasetVersion, home: Path, name: str, **more: Any) -> CheckReport:
    provider, spec, keys = PROVIDERS[name]
    spec = replace(spec, settings={**spec.settings, **more})
    return preflight.check(
        database, spec, version, live=False, settings=settings(home, **keys), providers=lambda _id: provider
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_check_counts_prices_and_names_what_is_sent(database: Database, tmp_path: Path, name: str) -> None:
    version, (_, spec, _) = frozen(database), PROVIDERS[name]
    if name != "profile":
        pricing.set_price(database, spec.provider, spec.base_model, "1000000", actor="ada", reason="a dollar a token")
    found = checked(database, version, tmp_path, name)
    data = found.data
    assert data is not None
    export = files.of(database, version, FORMS[name].format, tmp_path)
    assert data.train == len(written(export.train, FORMS[name], "train"))
    assert data.validation == len(written(export.validation, FORMS[name], "validation"))
    if name != "profile":
        assert (found.estimate.tokens, found.estimate.cost_high) == (data.tokens_train, Decimal(data.tokens_train))
    told = [each for each in found.obstacles if each.code == "left_out"]
    assert bool(told) == bool(LOST[name])
    assert not any(each.blocks for each in told)
    for what, split, kept in (("training", "train", data.train), ("validation", "validation", data.validation)):
        gone = sum(each.count for each in data.left_out if each.split == split)
        whole = f"{gone} of {gone + kept} {what} records of mixed@1 "
        assert any(each.sentence.startswith(whole) for each in told) == bool(gone)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if LOST[name]])
def test_where_nothing_or_too_little_is_left_it_is_refused(database: Database, tmp_path: Path, name: str) -> None:
    version = frozen(database, 40, lambda _number: "odd calls")
    found = checked(database, version, tmp_path, name)
    assert not found.can_start
    (why,) = [each for each in found.obstacles if each.code == "too_small" and "None of the" in each.sentence]
    assert "training records of mixed@1 can be sent" in why.sentence
    assert "tools or calls of tools" in why.sentence or "no JSON object" in why.sentence
    with pytest.raises(TuningRefused, match=r"no training examples in the format .* left out"):
        files.of(database, version, FORMS[name].format, tmp_path)


def test_records_that_are_left_out_do_not_reach_a_minimum(database: Database, tmp_path: Path) -> None:
    few = frozen(database, 60, lambda number: "plain" if number % 3 == 0 else "calls")
    found = checked(database, few, tmp_path, "claude at bedrock")
    (why,) = [each for each in found.obstacles if each.code == "too_small"]
    assert why.blocks
    assert "training examples left; " in why.sentence


def test_a_validation_file_that_is_not_sent_is_not_checked(database: Database, tmp_path: Path) -> None:
    version = frozen(database)
    data = checked(database, version, tmp_path, "gemini", use_validation=False).data
    assert data is not None
    assert (data.validation, {each.split for each in data.left_out}) == (0, {"train"})


def test_a_weight_of_zero_goes_to_openai_as_it_is(database: Database, tmp_path: Path) -> None:
    version = frozen(database, 20, lambda _number: "unlearned")
    line = orjson.loads(files.of(database, version, "openai", tmp_path).train.read_bytes().splitlines()[0])
    assert [message.get("weight") for message in line["messages"]] == [None, 0, None, None]
    assert checked(database, version, tmp_path, "openai").data is not None


def test_facts_without_a_version_are_taken_as_they_are() -> None:
    given = DataFacts(1, "plans@1", "00", 10, 5, 5, 100, 50, 50, 12, True, 900)
    assert given.as_sent(Form("gemini")) == replace(given, test=0, tokens_test=0)
    assert given.as_sent(Form("gemini"), splits.NAMES) == given
