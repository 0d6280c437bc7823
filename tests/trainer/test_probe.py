"""What a training would take, said beforehand."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.jobs import TrainerJob
from tests.trainer.test_rendering import base_with, trl_template
from tests.training import PROGRAMS, Tiny, done

#: Counts with the tokenizer alone, and by the text of the template, not by its marks.
COUNT = """
import json, sys
from tokenizers import Tokenizer
tokens = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
count = lambda text: len(tokens.encode(text).ids)
chats = [json.loads(line)["messages"] for line in open(sys.argv[2])]
rows = [count("".join(f"<|im_start|>{m['role']}\\n{m['content']}<|im_end|>\\n" for m in chat)) for chat in chats]
said = [count(m["content"] + "<|im_end|>") for chat in chats for m in chat if m["role"] == "assistant"]
print(json.dumps([sum(rows), sum(said), max(rows), rows]))
"""


@pytest.fixture(scope="module")
def counted(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> list:
    program = tmp_path_factory.mktemp("count") / "count.py"
    program.write_text(COUNT)
    return json.loads(done(tiny.python, program, tiny.base, tiny.folder / "train.jsonl"))


def test_tokens_are_counted_exactly_and_time_is_estimated(trained: TrainerJob, tmp_path: Path, counted: list) -> None:
    probed = TrainerJob(trained.tiny, tmp_path).probe()
    assert json.loads((tmp_path / "probe.json").read_text()) == probed
    assert [probed["tokens"], probed["assistant_tokens"], probed["longest_tokens"]] == counted[:3]
    assert (probed["rows"], probed["rows_cut"], probed["rows_dropped"]) == (200, 0, 0)
    assert probed["tokens_an_epoch"] * 2 == trained.result["tokens"]
    assert probed["steps"] == trained.result["steps"] == 100
    assert (probed["parameters"], probed["trainable"]) == (127_168, 16_384)
    assert probed["val"]["rows"] == 50
    assert probed["tokens_per_s"] > 0
    assert probed["seconds"] > probed["training_s"] > 0
    # The estimate before anything is loaded, and what it took.
    assert 0.5 < probed["estimated_peak_bytes"] / probed["measured_peak_bytes"] < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.json", "probe.json"]


def test_what_is_cut_off_is_counted_and_what_cannot_fit_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    """No machine has the memory for 4,096 rows of 30,000 tokens at once; nothing is loaded to know that."""
    question, answer = {"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}
    long_question = [question | {"content": "x0" * 60_000}, answer]  # the answer is cut off with it
    long_answer = [question, answer | {"content": "y0" * 60_000}]
    records = tmp_path / "train.jsonl"
    added = "".join(json.dumps({"messages": chat}) + "\n" for chat in (long_question, long_answer))
    records.write_text((tiny.folder / "train.jsonl").read_text() + added)
    job = TrainerJob(tiny, tmp_path / "job", train=str(records), max_length=30_000, batch_size=4_096)
    probed = job.probe()
    assert (probed["rows"], probed["rows_cut"], probed["rows_dropped"]) == (201, 2, 1)
    assert probed["longest_tokens"] > 30_000
    assert "needs about" in probed["refusal"]
    assert "choose a smaller base" in probed["refusal"]
    assert probed["estimated_peak_bytes"] > probed["available_bytes"]
    assert "seconds" not in probed


#: Counts, for each base, what its own template makes of a conversation up to each answer that is learned, as text; and
#: what the probe counts. In one process, which takes seconds to start.
COUNT_TOOLS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import base, probe, rows
from job import Job
from tokenizers import Tokenizer
from transformers import AutoTokenizer
found = []
for folder in sys.argv[3:]:
    template, tokens = AutoTokenizer.from_pretrained(folder), Tokenizer.from_file(folder + "/tokenizer.json")
    counts = []
    for line in open(sys.argv[2]):
        record = json.loads(line)
        for message in record["messages"]:
            for call in message.get("tool_calls", ()):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        for at, message in enumerate(record["messages"]):
            if message["role"] == "assistant":
                said = record["messages"][:at + 1]
                text = template.apply_chat_template(said, tools=record.get("tools"), tokenize=False)
                counts.append(len(tokens.encode(text).ids))
    job = Job(folder, sys.argv[2])
    reader, chats = base.reader_of(job, base.tokenizer_of(job)), rows.read(sys.argv[2])
    assert reader.kept(chats) == chats
    told = probe.Counted.of(reader, chats, 100_000).facts()
    found.append([[len(counts), sum(counts), max(counts)], [told[n] for n in ("rows", "tokens", "longest_tokens")]])
print(json.dumps(found))
"""


def with_tools(number: int, chance: random.Random) -> dict[str, Any]:
    """A record with a call, its result and an answer; or with an answer alone."""
    said: list[dict[str, Any]] = [{"role": "user", "content": f"How is ticket {number}?"}]
    if number % 3:
        about = {"ticket": number, "fields": ["label", "naïve \u00fc"] * chance.randint(0, 30)}
        call = {"id": f"c{number}", "type": "function", "function": {"name": "look", "arguments": json.dumps(about)}}
        said += [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps({"label": "open"})},
        ]
    return {
        "messages": [*said, {"role": "assistant", "content": "It is open."}],
        **({"tools": TOOLS} if said[1:] else {}),
    }


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Does {name}.",
            "parameters": {
                "type": "object",
                "properties": {"ticket": {"type": "integer"}, "fields": {"type": "array"}},
            },
        },
    }
    for name in ("look", "close")
]


def test_conversations_with_tools_have_the_tokens_of_the_bases_own_template(tiny: Tiny, tmp_path: Path) -> None:
    """To the token: that is what the estimate says it counts."""
    chance = random.Random(3)
    bases = [base_with(tiny, tmp_path / name, trl_template(tiny, name)) for name in ("qwen2_5", "qwen3")]
    records = tmp_path / "train.jsonl"
    records.write_text("".join(json.dumps(with_tools(number, chance)) + "\n" for number in range(60)))
    program = tmp_path / "count.py"
    program.write_text(COUNT_TOOLS)
    for counted, told in json.loads(done(tiny.python, program, PROGRAMS, records, *bases)):
        assert told == counted
        assert counted[0] == 100  # 20 records of one answer, 40 of a call and an answer


def test_a_job_that_cannot_be_tried_says_why(tiny: Tiny, tmp_path: Path) -> None:
    probed = TrainerJob(tiny, tmp_path, base="/nowhere").probe()
    assert probed["code"] == "base_missing"
    assert probed["error"].startswith("There is no base model in /nowhere")
