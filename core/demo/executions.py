"""Executions of the demo company's agents, made in slices: numpy draws the numbers, templates say them.

Slice k depends on the seed and k alone; the number of examples only decides on which dates they fall, and so which
patterns hold for them. That keeps memory flat at any size.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from core.demo import words
from core.demo.draws import DETAIL_SETS, HAS_BUDGET, SLICE, TAGS, Drawn, Outcome, draw, models, outcome
from core.demo.history import History, MonthFigures, Post
from core.demo.patterns import THREAD, Traits
from core.demo.rhythm import Year, hours, weekdays

#: The columns of a row, in order.
COLUMNS = (
    *("execution_id", "user_request", "intent", "business_state", "execution_plan", "execution_result"),
    *("quality_score", "success", "tags", "created_at", "updated_at", "source_agent", "source_model"),
    "execution_time_ms",
)
#: How rows are written: text between QUOTE, nothing for NULL. No text holds a control character, so none is escaped.
QUOTE, DELIMITER = "\x01", "\x02"

Values = dict[str, Any]
T = TypeVar("T")


class Executions:
    """The rows of `count` executions over a year, as text for COPY."""

    def __init__(self, year: Year, history: History, *, count: int, seed: int) -> None:
        self._year = year
        self._count = count
        self._seed = seed
        self._months = [_month_values(month) for month in history.months]
        self._first_month = np.datetime64(history.months[0].first, "M").astype(np.int64)
        self._posts = _posts_so_far(history.months, history.posts)

    def slices(self) -> Iterator[tuple[int, str]]:
        """Yield the number of rows and their text, slice after slice."""
        for first in range(0, self._count, SLICE):
            rows = min(SLICE, self._count - first)
            drawn = draw(np.random.default_rng([self._seed, first // SLICE])).cut(rows)
            moments = self._year.moments((first + np.arange(rows) + drawn.jitter) / self._count)
            days = self._year.day_numbers(moments)
            values = self._values(drawn, moments)
            requests = [text % its for text, its in zip(_request_texts(drawn), values, strict=True)]
            traits = Traits(
                intent=drawn.intent,
                opener=drawn.opener,
                topic=drawn.topic,
                audience=drawn.audience,
                model=models(drawn.model_luck, days),
                length=np.fromiter(map(len, requests), np.int64, rows),
                weekday=weekdays(moments),
                hour=hours(moments),
                has_budget=HAS_BUDGET[drawn.details],
                is_reviewed=drawn.is_reviewed,
            )
            yield rows, "".join(_lines(drawn, traits, outcome(drawn, traits, days), moments, values, requests))

    def _values(self, drawn: Drawn, moments: NDArray[np.datetime64]) -> list[Values]:
        """Return what the templates of each row are filled with: figures as they stood at the end
        of the month before.
        """
        months = moments.astype("datetime64[M]").astype(np.int64) - self._first_month - 1
        return [
            {
                **_TOPICS[topic],
                **self._months[month],
                **_READERS[audience],
                "posts": self._posts[month][topic],
                "platform": words.PLATFORMS[platform],
                "tone": words.TONES[tone],
                "rival": words.RIVALS[rival],
                "budget": budget,
                "words": length,
                "format": _FORMATS[intent][opener],
                "agent": words.INTENTS[intent].agent,
            }
            for intent, opener, topic, audience, platform, tone, rival, budget, length, month in zip(
                *_lists(*drawn.said()), months.tolist(), strict=True
            )
        ]


def _lists(*columns: NDArray[Any]) -> list[list[Any]]:
    """Plain Python values: reading them one by one is much quicker than from an array."""
    return [column.tolist() for column in columns]


def _request_texts(drawn: Drawn) -> list[str]:
    return [
        _openers[opener][0] + _CLAUSES[clause if audience >= 0 else -1] + _openers[opener][1] + _DETAILS[details]
        for intent, opener, audience, clause, details in zip(
            *_lists(drawn.intent, drawn.opener, drawn.audience, drawn.clause, drawn.details), strict=True
        )
        for _openers in (_OPENERS[intent],)
    ]


def _lines(
    drawn: Drawn,
    traits: Traits,
    done: Outcome,
    moments: NDArray[np.datetime64],
    values: list[Values],
    requests: list[str],
) -> Iterator[str]:
    """One line a row, in the order of COLUMNS. Plan and result are written here, so that they never pile up."""
    written_at = np.datetime_as_string(moments, unit="ms").tolist()
    for number, (
        intent,
        wording,
        is_reviewed,
        failed,
        is_empty,
        model,
        audience,
        quality,
        success,
        tags,
        duration,
    ) in enumerate(
        zip(
            *_lists(drawn.intent, drawn.wording, drawn.is_reviewed, drawn.failed, drawn.says_only_success),
            *_lists(traits.model, drawn.audience, done.quality, done.success, done.tags, done.duration_ms),
            strict=True,
        )
    ):
        its = values[number]
        plan = "" if is_empty else f"{QUOTE}{_pick(_PLANS[intent], wording)[is_reviewed] % its}{QUOTE}"
        texts = _SUCCESS if is_empty else words.FAILURES if failed else _RESULTS[intent]
        state = (_STATE if audience < 0 else _STATE_WITH_AUDIENCE) % its
        at = written_at[number] + "Z"
        yield (
            f"{QUOTE}{drawn.ids[number]}{_NEXT}{requests[number]}{_NEXT}{words.INTENTS[intent].name}{_NEXT}{state}{QUOTE}"
            f"{DELIMITER}{plan}{DELIMITER}{QUOTE}{_pick(texts, wording >> 4) % its}{QUOTE}{DELIMITER}"
            f"{quality if quality == quality else ''}{DELIMITER}{_SUCCESSES[success]}{DELIMITER}"  # NaN is not itself
            f"{_TAG_SETS[tags]}{DELIMITER}{at}{DELIMITER}{at}{DELIMITER}{its['agent']}{DELIMITER}"
            f"{words.MODELS[model]}{DELIMITER}{duration}\n"
        )


def _pick(choices: Sequence[T], number: int) -> T:
    return choices[number % len(choices)]


def _month_values(month: MonthFigures) -> Values:
    name = f"{month.first:%B %Y}"
    return {
        "month": name,
        "mrr": month.revenue,
        "cash_months": month.cash_months,
        "finance": (
            f"In {name} revenue was ${month.revenue:,} and costs were ${month.costs:,}, ${month.ad_spend:,} of them "
            f"for advertising. We had {month.customers:,} customers at the end, {month.new_customers} of them new; "
            f"{month.churn_rate:.1%} cancelled."
        ),
        "cash": f"Cash at the end of {name}: ${month.cash:,}, enough for {month.cash_months} months without revenue.",
    }


def _posts_so_far(months: Sequence[MonthFigures], posts: Sequence[Post]) -> list[list[str]]:
    """For each month and topic, what was known at its end about our posts on the topic."""
    said = []
    for month in months:
        topics: list[list[int]] = [[] for _ in words.TOPICS]
        for post in posts:
            if post.published_at.date() <= month.last:
                topics[post.topic].append(post.views)
        said.append([_sentence_on_posts(views) for views in topics])
    return said


def _sentence_on_posts(views: list[int]) -> str:
    if not views:
        return "We have published nothing on it so far."
    return f"Posts on it so far: {len(views)}, with {sum(views) / len(views):,.0f} views on average."


def _plan(intent: str, steps: Sequence[words.Step]) -> str:
    """Return the template of a plan as the orchestrator writes them.

    Filled in it stays JSON: no value needs escaping.
    """
    made = [
        {
            "id": f"s{number}",
            "agent": agent.removesuffix("_agent"),
            "action": action,
            "payload": payload,
            "reason": why,
            "depends_on": [f"s{number - 1}"] if number > 1 else [],
        }
        for number, (agent, action, payload, why) in enumerate(steps, start=1)
    ]
    return orjson.dumps({"intent": intent, "steps": made}).decode()


def _ended(opener: str) -> tuple[str, str]:
    return opener, "?" if opener.startswith(("What", "Is ")) else "."


_NEXT = f"{QUOTE}{DELIMITER}{QUOTE}"
_SUCCESS = ("success",)
#: By success: 0, 1, and -1, which is unknown.
_SUCCESSES = ("f", "t", "")
#: Every set of tags as PostgreSQL writes it.
_TAG_SETS = [
    f"{QUOTE}{{{','.join(tag for place, tag in enumerate(TAGS) if bits >> place & 1)}}}{QUOTE}"
    for bits in range(2 ** len(TAGS))
]
_TOPICS = [{"topic": topic.name, "Topic": topic.name[0].upper() + topic.name[1:]} for topic in words.TOPICS]
#: The last one is for -1: nobody was named.
_READERS = [*({"audience": name, "reader": name} for name in words.AUDIENCES), {"reader": "our readers"}]
_CLAUSES = (*words.AUDIENCE_CLAUSES, "")
_DETAILS = ["".join(f" {words.DETAILS[number]}" for number in chosen) for chosen in DETAIL_SETS]
_OPENERS = [[_ended(opener) for opener in words.OPENERS[intent.name]] for intent in words.INTENTS]
_RESULTS = [words.RESULTS[intent.name] for intent in words.INTENTS]
#: By intent and wording: without and with a review at the end.
_PLANS = [
    [(_plan(intent.name, steps), _plan(intent.name, (*steps, words.REVIEW))) for steps in words.PLANS[intent.name]]
    for intent in words.INTENTS
]
_FORMATS = [
    [
        ("thread" if number == THREAD else "post") if intent.name == "social_post" else words.FORMATS[intent.name]
        for number in range(len(words.OPENERS[intent.name]))
    ]
    for intent in words.INTENTS
]
_STATE = (
    '{"topic":"%(topic)s","tone":"%(tone)s","platform":"%(platform)s","format":"%(format)s","budget":%(budget)d,'
    '"mrr":%(mrr)d,"cash_months":%(cash_months)s}'
)
_STATE_WITH_AUDIENCE = _STATE[:-1] + ',"audience":"%(audience)s"}'
