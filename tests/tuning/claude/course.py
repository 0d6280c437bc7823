"""A dataset whose answers follow from examples alone, and the calls that the engine makes, one after the other."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.settings import Settings
from core.tuning.providers.claude.adapter import PROVIDER
from core.tuning.providers.claude.options import SETTINGS
from core.tuning.providers.data import DataFacts, Files
from core.tuning.providers.protocol import JobStatus, JobView, NewJobEvent, Spec, TrainedModel
from tests.tuning.claude.server import KEY, turns

#: The code that an answer begins with. A model cannot know it, unless an example of the same intent shows it.
CODES = {"invoice": "INV", "refund": "RF", "shipping": "SHP", "contract": "CTR", "hiring": "HR"}
#: Shares of the intents, as uneven as in life.
_WEIGHTS = ["invoice"] * 12 + ["refund"] * 4 + ["shipping"] * 2 + ["contract", "hiring"]
_NAMES = ["Ada", "Bela", "Cleo", "Dora", "Egon", "Fritz", "Gisela", "Hans", "Ida", "Jan"]
SYSTEM = "You file requests."


def record(number: int) -> tuple[str, str]:
    """Question and answer of a number."""
    intent = _WEIGHTS[number % len(_WEIGHTS)]
    name = _NAMES[number // len(_WEIGHTS) % len(_NAMES)]
    question = f"Request:\nFile the {intent} case {number} of {name}.\n\nIntent: {intent}"
    return question, json.dumps({"code": f"{CODES[intent]}-{number}", "name": name})


def line(question: str, answer: str, system: str = SYSTEM) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({**({"system": system} if system else {}), "messages": messages})


def obedient(params: dict) -> str:
    """A model that does what the examples show, and knows nothing else."""
    *shown, (_, question) = turns(params)
    intent = question.rpartition("Intent: ")[2]
    number = question.partition(" case ")[2].partition(" ")[0]
    name = question.partition(" of ")[2].partition(".")[0]
    for (_, asked), (_, said) in zip(shown[::2], shown[1::2], strict=True):
        if asked.endswith(f"Intent: {intent}"):
            return json.dumps({"code": f"{json.loads(said)['code'].partition('-')[0]}-{number}", "name": name})
    if shown:
        return json.dumps({"code": f"unknown-{number}", "name": name})
    return f"I would file the case of {name}."


def stubborn(params: dict) -> str:
    """A model that no example moves."""
    return f"I would file it ({turns(params)[-1][1][:20]})."


def write(folder: Path, name: str, lines: Sequence[str]) -> Path | None:
    if not lines:
        return None
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{each}\n" for each in lines))
    return path


def facts(train: Sequence[str], validation: Sequence[str], test: Sequence[str]) -> DataFacts:
    tokens = [sum(len(each) // 4 for each in part) for part in (train, validation, test)]
    longest = max((len(each) // 4 for each in (*train, *validation, *test)), default=0)
    return DataFacts(
        dataset_id=3,
        label="cases@1",
        root_hash="ab" * 32,
        train=len(train),
        validation=len(validation),
        test=len(test),
        tokens_train=tokens[0],
        tokens_validation=tokens[1],
        tokens_test=tokens[2],
        longest_tokens=longest,
        is_exact=True,
        size_bytes=4 * sum(tokens),
    )


def cases(first: int, count: int) -> list[str]:
    return [line(*record(number)) for number in range(first, first + count)]


def settings_at(base_url: str, key: str | None = KEY) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        ANTHROPIC_API_KEY=SecretStr(key) if key else None,
        ANTHROPIC_BASE_URL=base_url,
    )


@dataclass
class Course:
    """A job, taken through its stages as the engine does."""

    folder: Path
    base_url: str
    wished: Mapping[str, Any] = field(default_factory=dict)
    train: Sequence[str] = field(default_factory=lambda: cases(0, 100))
    validation: Sequence[str] = field(default_factory=lambda: cases(1000, 40))
    test: Sequence[str] = field(default_factory=lambda: cases(2000, 30))
    base: str = "claude-haiku-5-5"
    key: str = "0123456789abcdef0123456789abcdef"
    notes: list[NewJobEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = Files(
            write(self.folder, "train", self.train),  # type: ignore[arg-type]
            write(self.folder, "validation", self.validation),
            write(self.folder, "test", self.test),
        )
        self.job = JobView(
            id=1,
            key=self.key,
            stage=0,
            state="uploading",
            spec=Spec("claude", self.base, "profile", self.wished),
            remote={},
            remote_id=None,
            submitted_at=None,
            folder=self.folder,
            files=lambda _: files,
            data=facts(self.train, self.validation, self.test),
            settings=settings_at(self.base_url),
        )

    def upload(self) -> None:
        remote = PROVIDER.upload(self.job, lambda *_: None)
        json.dumps(remote)  # what is kept must be JSON
        self.job = replace(self.job, state="submitting", remote={**self.job.remote, **remote})

    def submit(self) -> None:
        self.job = replace(self.job, submitted_at=dt.datetime.now(dt.UTC))
        self.take(PROVIDER.submit(self.job))

    def take(self, submitted: Any) -> None:
        remote = {**self.job.remote, **submitted.remote}
        self.job = replace(self.job, state="running", remote_id=submitted.remote_id, remote=remote)

    def poll(self) -> JobStatus:
        polled = PROVIDER.poll(self.job)
        json.dumps(polled.remote)
        self.notes += polled.notes
        remote = {**self.job.remote, **polled.remote}
        state = "uploading" if polled.state == "again" else polled.state or self.job.state
        stage = self.job.stage + (polled.state == "again")
        self.job = replace(self.job, remote=remote, stage=stage, state="running" if state == "trained" else state)
        return polled

    def finish(self) -> TrainedModel:
        return PROVIDER.finish(self.job, lambda *_: None)

    def through(self, fake: Any) -> TrainedModel:
        """The whole life, every batch ending at once."""
        while True:
            self.upload()
            self.submit()
            assert self.poll().state == "running"
            fake.end()
            polled = self.poll()
            if polled.state != "again":
                assert polled.state == "trained", polled
                return self.finish()


DEFAULTS = {each.name: each.default for each in SETTINGS}
