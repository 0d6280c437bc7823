"""Whether a model in Ollama reads conversations as it was trained: the same text, as many tokens, an end to stop at.

The trainer wrote what it makes of three conversations, and Ollama says what it makes of them. A model for which they
differ is none to answer with: it was never taught what it would be asked.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple

from core.tuning.providers.local.ollama.client import Ollama, Rendered, Shown
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import NotSubmitted

FILE = "conversations.json"
#: Under which a comparison is kept in what a model remembers of its service.
KEPT = "conversations"

#: `blanks`: nothing but blanks around a message differ. `counted`: tokens alone. `unknown`: it could not be compared.
Verdict = Literal["same", "blanks", "counted", "unknown", "different"]

#: Tokens at which llama.cpp ends an answer by their text (`src/llama-vocab.cpp`), whatever the file says of ends.
_LLAMA_ENDS = frozenset(
    ("<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>",
     "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>",
     "<｜end▁of▁sentence｜>")
)  # fmt: skip
_ENDS_IN_FILE = ("eos_token_id", "eot_token_id", "eom_token_id")
_LONGEST = 4_000
_NUMBERS = {1: "one", 2: "two", 3: "three"}
_ENDLESS = "Ollama does not stop at {end}, with which the model learned to end its answers."
#: llama.cpp looks for such a text in what it shows, and does not show tokens of the base's own.
_UNSURE = (
    "Not known is whether Ollama stops at {end}, with which the model learned to end its answers: it is a stop text "
    "there, and no end in the base's file; try whether answers end."
)
_OTHER_BASE = "Train on a base whose file names that token as an end."


@dataclass(frozen=True)
class One:
    """One conversation, as both make it."""

    name: str
    trained: str | None
    trained_tokens: int | None
    ollama: str | None
    ollama_tokens: int | None
    #: What differs, in a sentence; "": nothing that could be seen.
    differs: str = ""
    is_blanks: bool = False

    @property
    def parting(self) -> tuple[str, str, int] | None:
        """The first lines that differ, the training's and Ollama's, and their number from 1; None: no line does."""
        if self.trained is None or self.ollama is None:
            return None
        ours, theirs = self.trained.split("\n"), self.ollama.split("\n")
        pairs = enumerate(zip_longest(ours, theirs, fillvalue=""), 1)
        return next(((mine, other, number) for number, (mine, other) in pairs if mine != other), None)


@dataclass(frozen=True)
class Compared:
    """The three conversations, and what is to be said of them."""

    verdict: Verdict
    sentence: str
    #: What to do, where it does not hang on the base's template in Ollama.
    advice: str = ""
    conversations: Sequence[One] = ()
    #: Made of the base's weights alone, since with what the base has in Ollama it differed.
    is_of_weights: bool = False

    @property
    def note(self) -> str:
        """What to know of a model that answers; "": nothing."""
        return "" if self.verdict == "same" and not self.is_of_weights else self.sentence

    def kept(self) -> dict[str, Any]:
        """As it is kept with the model."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "conversations": [
                {**vars(each), "trained": _short(each.trained), "ollama": _short(each.ollama)}
                for each in self.conversations
            ],
        }


def of_model(serving_remote: Mapping[str, Any]) -> Compared | None:
    """Return what is kept with a model, the last time that it was put into Ollama; None: nothing was compared."""
    kept = serving_remote.get(KEPT)
    if not kept:
        return None
    return Compared(kept["verdict"], kept["sentence"], conversations=[One(**each) for each in kept["conversations"]])


class Differs(NotSubmitted):
    """Ollama reads conversations in another way than the training did."""

    def __init__(self, compared: Compared, advice: str) -> None:
        super().__init__(compared.sentence, code="template", advice=compared.advice or advice)
        self.compared = compared


def of_training(adapter: Path, engine: str, python: Callable[[], str], today: dt.date) -> dict[str, Any]:
    """Return what the trainer made of them; it is asked where it wrote nothing, or wrote the date of another day.

    Raises `NotSubmitted`.
    """
    try:
        found = json.loads((adapter / FILE).read_text(encoding="utf-8"))
        if found["day"] in (None, today.isoformat()):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return programs.run(python(), "rendering.py", adapter, engine if engine in ("trl", "plain") else "trl")


def compare(ollama: Ollama, name: str, shown: Shown, trained: Mapping[str, Any]) -> Compared:
    """Ask Ollama for the same conversations. Raises `NotSubmitted` where it refuses to answer at all."""
    marks = Marks(str(trained.get("bos") or ""), (trained.get("end") or {}).get("text", ""))
    found = [_one(ollama, name, each, marks) for each in trained["conversations"]]
    ends = _ends(shown, trained.get("end"))
    differing = [each for each in found if each.differs and not each.is_blanks]
    if differing:
        return Compared("different", _system(found, differing) or differing[0].differs, conversations=found)
    if not ends and marks.end not in shown.stops:
        return Compared("different", _ENDLESS.format(end=marks.end), _OTHER_BASE, found)
    verdict, sentence = _told(found)
    if not ends:
        verdict, sentence = "unknown", f"{_UNSURE.format(end=marks.end)} {sentence}"
    return Compared(verdict, sentence, conversations=found)


