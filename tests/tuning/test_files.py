"""Facts and files of a version: counted and written once, true to the last byte, and never half there."""

import hashlib
from pathlib import Path
from unittest.mock import patch

import orjson
import pytest
from sqlalchemy import insert

from core.datasets import recipes, snapshots, splits, tokens
from core.datasets.exporting import export
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.db.tables import examples
from core.errors import TuningRefused
from core.examples.filters import Filter
from core.tuning import facts, files
from tests.datasets.conftest import example
from tests.tuning.conftest import freeze, run


def lines(database: Database, version: DatasetVersion, split: str) -> list[bytes]:
    return b"".join(export(database, version, split, "openai")).split(b"\n")[:-1]  # pyright: ignore[reportArgumentType]


def test_facts_are_counted_from_the_records(database: Database, version: DatasetVersion, tmp_path: Path) -> None:
    found = facts.of(database, version, home=tmp_path)
    for split, rows, total in (
        ("train", found.train, found.tokens_train),
        ("validation", found.validation, found.tokens_validation),
        ("test", found.test, found.tokens_test),
    ):
        counts = [tokens.of_line(line.decode()).count for line in lines(database, version, split)]
        assert (rows, total) == (len(counts), sum(counts))
    everything = lines(database, version, "all")
    assert found.longest_tokens == max(tokens.of_line(line.decode()).count for line in everything)
    assert found.size_bytes == sum(len(line) + 1 for line in everything)
    assert (found.root_hash, found.label, found.dataset_id) == (version.root_hash, version.label, version.id)
    assert found.is_exact


def test_facts_are_counted_once(database: Database, version: DatasetVersion, tmp_path: Path) -> None:
    found = facts.of(database, version, home=tmp_path)
    with patch.object(facts, "_count", side_effect=AssertionError("counted again")):
        assert facts.of(database, version.label, home=tmp_path) == found
    (note,) = (tmp_path / "tuning" / "facts").iterdir()
    note.write_text("{ha")  # a disk that was full
    assert facts.of(database, version, home=tmp_path) == found


def test_a_large_version_is_estimated_from_a_sample(database: Database, tmp_path: Path) -> None:
    version = freeze(database, "large", rows=300)
    exact = facts.of(database, version, home=tmp_path / "exact")
    with patch.object(facts, "COUNTED_BYTES", 1_000), patch.object(facts, "_SAMPLE", 50):
        found = facts.of(database, version, home=tmp_path / "sampled")
    assert (found.train, found.validation, found.test) == (exact.train, exact.validation, exact.test)
    assert (found.size_bytes, found.longest_tokens) == (exact.size_bytes, exact.longest_tokens)
    assert not found.is_exact
    assert found.tokens_train == pytest.approx(exact.tokens_train, rel=0.1)


@pytest.mark.parametrize("format_", ["openai", "chatml", "gemini", "bedrock", "anthropic"])
def test_files_hold_what_an_export_gives_under_the_name_of_its_hash(
    database: Database, version: DatasetVersion, tmp_path: Path, format_: str
) -> None:
    found = files.of(database, version, format_, tmp_path)
    for split, path in (("train", found.train), ("validation", found.validation), ("test", found.test)):
        data = b"".join(export(database, version, split, format_))  # pyright: ignore[reportArgumentType]
        assert (path.read_bytes() if path else b"") == data
        assert path is None or path.name == f"{hashlib.sha256(data).hexdigest()}.jsonl"


def test_files_are_written_once_and_mended_when_they_were_hurt(
    database: Database, version: DatasetVersion, tmp_path: Path
) -> None:
    first = files.of(database, version, "openai", tmp_path)
    with patch.object(files, "export", side_effect=AssertionError("read again")):
        assert files.of(database, version, "openai", tmp_path) == first
    whole = first.train.read_bytes()
    first.train.write_bytes(whole[:-10])
    assert files.of(database, version, "openai", tmp_path).train.read_bytes() == whole
    first.train.unlink()
    assert files.of(database, version, "openai", tmp_path).train.read_bytes() == whole


def test_a_write_that_breaks_off_leaves_nothing(database: Database, version: DatasetVersion, tmp_path: Path) -> None:
    def broken(*_: object) -> object:
        yield b"{}\n"
        raise OSError("the disk is full")

    with patch.object(files, "export", broken), pytest.raises(OSError, match="full"):
        files.of(database, version, "openai", tmp_path)
    assert list((tmp_path / "tuning" / "files").iterdir()) == []
    first = files.of(database, version, "openai", tmp_path).train.read_bytes().split(b"\n")[0]
    assert orjson.loads(first)["messages"]


def test_what_is_no_format_is_refused(database: Database, version: DatasetVersion, tmp_path: Path) -> None:
    for wrong in ("parquet", "csv"):
        with pytest.raises(TuningRefused, match=f"no training file in the format '{wrong}'"):
            files.of(database, version, wrong, tmp_path)


def test_pairs_are_those_of_the_version_also_where_another_has_the_same_records(
    database: Database, tmp_path: Path
) -> None:
    """The hash of the records says nothing of scores, which decide what is paired when a version is frozen."""
    rows = [
        example(
            number,
            execution_id=f"p-{number}",
            intent="p",
            user_request=f"Write post {number // 2}",
            execution_plan=f"plan {number}",
            quality_score=0.9 if number % 2 else 0.1,
            success=True,
        )
        for number in range(8)
    ]
    with database.begin() as connection:
        connection.execute(insert(examples), rows)

    def pairs() -> bytes:
        version = snapshots.create(
            database,
            "p",
            filter=Filter(intents=("p",)),
            recipe=recipes.parse({"target": "plan"}),
            split=splits.parse("100/0/0"),
            description="",
            drop_duplicates=False,
            actor="ada",
            progress=None,
        )
        hashes.append(version.root_hash)
        return files.of(database, version, "dpo", tmp_path).train.read_bytes()

    hashes: list[str | None] = []
    before = pairs()
    run(database, "UPDATE orchestrator_training_data SET quality_score = 1 - quality_score")
    after = pairs()
    assert hashes[0] == hashes[1]
    assert orjson.loads(before.split(b"\n")[0])["preferred_output"][0]["content"] == "plan 1"
    assert orjson.loads(after.split(b"\n")[0])["preferred_output"][0]["content"] == "plan 0"
