"""Estimating what a profile costs, before anything is asked."""

from dataclasses import dataclass
from decimal import Decimal

from core.llm import prices
from core.llm.models import Model
from core.tuning.providers.claude.answers import BATCH, WRITE_5M
from core.tuning.providers.claude.options import Wishes
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import Estimate

#: Examples are taken from records of at most so many times the mean length. At least half of any set is.
LONGEST_SHOWN = 2
#: Claude's tokenizer may give more tokens for the same text than the one counted with; taken as at most half more.
_MORE_TOKENS = Decimal("1.5")
#: Ways of choosing examples in `candidates`.
_WAYS = 3


@dataclass(frozen=True)
class Load:
    """Tokens and requests that a profile takes at most."""

    requests: int
    input: int
    output: int
    longest_prompt: int


def load(wishes: Wishes, data: DataFacts) -> tuple[Load, Load]:
    """Return the usual load and the largest one.

    The largest counts all ways of choosing, the longest examples there may be, every answer as long as it may be, and
    that the profile shows the most examples on the test split.
    """
    rows, test = min(wishes.validation_rows, data.validation), min(wishes.test_rows, data.test)
    return (
        _load(wishes, data, rows, test, usual=True),
        _load(wishes, data, rows, test, usual=False),
    )


def _load(wishes: Wishes, data: DataFacts, rows: int, test: int, *, usual: bool) -> Load:
    shown = _mean(data.tokens_train, data.train) * (1 if usual else LONGEST_SHOWN)
    system = len(wishes.system_prompt.encode()) / 4
    asked = system + (_mean(data.tokens_validation, data.validation) if usual else data.longest_tokens)
    asked_test = system + (_mean(data.tokens_test, data.test) if usual else data.longest_tokens)
    candidates = [0, *(size for size in wishes.sizes for _ in range(_WAYS))]
    profile = wishes.sizes[len(wishes.sizes) // 2] if usual else wishes.sizes[-1]
    prompts = sum(rows * (size * shown + asked) for size in candidates)
    prompts += test * (profile * shown + 2 * asked_test)
    requests = rows * len(candidates) + 2 * test
    answer = _mean(data.tokens_validation, data.validation) / 2 if usual else wishes.max_answer_tokens
    return Load(
        requests,
        round(prompts),
        round(requests * min(answer, wishes.max_answer_tokens)),
        round(wishes.sizes[-1] * shown + max(asked, asked_test)),
    )


def _mean(tokens: int, count: int) -> float:
    return tokens / count if count else 0.0


def estimate(model: Model, wishes: Wishes, data: DataFacts) -> Estimate:
    """Return what the profile will take, from the price of asking, half of it for batches."""
    usual, most = load(wishes, data)
    low = _cost(model, usual, more_tokens=Decimal(1), written=Decimal(1))
    high = _cost(model, most, more_tokens=_MORE_TOKENS, written=WRITE_5M)
    basis = (
        f"At most {most.requests:,} requests in two batches at half the list price. Low: records and answers of mean "
        f"length; high: the longest ones, {_MORE_TOKENS} times the tokens, and nothing found in the cache. Whether the "
        "cache helps is not known before."
    )
    return Estimate(usual.input + usual.output, low, high, None, basis)


def _cost(model: Model, load: Load, *, more_tokens: Decimal, written: Decimal) -> Decimal | None:
    """None where the model has no price, or none for prompts of this length."""
    one_in, one_out = prices.cost_usd(model, 1, 0), prices.cost_usd(model, 0, 1)
    longest = round(load.longest_prompt * more_tokens)
    if one_in is None or one_out is None or prices.cost_usd(model, longest, 0) is None:
        return None
    return BATCH * (load.input * more_tokens * written * one_in + load.output * one_out)
