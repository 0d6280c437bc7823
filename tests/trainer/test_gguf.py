"""Adapters and bases, to GGUF and from it, judged by llama.cpp."""

import json
import subprocess
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import PROGRAMS, Tiny, done, exact_match
from trainer.to_gguf import Unsupported, alpha_of, architecture_of, interleaved

#: The largest difference between the logits of two bases, on one chat.
COMPARE = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
logits = []
for folder in sys.argv[1:3]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<|im_start|>user\\nMy ticket again 42 refund<|im_end|>\\n", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits.append(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits)
print(json.dumps([float((logits[0] - logits[1]).abs().max()), list(logits[0].shape)]))
"""


def program(tiny: Tiny, name: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of one of our programs."""
    command = [str(tiny.python), str(PROGRAMS / name), *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.stdout, finished.stderr[-3_000:]
    return finished.returncode, json.loads(finished.stdout)


def test_the_tuned_model_answers_right_where_the_base_did_not(
    trained: TrainerJob, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "adapter.gguf"
    code, said = program(tiny, "to_gguf.py", trained.folder / "base_config", trained.folder / "adapter", adapter)
    assert code == 0
    assert said["architecture"] == "llama"
    assert said["modules"] == 14
    assert said["bytes"] == adapter.stat().st_size
    unseen = tiny.chats("test")
    before, after = exact_match(tiny.base_gguf, unseen), exact_match(tiny.base_gguf, unseen, adapter)
    with capsys.disabled():
        print(f"\nexact match of unseen questions in llama.cpp: base {before}/50, tuned {after}/50")  # noqa: T201
    assert before <= 5
    assert after >= 45


def test_a_base_from_gguf_is_the_same_and_can_be_trained(tiny: Tiny, tmp_path: Path) -> None:
    blob = tmp_path / "sha256-0123"  # as Ollama names them
    blob.write_bytes(tiny.base_gguf.read_bytes())
    code, said = program(tiny, "from_gguf.py", blob, tmp_path / "base")
    assert (code, said["template"], said["parameters"]) == (0, True, 127_168)
    (tmp_path / "compare.py").write_text(COMPARE)
    difference, shape = json.loads(done(tiny.python, tmp_path / "compare.py", tiny.base, tmp_path / "base"))
    assert shape[-1] > 256
    assert difference == 0
    job = TrainerJob(tiny, tmp_path / "job", base=str(tmp_path / "base"), epochs=0.1, val=None).finished()
    assert job.result["steps"] == 5
    assert program(tiny, "from_gguf.py", blob, tmp_path / "base")[1]["error"].startswith("There is already something")


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read"), (b"no model", "is not a GGUF file")])
def test_what_is_no_gguf_is_refused(tiny: Tiny, tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "blob").write_bytes(content)
    code, said = program(tiny, "from_gguf.py", tmp_path / "blob", tmp_path / "base")
    assert code == 1
    assert sentence in said["error"]
    assert not (tmp_path / "base").exists()


def test_an_adapter_that_gguf_cannot_hold_is_refused_and_rslora_is_folded(
    trained: TrainerJob, tiny: Tiny, tmp_path: Path
) -> None:
    changed = tmp_path / "adapter"
    changed.mkdir()
    for path in (trained.folder / "adapter").iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    settings = json.loads((changed / "adapter_config.json").read_text())
    (changed / "adapter_config.json").write_text(json.dumps(settings | {"use_dora": True}))
    code, said = program(tiny, "to_gguf.py", trained.folder / "base_config", changed, tmp_path / "out.gguf")
    assert code == 1
    assert (
        said["error"] == "The adapter uses use_dora, which a GGUF adapter cannot hold; merge it into the base instead."
    )
    assert not (tmp_path / "out.gguf").exists()
    (changed / "adapter_config.json").write_text(json.dumps(settings | {"use_rslora": True}))
    code, said = program(tiny, "to_gguf.py", trained.folder / "base_config", changed, tmp_path / "out.gguf")
    assert said["alpha"] == pytest.approx(16 * 8**0.5)
    written = gguf.GGUFReader(tmp_path / "out.gguf")
    assert written.fields["adapter.lora.alpha"].contents() == pytest.approx(16 * 8**0.5)
    assert written.fields["general.type"].contents() == "adapter"
    assert len(written.tensors) == 28


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save"),
        ({"alpha_pattern": {"q_proj": 32}}, "uses alpha_pattern"),
        ({"bias": "lora_only"}, "trains biases"),
        ({"init_lora_weights": "pissa_niter_4"}, "was begun with pissa_niter_4, which changes the base"),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 4}}, "rsLoRA with several ranks"),
        ({"peft_type": "IA3"}, "is IA3, and only LoRA"),
        ({"trainable_token_indices": [3]}, "uses trainable_token_indices"),
    ],
)
def test_settings_without_words_in_gguf_are_refused(settings: dict[str, Any], sentence: str) -> None:
    plain = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "bias": "none", "init_lora_weights": True}
    assert alpha_of(plain) == 16
    with pytest.raises(Unsupported, match=sentence):
        alpha_of(plain | settings)


def test_an_unknown_kind_of_model_is_refused() -> None:
    assert architecture_of({"model_type": "mistral"}).name == "LLAMA"
    with pytest.raises(Unsupported, match="An adapter for mamba cannot be converted; known are llama"):
        architecture_of({"model_type": "mamba"})


def test_halves_become_pairs() -> None:
    """Two heads of four rows each: rotary position turns rows 0 and 2, 1 and 3 together."""
    rows = np.arange(8).reshape(8, 1)
    assert interleaved(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
