"""Makes `tiny/`: a BERT of random weights, a few kB, and what `transformers` and `tokenizers` say of some texts.

It ran once: `pip install torch transformers tokenizers`, `python tests/similarity/make_tiny.py`. The weights are wide
enough apart that a wrong sign, scale or order of heads shows in the vectors.
"""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

FOLDER = Path(__file__).parent / "tiny"
PIECES = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789", *".,!?-'\"[]()$",
    *(f"##{sign}" for sign in "abcdefghijklmnopqrstuvwxyz0123456789"), "the", "tool", "shelf", "shel", "##ves", "write",
    "post", "##s", "##ing", "blog", "about", "日", "本", "ι", "##σ", "ß",
]  # fmt: skip
TEXTS = [
    "", " ", "Write a blog post about tool shelves.", "the TOOL-shelf", "Tools, posting; posts!", "Größe & Überzug",
    "café naïve ÅNGSTRÖM İstanbul", "日本 and 語", "a\tb\nc\r\nd\x00e\x0bf\x1cg\x85h\u00a0i\u2003j\u200bk\ufffdl",
    "ΙΣΣ ΟΔΟΣ", "$4.50 “quoted” – dash… emoji 😀 end", "x" * 101, "y" * 100, "word " * 60, "ﬁne ½ ² ™",
    "e\u0301 o\u0308", "don't stop (now) [ok]", "豈 豈", "42,000 tools",
]  # fmt: skip


def main() -> None:
    """Write the model and the expected values."""
    torch.manual_seed(13)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=40,
        type_vocab_size=2,
        hidden_act="gelu",
        layer_norm_eps=1e-12,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for each in model.parameters():
            # Halves are exact in the file, so that file and vectors are of the same weights.
            each.copy_((each + 0.4 * torch.randn(each.shape)).half().float())
    FOLDER.mkdir(exist_ok=True)
    model.half().save_pretrained(FOLDER, safe_serialization=True)
    model.float()
    (FOLDER / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (FOLDER / "config.json").write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    expected = [{"text": text, **_expected(model, text)} for text in TEXTS]
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=0) + "\n", encoding="utf-8")


def _expected(model: BertModel, text: str) -> dict[str, object]:
    ids = _tokenizer().encode(text).ids
    with torch.no_grad():
        mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0)
    return {"ids": ids, "vector": [round(float(value), 7) for value in mean / mean.norm()]}


def _tokenizer() -> Tokenizer:
    known = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(WordPiece(known, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_truncation(40)
    return tokenizer


if __name__ == "__main__":
    main()
