"""The data of a job: what is known of a dataset version, and the form in which a provider is sent its records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """The frozen records as files on this disk, named by their sha256. None: the split is empty."""

    train: Path
    validation: Path | None
    test: Path | None


@dataclass(frozen=True)
class Form:
    """How a provider's file is made of an export: the format, and what is still done to each line."""

    format: str
    #: Names `line`, so that what was counted with it is found again; "": the lines are sent as they are.
    name: str = ""
    #: A line of a split as it is sent. Raises `TuningRefused` with the reason where it is left out.
    line: Callable[[str, bytes], bytes] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class LeftOut:
    """Records of a split that are not in a provider's file, for one reason."""

    split: str
    why: str
    count: int
    #: The place of the first of them in the version, from 1.
    first: int


@dataclass(frozen=True)
class DataFacts:
    """What is known of the dataset version without reading it again."""

    dataset_id: int
    label: str
    root_hash: str
    train: int
    validation: int
    test: int
    #: Tokens of the records; exact for OpenAI's tokenizer, otherwise an estimate.
    tokens_train: int
    tokens_validation: int
    tokens_test: int
    longest_tokens: int
    is_exact: bool
    size_bytes: int
    #: The records in a format, for a live check that measures with them; None: they are not at hand.
    files: Callable[[str], Files] | None = field(default=None, compare=False, repr=False)
    #: Bytes of the largest file that is sent; None: not known apart from all records.
    file_bytes: int | None = None
    #: Records that are in no file that is sent.
    left_out: tuple[LeftOut, ...] = ()
    #: Counts what a file in a form holds; None: there is nothing to count.
    sent: "Callable[[Form, Sequence[str]], DataFacts] | None" = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Leave out what reads the records, which belongs to this process: what is remembered are the facts."""
        return {**self.__dict__, "files": None, "sent": None}

    def as_sent(self, form: Form, splits: Sequence[str] = ("train", "validation")) -> "DataFacts":
        """Return the same of exactly what is sent: these splits in this form, without the records that are left out."""
        found = self if self.sent is None else replace(self.sent(form, splits), files=self.files)
        unsent = [name for name in ("train", "validation", "test") if name not in splits]
        return replace(found, **{f"{part}{name}": 0 for name in unsent for part in ("", "tokens_")})
