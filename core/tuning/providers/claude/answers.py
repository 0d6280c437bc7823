"""Answers of a batch, and what they cost."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from core.llm import prices
from core.llm.models import Model

#: A batch costs half of what asking costs; writing to the cache for five minutes or an hour, and reading from it, are
#: parts of the price of input. As Anthropic documents them, 2026-10.
BATCH = Decimal("0.5")
WRITE_5M, WRITE_1H, READ = Decimal("1.25"), Decimal(2), Decimal("0.1")

Kind = Literal["succeeded", "errored", "canceled", "expired"]


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them."""

    input: int = 0
    written_5m: int = 0
    written_1h: int = 0
    read: int = 0
    output: int = 0

    @property
    def all_input(self) -> int:
        return self.input + self.written_5m + self.written_1h + self.read

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.written_5m + other.written_5m,
            self.written_1h + other.written_1h,
            self.read + other.read,
            self.output + other.output,
        )


@dataclass(frozen=True)
class BatchAnswer:
    """What became of one request. Only what succeeded has a text, and only that is paid."""

    custom_id: str
    kind: Kind
    text: str = ""
    #: The model's word for why it ended: end_turn, max_tokens, refusal, …
    ending: str = ""
    usage: Usage = Usage()
    #: The provider's words for an error.
    error: str = ""


def cost_usd(model: Model, usage: Usage) -> Decimal | None:
    """Return what the answer to one request in a batch costs by list price; None where nobody knows."""
    priced_in = prices.cost_usd(model, usage.all_input, 0)
    priced_out = prices.cost_usd(model, usage.all_input, usage.output)
    if priced_in is None or priced_out is None:
        return None
    weighed = usage.input + WRITE_5M * usage.written_5m + WRITE_1H * usage.written_1h + READ * usage.read
    share = weighed / usage.all_input if usage.all_input else Decimal(0)
    return BATCH * (priced_in * share + priced_out - priced_in)


@dataclass(frozen=True)
class Bill:
    """What a batch took altogether."""

    usage: Usage = Usage()
    cost_usd: Decimal | None = Decimal(0)

    def with_answer(self, model: Model, answer: BatchAnswer) -> "Bill":
        """Add one answer to this bill. One price that is not known makes the sum not known."""
        one = cost_usd(model, answer.usage)
        total = None if self.cost_usd is None or one is None else self.cost_usd + one
        return replace(self, usage=self.usage + answer.usage, cost_usd=total)
