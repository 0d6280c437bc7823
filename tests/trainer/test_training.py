"""The trainer trains: the loss falls, both engines agree, and the same seed gives the same bytes."""

import hashlib
import json
import math
import shutil
from pathlib import Path

import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import Tiny

#: As the base's, without the marks and unknown to TRL.
UNMARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_the_loss_on_unseen_chats_falls(trained: TrainerJob) -> None:
    result = trained.result
    assert result["steps"] == 100
    assert result["eval_loss_after"] < 0.2 * result["eval_loss_before"]
    assert result["eval_accuracy_before"] < 0.9 < result["eval_accuracy_after"]
    assert result["train_loss_last"] < result["train_loss_first"]


def test_events_tell_the_story_in_order(trained: TrainerJob) -> None:
    names = [each["event"] for each in trained.events()]
    assert names[0] == "start"
    assert names[-1] == "done"
    assert names.count("train_begin") == 1
    assert [each["step"] for each in trained.events("checkpoint")] == [25, 50, 75, 100]
    assert sorted(trained.curve("eval_loss")) == [0, 50, 100]
    assert sorted(trained.curve()) == [1, *range(5, 101, 5)]
    logs = [each for each in trained.events("log") if "loss" in each]
    assert all(each["max_steps"] == 100 and each["tokens_per_s"] > 0 and each["grad_norm"] > 0 for each in logs)
    assert [each["seconds_left"] for each in logs][-1] == 0
    assert logs[-1]["epoch"] == 2.0
    assert {"t", "learning_rate", "accuracy", "tokens"} <= set(logs[0])


def test_the_result_says_what_it_depends_on(trained: TrainerJob, tiny: Tiny) -> None:
    result = trained.result
    assert result["adapter_sha256"] == hashlib.sha256(trained.adapter).hexdigest()
    template = (tiny.base / "chat_template.jinja").read_bytes()
    assert result["template_hash"] == hashlib.sha256(template).hexdigest()
    assert len(result["base_hash"]) == 64
    assert {"torch", "transformers", "peft", "trl", "python"} <= set(result["versions"])
    assert (result["threads"], result["device"], result["dtype"], result["seed"]) == (1, "cpu", "float32", 1)
    assert result["parameters"] == 127_168
    assert result["trainable"] == 16_384
    assert 100_000_000 < result["peak_memory_bytes"] < 4_000_000_000
    assert trained.events("done")[0]["adapter_sha256"] == result["adapter_sha256"]


def test_the_adapter_names_no_place_of_this_machine(trained: TrainerJob, tiny: Tiny) -> None:
    files = [*(trained.folder / "adapter").iterdir(), *(trained.folder / "base_config").iterdir()]
    assert [path.name for path in files if str(tiny.folder).encode() in path.read_bytes()] == []
    config = json.loads((trained.folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "base"
    assert config["target_modules"] == sorted(config["target_modules"])
    assert json.loads((trained.folder / "base_config" / "config.json").read_text())["model_type"] == "llama"


def test_a_finished_training_is_not_begun_again(trained: TrainerJob) -> None:
    before = trained.everything()
    assert trained.run() == 0
    before.pop(str(trained.folder / "lock"))
    after = trained.everything()
    after.pop(str(trained.folder / "lock"))
    assert after == before


def test_a_trainer_killed_right_after_its_result_still_says_that_it_is_done(
    trained: TrainerJob, tmp_path: Path
) -> None:
    again = TrainerJob(trained.tiny, tmp_path / "done")
    (again.folder / "result.json").write_text(json.dumps(trained.result))
    (again.folder / "progress.jsonl").write_text('{"event": "log", "st')  # torn
    assert again.run() == 0
    last = (again.folder / "progress.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["adapter_sha256"] == trained.result["adapter_sha256"]


def test_the_plain_engine_comes_to_the_same_curve(trained: TrainerJob, tiny: Tiny, tmp_path: Path) -> None:
    plain = TrainerJob(tiny, tmp_path / "plain", engine="plain").finished()
    assert plain.curve() == pytest.approx(trained.curve(), abs=1e-4)
    assert plain.curve("eval_loss") == pytest.approx(trained.curve("eval_loss"), abs=1e-4)
    assert plain.result["tokens"] == trained.result["tokens"]
    assert "trl" in plain.result["versions"]


def test_another_seed_gives_another_adapter(trained: TrainerJob, tiny: Tiny, tmp_path: Path) -> None:
    other = TrainerJob(tiny, tmp_path / "other", seed=2).finished()
    assert other.adapter != trained.adapter
    assert other.result["eval_loss_before"] == trained.result["eval_loss_before"]
    assert other.result["eval_loss_after"] < 0.2 * other.result["eval_loss_before"]


def test_a_base_with_an_unknown_template_learns_from_pairs(tiny: Tiny, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for path in tiny.base.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    (base / "chat_template.jinja").write_text(UNMARKED)
    chats = [chat["messages"] for chat in tiny.chats("train")[:20]]
    longer = [[*chats[at], *chats[at + 1][1:]] for at in range(0, 20, 2)]
    two_answers = tmp_path / "train.jsonl"
    two_answers.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in longer))
    job = TrainerJob(tiny, tmp_path / "job", base=str(base), train=str(two_answers), epochs=1).finished()
    assert job.events("start")[0]["way"] == "pairs"
    assert job.result["train_rows"] == 20  # one for each answer
    assert job.result["steps"] == 5
    assert math.isfinite(job.result["eval_loss_after"])


TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}{% for m in messages %}"
    "<|im_start|>{{ m['role'] }}\n{% for c in m['tool_calls'] or [] %}{{ c['function'] | tojson }}{% endfor %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize("engine", ["trl", "plain"])
def test_chats_with_tools_and_weights_are_trained(tiny: Tiny, tmp_path: Path, engine: str) -> None:
    """Of two chats each answer is learned but the one of weight 0; a base without words for tools learns the other."""
    call = {"id": "1", "type": "function", "function": {"name": "label", "arguments": '{"text": "x"}'}}
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}}
    asked = tiny.chats("train")[0]["messages"]
    with_tools = [
        asked[0],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "seen", "tool_call_id": "1"},
        asked[-1],
    ]
    unlearned = [asked[0], {**asked[-1], "weight": 0}, *asked]
    tools = [{"type": "function", "function": {"name": "label", "parameters": parameters}}]
    records = [{"messages": with_tools, "tools": tools}, {"messages": unlearned}] * 4
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    base = tmp_path / "base"
    shutil.copytree(tiny.base, base)
    found = {}
    for name, template in (("knows", TOOL_TEMPLATE), ("does not", None)):
        if template:
            (base / "chat_template.jinja").write_text(template, encoding="utf-8")
        given = {"base": str(base if template else tiny.base), "train": str(path), "val": None, "epochs": 1}
        job = TrainerJob(tiny, tmp_path / name.replace(" ", "-"), engine=engine, **given).finished()
        (start,) = job.events("start")
        found[name] = (start["left_out"], start["train_rows"], job.probe()["left_out"])
    assert found == {"knows": (0, 12, 0), "does not": (4, 4, 4)}
