"""The market insight agent: what performed, by topic and by platform, with how many posts each figure rests on."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from statistics import fmean

from core.history import FEW, Performed, performed
from core.orchestrator.agents.series import mean_interval
from core.orchestrator.agents.tasks import Action, Findings, Task
from core.orchestrator.material.wording import plural
from core.orchestrator.plans import ActionShape

_SHOWN = 6

SHAPE = {
    "what_performed": ActionShape(
        "Says which topics or platforms reached most readers, with the number of posts and an interval.",
        {
            "type": "object",
            "properties": {
                "by": {"enum": ["topic", "platform"], "default": "topic", "description": "What to compare."},
                "topic": {"type": "string", "maxLength": 300, "description": "Only posts on this topic."},
                "platform": {"type": "string", "maxLength": 100, "description": "Only posts on this platform."},
                "months": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 60,
                    "default": 12,
                    "description": "Back to when.",
                },
            },
            "required": ["by"],
            "additionalProperties": False,
        },
        {"by": "platform", "months": 12},
    )
}


@dataclass(frozen=True)
class PostGroup:
    """Posts with one topic or on one platform. `low` and `high`: 95 % interval of the mean, None for one post."""

    name: str
    n: int
    views: float
    low: float | None
    high: float | None
    engagement_rate: float | None

    @property
    def sentence(self) -> str:
        said = (
            [] if self.low is None or self.high is None else [f"95 % interval {max(self.low, 0):,.0f}–{self.high:,.0f}"]
        )
        said += [f"n {self.n}{', indicative' if self.n < FEW else ''}"]
        said += [f"engagement {self.engagement_rate:.1%}"] if self.engagement_rate is not None else []
        return f"{self.name}: {self.views:,.0f} views on average ({', '.join(said)})"


def what_performed(task: Task) -> Findings:
    """Mean views a post of each group with its 95 % interval by Student's t; engagement is answers ÷ views."""
    by, months = task.payload.get("by", "topic"), int(task.payload.get("months", 12))
    chosen = {name: str(task.payload.get(name) or "") for name in ("topic", "platform")}
    since = task.as_of - dt.timedelta(days=round(months * 365.25 / 12))
    rows = performed(task.db, since=since, as_of=task.as_of, **chosen)
    where = "".join(f" {word} “{name}”" for word, name in (("on", chosen["topic"]), ("on", chosen["platform"])) if name)
    if not rows:
        sentence = f"No post{where} with counted views was published in the last {plural(months, 'month')}."
        return Findings(sentence, {"groups": []}, 0, [sentence])
    groups = sorted(_groups(rows, by), key=lambda group: (-group.views, group.name))
    best = (
        f"; {groups[0].name} reached most, {groups[0].views:,.0f} views on average (n {groups[0].n})" if groups else ""
    )
    head = f"By {by}, {plural(len(rows), 'post')}{where} of the last {plural(months, 'month')}{best}."
    lines = [f"- {group.sentence}" for group in groups[:_SHOWN]]
    if all(group.n < FEW for group in groups):
        lines.append(f"- No {by} has {FEW} posts or more, so the order may be chance.")
    return Findings("\n".join([head, *lines]), {"by": by, "groups": [vars(group) for group in groups]}, len(rows))


def _groups(rows: Sequence[Performed], by: str) -> list[PostGroup]:
    name_of = attrgetter(by)
    named = sorted(filter(name_of, rows), key=name_of)
    return [_group(name, list(posts)) for name, posts in groupby(named, key=name_of)]


def _group(name: str, posts: list[Performed]) -> PostGroup:
    views = [float(post.views) for post in posts]
    interval = mean_interval(views)
    low, high = interval[1:] if interval else (None, None)
    rate = sum(post.engagement for post in posts) / sum(views) if sum(views) else None
    return PostGroup(name, len(views), fmean(views), low, high, rate)


ACTIONS: dict[str, Action] = {"what_performed": what_performed}
