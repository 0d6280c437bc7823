"""A tiny chat model and chats to teach it, made in seconds without a network: `make_tiny.py OUT STEPS [WIDTH LAYERS]`.

Writes `base/` (a Llama of 127,000 parameters with a ChatML template), train.jsonl (200 chats), val.jsonl and test.jsonl
(50 each). STEPS of pretraining with random labels make a base that chats, copies and stops, and guesses the label right
in a third of the cases; the rule is left to be learned. Without them LoRA could not move it: embeddings and head are
frozen.
"""

import json
import random
import string
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

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
TOPICS = {
    "refund": "BILLING", "invoice": "BILLING", "charge": "BILLING", "crash": "BUG", "error": "BUG", "freeze": "BUG",
    "login": "ACCOUNT", "password": "ACCOUNT", "email": "ACCOUNT",
}  # fmt: skip
FILL = [
    "please help", "it happened today", "on my laptop", "again", "for the third time", "since the update",
    "and I am in a hurry", "with order", "on the phone", "in the app",
]  # fmt: skip
SEED, WIDTH, LAYERS, HEADS, KV_HEADS = 7, 64, 2, 4, 2
PARTS = {"train": 200, "val": 50, "test": 50}


def chat(rng: random.Random) -> dict:
    """The word that decides stands last, at a fixed distance, so that two layers learn it in seconds."""
    word = rng.choice(list(TOPICS))
    opening, number = rng.choice(["My", "The", "A", "This"]), rng.randint(10, 99)
    asked = f"{opening} ticket {rng.choice(FILL)} {rng.choice(FILL)} {number} {word}"
    return labelled(asked, TOPICS[word])


def labelled(asked: str, label: str) -> dict:
    return {
        "messages": [
            {"role": "system", "content": "Classify the ticket."},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": f"{label}: {asked.rpartition(' ')[2]}"},
        ]
    }


def chats() -> list[dict]:
    rng, found = random.Random(SEED), {}
    while len(found) < sum(PARTS.values()):
        each = chat(rng)
        found.setdefault(each["messages"][1]["content"], each)
    return list(found.values())


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
    """Full training on the same questions with random labels."""
    guess, rng = random.Random(SEED + 1), random.Random(SEED)
    labels = sorted(set(TOPICS.values()))
    ids = [
        tokenizer.apply_chat_template(
            labelled(row["messages"][1]["content"], guess.choice(labels))["messages"], tokenize=True, return_dict=True
        )["input_ids"]
        for row in rows
        for _ in range(4)
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
    rows = chats()
    (out / "base").mkdir(parents=True)
    at = 0
    for name, number in PARTS.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows[at : at + number])
        (out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        at += number
    tokenizer = tokenizer_for(rows)
    model = model_for(tokenizer, width, layers)
    pretrain(model, tokenizer, rows[: PARTS["train"]], steps)
    tokenizer.save_pretrained(out / "base")
    model.save_pretrained(out / "base")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
