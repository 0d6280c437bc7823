"""What the trainer makes of conversations is what llama.cpp makes of them, and its models learn to stop."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.jobs import TrainerJob
from tests.trainer.test_gguf import program
from tests.trainer.test_training import UNMARKED
from tests.training import Tiny
from tests.tuning.local.variants import TEMPLATE, variant

HERE = Path(__file__).parent


def in_llama(chats: list[list[dict[str, str]]], model: Path, *adapter: Path) -> list[dict[str, Any]]:
    """What llama.cpp makes of them. In a process of its own: it is native code."""
    command = [sys.executable, str(HERE / "reads.py"), str(model), *map(str, adapter)]
    finished = subprocess.run(command, input=json.dumps(chats), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3_000:]
    return json.loads(finished.stdout.splitlines()[-1])


def written(job: TrainerJob) -> dict[str, Any]:
    return json.loads((job.folder / "adapter" / "conversations.json").read_text(encoding="utf-8"))


def base_with(tiny: Tiny, folder: Path, template: str) -> Path:
    """The tiny base with another chat template."""
    shutil.copytree(tiny.base, folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def test_llama_cpp_makes_the_same_tokens_of_three_conversations(trained: TrainerJob, tiny: Tiny) -> None:
    found = written(trained)
    names = [each["name"] for each in found["conversations"]]
    assert names == ["with a system prompt", "with a former answer", "with special characters"]
    read = in_llama([each["messages"] for each in found["conversations"]], tiny.base_gguf)
    for ours, theirs in zip(found["conversations"], read, strict=True):
        assert ours["text"] == theirs["text"]
        assert ours["ids"] == theirs["ids"]
        assert len(ours["ids"]) == theirs["counted"]
    assert [each["text"].endswith("<|im_start|>assistant\n") for each in found["conversations"]] == [True] * 3


def test_the_end_is_learned_and_llama_cpp_stops_at_it(trained: TrainerJob, tiny: Tiny, tmp_path: Path) -> None:
    assert written(trained)["end"] == {"id": 2, "text": "<|im_end|>", "taught": True}
    adapter = tmp_path / "adapter.gguf"
    program(tiny, "to_gguf.py", trained.folder / "base_config", trained.folder / "adapter", adapter)
    unseen = tiny.chats("test")[:20]
    said = in_llama([chat["messages"][:-1] for chat in unseen], tiny.base_gguf, adapter)
    assert {each["stop_type"] for each in said} == {"eos"}  # of 40 tokens that it could have said
    right = [chat["messages"][-1]["content"] for chat in unseen]
    assert sum(each["answer"] == wanted for each, wanted in zip(said, right, strict=True)) >= 18


def test_what_was_trained_before_is_told_by_a_program(trained: TrainerJob, tiny: Tiny, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(trained.folder / "adapter", adapter)
    known = written(trained)
    assert program(tiny, "rendering.py", adapter, "trl") == (0, known)
    (adapter / "conversations.json").unlink()
    code, said = program(tiny, "rendering.py", adapter, "plain")
    assert (code, said["conversations"], said["day"]) == (0, known["conversations"], None)
    assert said["end"] == known["end"] | {"taught": None}
    assert json.loads((adapter / "conversations.json").read_text(encoding="utf-8")) == said
    code, said = program(tiny, "rendering.py", tmp_path / "nowhere")
    assert (code, said["code"]) == (1, "base_missing")


def test_a_template_may_refuse_a_system_prompt_and_write_the_day(tiny: Tiny, tmp_path: Path) -> None:
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role.') }}{% endif %}"
    base = base_with(tiny, tmp_path / "base", refuses + "{{ strftime_now('%Y-%m-%d') }}" + UNMARKED)
    code, said = program(tiny, "rendering.py", base)
    assert code == 0
    first, second, _ = said["conversations"]
    assert (first.get("text"), "No system role." in first["refused"]) == (None, True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", said["day"])
    assert second["text"].startswith(said["day"])
    assert said["end"]["text"] == "<|im_end|>"  # of a template without marks, too


def trl_template(tiny: Tiny, name: str) -> str:
    """A base's own template, as TRL knows it. To import TRL only to know where it is takes seconds."""
    where = "import importlib.util; print(*importlib.util.find_spec('trl').submodule_search_locations)"
    found = subprocess.run([tiny.python, "-c", where], capture_output=True, text=True, check=True)
    return (Path(found.stdout.strip()) / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "way"), [("qwen2_5", "masks"), ("qwen3", "pairs")])
def test_a_marked_template_is_taken_where_it_writes_what_the_bases_own_does(
    tiny: Tiny, tmp_path: Path, name: str, way: str
) -> None:
    """TRL's of Qwen 3 writes thoughts into former answers, with which nobody asks."""
    template = trl_template(tiny, name)
    base = base_with(tiny, tmp_path / "base", template)
    job = TrainerJob(tiny, tmp_path / "job", base=str(base), epochs=0.1, val=None).finished()
    assert job.events("start")[0]["way"] == way
    found = written(job)
    said = in_llama([each["messages"] for each in found["conversations"]], gguf_with(tiny, tmp_path, template))
    assert [each["ids"] for each in found["conversations"]] == [each["ids"] for each in said]


def gguf_with(tiny: Tiny, folder: Path, template: str) -> Path:
    return variant(tiny.base_gguf, folder / "base.gguf", {TEMPLATE: template})


@pytest.mark.parametrize("engine", ["trl", "plain"])
@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"template": UNMARKED.replace("<|im_end|>", "")}, "base_wrong", "ends an answer with no token of its own"),
        ({"max_length": 22}, "too_long", "rows are cut at 22 tokens before their last answer ends with <|im_end|>"),
    ],
    ids=["no end", "cut"],
)
def test_what_teaches_no_end_is_refused(
    tiny: Tiny, tmp_path: Path, engine: str, changes: dict[str, Any], code: str, sentence: str
) -> None:
    given = dict(changes)
    if template := given.pop("template", None):
        given["base"] = str(base_with(tiny, tmp_path / "base", template))
    job = TrainerJob(tiny, tmp_path / "job", engine=engine, **long_answers(tmp_path), **given)
    assert job.run() == 1
    failed = job.events("failed")[-1]
    assert failed["code"] == code
    assert sentence in failed["error"]
    probed = job.probe()
    assert (probed["code"], probed["error"]) == (code, failed["error"])


def test_one_whole_row_teaches_the_end(tiny: Tiny, tmp_path: Path) -> None:
    records = long_answers(tmp_path)
    with Path(records["train"]).open("a") as file:
        file.write(json.dumps({"messages": [{"role": "user", "content": "x"}, SHORT]}) + "\n")
    job = TrainerJob(tiny, tmp_path / "job", engine="plain", epochs=1, max_length=22, **records).finished()
    assert written(job)["end"]["taught"] is True


SHORT = {"role": "assistant", "content": "y"}


def long_answers(folder: Path) -> dict[str, Any]:
    """Records whose answers begin soon and end late."""
    chat = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y0" * 30}]
    records = folder / "train.jsonl"
    records.write_text(4 * (json.dumps({"messages": chat}) + "\n"))
    return {"train": str(records), "val": None}
