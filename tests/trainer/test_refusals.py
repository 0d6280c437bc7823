"""What cannot be trained ends at once, with a sentence in the events."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import Tiny
from trainer.job import JobRefused, parse


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"base": "/nowhere/base"}, "base_missing", "There is no base model in /nowhere/base; choose another base"),
        ({"train": "/nowhere/train.jsonl"}, "data_wrong", "The records in /nowhere/train.jsonl cannot be read"),
        ({"epochs": 0}, "job_wrong", "epochs is 0; it has to be a number from 0.01 to 1000."),
        ({"engine": "axolotl"}, "job_wrong", "engine is 'axolotl'; it can be trl, plain."),
        ({"rank": 8}, "job_wrong", "job.json has rank, which is unknown"),
    ],
    ids=["base", "records", "number", "engine", "unknown"],
)
def test_a_job_that_cannot_be_done(
    tiny: Tiny, tmp_path: Path, changes: dict[str, Any], code: str, sentence: str
) -> None:
    job = TrainerJob(tiny, tmp_path, **changes)
    assert job.run() == 1
    (failed,) = job.events()
    assert failed["event"] == "failed"
    assert failed["code"] == code
    assert failed["error"].startswith(sentence)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({}, "is not a model: it has no config.json"),
        ({"config.json": "{}"}, "has no weights"),
        ({"config.json": '{"quantization_config": {}}', "model.safetensors": ""}, "are quantised"),
    ],
    ids=["empty", "no weights", "quantised"],
)
def test_a_folder_that_is_no_base(tiny: Tiny, tmp_path: Path, made: dict[str, str], sentence: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for name, text in made.items():
        (base / name).write_text(text)
    job = TrainerJob(tiny, tmp_path / "job", base=str(base))
    assert job.run() == 1
    (failed,) = job.events()
    assert failed["code"] == "base_wrong"
    assert sentence in failed["error"]


def test_a_gguf_file_is_no_base_yet(tiny: Tiny, tmp_path: Path) -> None:
    job = TrainerJob(tiny, tmp_path / "job", base=str(tiny.base_gguf))
    assert job.run() == 1
    assert "make a folder of it first" in job.events("failed")[0]["error"]


SAID = {"role": "user", "content": "Hello."}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not JSON", "is not {"),
        (json.dumps({"prompt": "a"}), "is not {"),
        (json.dumps({"messages": [SAID]}), "has no answer of the assistant"),
        (json.dumps({"messages": [SAID, {"role": "assistant", "content": None}]}), "without text"),
        (json.dumps({"messages": [SAID, {"role": "robot", "content": "Hi."}]}), "without a known role"),
        (
            json.dumps({"messages": [SAID, {"role": "assistant", "content": "", "audio": {}}]}),
            "has audio in a message, which is not trained",
        ),
    ],
    ids=["no JSON", "no messages", "no answer", "no text", "role", "audio"],
)
def test_a_record_that_is_no_chat_is_named_by_its_line(tiny: Tiny, tmp_path: Path, line: str, sentence: str) -> None:
    records = tmp_path / "train.jsonl"
    good = json.dumps(tiny.chats("val")[0])
    records.write_text(f"{good}\n\n{line}\n")
    job = TrainerJob(tiny, tmp_path / "job", train=str(records))
    assert job.run() == 1
    error = job.events("failed")[0]["error"]
    assert error.startswith(f"Line 3 of {records}")
    assert sentence in error


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], "has to be an object"),
        ({"base": "b"}, "does not say train"),
        ({"base": "b", "train": "t", "lora": {"rank": 8}}, "has lora.rank, which is unknown; known are: r, alpha"),
        ({"base": "b", "train": "t", "lora": {"target_modules": []}}, "all-linear or a list"),
        ({"base": "b", "train": "t", "hub": "yes"}, "true or false"),
        ({"base": "b", "train": "t", "batch_size": 2.5}, "a whole number from 1 to 4096"),
        ({"base": "b", "train": "t", "seed": True}, "a whole number"),
        ({"base": "b", "train": 3}, "it has to be text"),
        ({"base": "b", "train": "t", "lora": 8}, "lora in job.json has to be an object"),
    ],
)
def test_a_wrong_job_is_refused_by_name(values: Any, sentence: str) -> None:
    with pytest.raises(JobRefused, match=sentence):
        parse(values)


def test_what_a_job_does_not_say_has_a_default() -> None:
    job = parse({"base": "b", "train": "t", "threads": None, "val": None, "lora": {"r": 4}})
    assert (job.engine, job.epochs, job.lora.r, job.lora.alpha) == ("trl", 3, 4, 16)
