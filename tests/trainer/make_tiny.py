"""A tiny chat model and chats to teach it, made in seconds without a network: `make_tiny.py OUT STEPS [WIDTH LAYERS]`.

Writes `base/` (a Llama of 127,000 parameters with a ChatML template), train.jsonl (200 chats), val.jsonl and test.jsonl
(50 each). STEPS of pretraining make a base that chats, copies and stops, and that sorts tickets by another company's
labels: it tells the topics apart and names every one of them wrong, so what is right afterwards was learned by tuning.
The tests use one that was made once, `tiny_base/` (`make_tiny.py OUT 800`, its base/): floats differ between
processors, and a base made anew on each would be another one on each.
"""

import random
import string
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tickets import PARTS, SEED, chats, known, write

#: The marks hold the end of the turn, too: otherwise the model would never learn to stop.
TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}"
    "{{ '<|im_start|>assistant\n' }}{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
#: Splits as `qwen2` does, which llama.cpp knows, so that served and trained tokens are the same.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WIDTH, LAYERS, HEADS, KV_HEADS = 64, 2, 4, 2


def tokenizer_for(rows: list[dict]) -> PreTrainedTokenizerFast:
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern=Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tokens.decoder = decoders.ByteLevel()
    tokens.train_from_iterator(
        [m["content"] for row in rows for m in row["messages"]]
        + list(string.printable)
        + ["system user assistant"] * 3,
        trainers.BpeTrainer(
            vocab_size=512,
            special_tokens=SPECIALS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    return fast


def model_for(tokenizer: PreTrainedTokenizerFast, width: int, layers: int) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width * 2,
            num_hidden_layers=layers,
            num_attention_heads=HEADS,
            num_key_value_heads=KV_HEADS,
            max_position_embeddings=512,
            rope_theta=500_000.0,
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    assert model.generation_config is not None
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def pretrain(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: list[dict], steps: int) -> None:
    """Full training on the same questions with the other company's labels."""
    rng = random.Random(SEED)
    ids = [
        tokenizer.apply_chat_template(known(row)["messages"], tokenize=True, return_dict=True)["input_ids"]
        for row in rows
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        batch = [ids[rng.randrange(len(ids))] for _ in range(16)]
        longest = max(map(len, batch))
        padded = torch.tensor([each + [tokenizer.pad_token_id] * (longest - len(each)) for each in batch])
        wanted = torch.tensor([each + [-100] * (longest - len(each)) for each in batch])
        attention = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in batch])
        loss = model(input_ids=padded, attention_mask=attention, labels=wanted).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


def main(out: Path, steps: int, width: int = WIDTH, layers: int = LAYERS) -> None:
    torch.set_num_threads(1)  # the same everywhere, and faster for anything so small
    (out / "base").mkdir(parents=True)
    write(out)
    rows = chats()
    tokenizer = tokenizer_for(rows)
    model = model_for(tokenizer, width, layers)
    pretrain(model, tokenizer, rows[: PARTS["train"]], steps)
    tokenizer.save_pretrained(out / "base")
    model.save_pretrained(out / "base")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