def _told(found: Sequence[One]) -> tuple[Verdict, str]:
    """Where nothing differs that has to stop: what is known, and no more than that."""
    asked = [each for each in found if each.trained is not None]
    of = f"{_NUMBERS.get(len(asked), len(asked))} conversation{'' if len(asked) == 1 else 's'}"
    if any(each.is_blanks for each in asked):
        return "blanks", next(each.differs for each in asked if each.is_blanks)
    shows = bool(asked) and all(each.ollama is not None for each in asked)
    counts = bool(asked) and all(each.ollama_tokens for each in asked)
    if shows and counts:
        return "same", f"Ollama makes the same text and as many tokens of {of} as the training did."
    if counts:
        return "counted", (
            f"Compared with the training by the number of tokens of {of} alone, which is the same: this Ollama cannot "
            "show its text."
        )
    if shows:
        return "counted", (
            f"Compared with the training by the text of {of} alone, which is the same: this Ollama does not count its "
            "tokens."
        )
    return "unknown", "Not compared with the training: this Ollama cannot show its text, nor how many tokens it makes."


class Marks(NamedTuple):
    """The tokens of the base's own with which a conversation begins and an answer ends, as text; "": none."""

    bos: str
    end: str


def _one(ollama: Ollama, name: str, trained: Mapping[str, Any], marks: Marks) -> One:
    title, text = str(trained["name"]), trained.get("text")
    if text is None:  # the base's template refuses such a conversation, so nothing was trained with one
        return One(title, None, None, None, None)
    tokens = len(trained["ids"])
    try:
        rendered = ollama.render(name, trained["messages"])
    except NotSubmitted as refused:
        return One(title, text, tokens, None, None, f"Ollama refuses a conversation that was trained: {refused}")
    differs = _difference(text, tokens, rendered, marks)
    blanks = bool(differs) and _is_blanks(text, rendered, trained["messages"], marks.bos)
    if blanks:
        differs = (
            "Ollama and the training treat blanks around a message in two ways, and are the same otherwise; ask "
            "without such blanks."
        )
    return One(title, text, tokens, rendered.text, rendered.tokens, differs, blanks)


def _difference(text: str, tokens: int, rendered: Rendered, marks: Marks) -> str:
    """Return what differs, or "".

    A BOS in the text is Ollama's to write or to leave to its tokenizer: tokens tell of it.
    """
    if rendered.text is not None and _bare(rendered.text, marks.bos) != _bare(text, marks.bos):
        return _texts(_bare(text, marks.bos), _bare(rendered.text, marks.bos), marks.end)
    if rendered.tokens is None or rendered.tokens == tokens:
        return ""
    return _counts(text, tokens, rendered, marks.bos)


def _texts(text: str, ollama: str, end: str) -> str:
    if end and ollama.count(end) < text.count(end) and ollama.replace(end, "") == text.replace(end, ""):
        return f"Ollama does not end messages with {end}, with which they ended in the training."
    return "Ollama writes a conversation in another way than the training did: other marks, or other words around it."


def _counts(text: str, tokens: int, rendered: Rendered, bos: str) -> str:
    more = (rendered.tokens or 0) - tokens
    if rendered.text is None:
        return f"Ollama makes {rendered.tokens:,} tokens of a conversation of which the training made {tokens:,}."
    begins = bool(bos) and text.startswith(bos)
    if more > 0 and begins:
        return f"Ollama begins a conversation with a doubled BOS token ({bos}); the training began with one."
    if more == 1:
        return "Ollama begins a conversation with a BOS token, with which the training did not begin."
    if more == -1 and begins:
        return f"Ollama begins a conversation without the BOS token ({bos}) with which the training began."
    return f"Ollama makes {rendered.tokens:,} tokens of a text of which the training made {tokens:,}."


def _system(found: Sequence[One], differing: Sequence[One]) -> str:
    """Only a conversation that has no system prompt differs, by its text: then it gets another one from Ollama."""
    first = found[0]
    others = [each for each in found[1:] if each.trained is not None]
    alone = first.trained is not None and not first.differs and len(differing) == len(others)
    if alone and all(each.ollama is not None and len(each.ollama) != len(each.trained or "") for each in differing):
        return "Where a conversation has no system prompt, Ollama puts in another one than the training did."
    return ""


def _ends(shown: Shown, end: Mapping[str, Any] | None) -> bool:
    """Whether an answer stops at the end that was learned, or where nothing is known against it."""
    if end is None or end["text"] in _LLAMA_ENDS:
        return True
    in_file = {shown.facts.get(f"tokenizer.ggml.{name}") for name in _ENDS_IN_FILE} - {None}
    return not in_file or end["id"] in in_file


def _is_blanks(text: str, rendered: Rendered, messages: Sequence[Mapping[str, str]], bos: str) -> bool:
    if rendered.text is None:
        return False
    ours, theirs = (_bare(_trimmed(each, messages), bos) for each in (text, rendered.text))
    return ours == theirs and _bare(text, bos) != _bare(rendered.text, bos)


def _trimmed(text: str, messages: Sequence[Mapping[str, str]]) -> str:
    for content in (each["content"] for each in messages):
        text = text.replace(content, content.strip())
    return text


def _bare(text: str, bos: str) -> str:
    """Without what it begins with."""
    while bos and text.startswith(bos):
        text = text[len(bos) :]
    return text


def _short(text: str | None) -> str | None:
    """As PostgreSQL can hold it: what Ollama says may be anything."""
    if text is None:
        return None
    text = text.replace("\0", "\ufffd").encode(errors="replace").decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
