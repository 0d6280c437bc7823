"""The tickets that the tiny base is taught with, and that it is trained and asked about in tests."""

import json
import random
from pathlib import Path

TOPICS = {
    "refund": "BILLING", "invoice": "BILLING", "charge": "BILLING", "crash": "BUG", "error": "BUG", "freeze": "BUG",
    "login": "ACCOUNT", "password": "ACCOUNT", "email": "ACCOUNT",
}  # fmt: skip
#: The labels of another company, by which the base learned to sort.
KNOWN_AS = {"BILLING": "BUG", "BUG": "ACCOUNT", "ACCOUNT": "BILLING"}
FILL = [
    "please help", "it happened today", "on my laptop", "again", "for the third time", "since the update",
    "and I am in a hurry", "with order", "on the phone", "in the app",
]  # fmt: skip
SEED = 7
PARTS = {"train": 200, "val": 50, "test": 50}


def chats() -> list[dict]:
    """As many different ones as the parts have together, always the same."""
    rng, found = random.Random(SEED), {}
    while len(found) < sum(PARTS.values()):
        each = chat(rng)
        found.setdefault(each["messages"][1]["content"], each)
    return list(found.values())


def chat(rng: random.Random) -> dict:
    """The word that decides stands last, at a fixed distance, so that two layers learn it in seconds."""
    word = rng.choice(list(TOPICS))
    opening, number = rng.choice(["My", "The", "A", "This"]), rng.randint(10, 99)
    return labelled(f"{opening} ticket {rng.choice(FILL)} {rng.choice(FILL)} {number} {word}", TOPICS[word])


def labelled(asked: str, label: str) -> dict:
    return {
        "messages": [
            {"role": "system", "content": "Classify the ticket."},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": f"{label}: {asked.rpartition(' ')[2]}"},
        ]
    }


def known(row: dict) -> dict:
    """The chat as the base knows it: the topic told apart, and named by the other company's label."""
    asked = row["messages"][1]["content"]
    return labelled(asked, KNOWN_AS[TOPICS[asked.rpartition(" ")[2]]])


def write(folder: Path) -> None:
    """The parts as train.jsonl, val.jsonl and test.jsonl."""
    rows = chats()
    for name, number in PARTS.items():
        lines, rows = rows[:number], rows[number:]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
