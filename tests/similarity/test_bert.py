"""The encoder in numpy gives what `transformers` gives, and refuses what is no such model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import SimilarityRefused
from core.similarity.bert import Encoder, tensors
from core.similarity.wordpiece import WordPiece

TINY = Path(__file__).parent / "tiny"
EXPECTED = json.loads((TINY / "expected.json").read_text(encoding="utf-8"))
TEXTS = [each["text"] for each in EXPECTED]


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: ascii(case["text"][:20]))
def test_texts_become_the_ids_that_tokenizers_gives(case: dict[str, object]) -> None:
    assert WordPiece.read(TINY / "vocab.txt").ids(str(case["text"]), 40) == case["ids"]


def test_marks_of_a_sequence_in_a_text_are_words_like_others() -> None:
    tokens = WordPiece.read(TINY / "vocab.txt")
    ids = tokens.ids("a [SEP] b", 40)
    assert (ids[0], ids[-1], ids.count(ids[-1])) == (2, 3, 1)


def test_vectors_are_those_of_transformers_alone_and_together() -> None:
    encoder = Encoder(TINY)
    expected = np.array([each["vector"] for each in EXPECTED], np.float32)
    together = encoder.encode(TEXTS)
    assert np.abs(together - expected).max() < 2e-6
    assert np.abs(np.concatenate([encoder.encode([text]) for text in TEXTS]) - expected).max() < 2e-6
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dimension) == (0, 12)


def test_they_tell_the_texts_apart() -> None:
    """Else the comparison above would show little."""
    found = Encoder(TINY).encode(["the tool", "blog post", "write about", "the tool"])
    cosines = found @ found.T
    assert cosines[0, 3] > 1 - 1e-6
    assert cosines[0, 1:3].max() < 0.98


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: _config(folder, model_type="roberta"), "only BERT with gelu"),
        (lambda folder: _config(folder, hidden_act="relu"), "only BERT with gelu"),
        (lambda folder: _config(folder, num_hidden_layers=3), "The weights have no encoder.layer.2"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0\1\2"), "no whole safetensors file"),
        (lambda folder: _cut(folder / "model.safetensors"), "no whole safetensors file"),
        (lambda folder: (folder / "vocab.txt").write_text("a\nb\n"), "no [CLS]"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be understood"),
        (lambda folder: (folder / "config.json").unlink(), "cannot be read"),
    ],
)
def test_another_model_and_a_broken_file_are_refused(tmp_path: Path, change: object, says: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    change(folder)  # type: ignore[operator]
    with pytest.raises(SimilarityRefused) as refused:
        Encoder(folder)
    assert says in str(refused.value)


def _config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_weights_are_read_as_they_stand_in_the_file() -> None:
    found = tensors(TINY / "model.safetensors")
    assert found["embeddings.word_embeddings.weight"].shape == (len((TINY / "vocab.txt").read_text().split()), 12)
    assert all(each.dtype == np.float32 for each in found.values())
