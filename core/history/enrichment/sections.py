"""What is known of the request's topic, of the platforms and of the business, each with a sentence and its n."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.history.correlation import Correlations
from core.history.effectiveness import Platform, Topic, Topics
from core.history.published import platform_names
from core.similarity.words import holds, stem, words_of
from core.text import plural

#: A request is looked through for so many topics, the commonest.
_MOST_TOPICS = 2_000
_PLATFORMS_KEPT = 12
_CORRELATIONS_KEPT = 5


@dataclass(frozen=True)
class RequestTopic:
    """The topic that the request is about, and how work on it did. `name` "": none was recognised."""

    #: Posts on it whose views were counted.
    n: int
    note: str
    name: str = ""
    #: Mean views of its posts against those of all posts that have a topic; 1.0 is average.
    views_ratio: float | None = None
    all_posts: int = 0
    #: Views, engagement, conversions, quality, trend, with their intervals.
    effectiveness: Topic | None = None


@dataclass(frozen=True)
class Baseline:
    """How posts on one platform usually do: means of their own rows; `low` and `high`: 95 % interval of the views."""

    name: str
    n: int
    views: float
    engagement_rate: float | None
    median_views: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Platforms:
    """The baseline of each platform; `asked` are those that the request names."""

    n: int
    note: str
    asked: tuple[str, ...] = ()
    items: tuple[Baseline, ...] = ()


@dataclass(frozen=True)
class Together:
    """A figure of the business that clearly goes with a measure of content. That is not a cause."""

    business: str
    content: str
    #: Months by which the figure comes later.
    lag: int
    n: int
    r: float
    low: float
    high: float
    sentence: str


@dataclass(frozen=True)
class Business:
    """What goes together, by months. `n`: months that the best covered pair has in common."""

    n: int
    note: str
    tried: int = 0
    items: tuple[Together, ...] = ()

    def about(self, figure: str) -> list[str]:
        """Return what is said of one figure, in any currency, as sentences."""
        return [each.sentence for each in self.items if each.business.split(" in ")[0] == figure]


def request_topic(known: Topics, request: str) -> RequestTopic:
    """Return the topic that the request names, and how it did."""
    if not known.topics:
        return RequestTopic(0, "No post or task is recorded, so nothing is known of any topic.")
    commonest = sorted(known.topics, key=lambda topic: (-topic.posts - topic.tasks, topic.name))[:_MOST_TOPICS]
    name = _named(request, [topic.name for topic in commonest])
    if not name:
        return RequestTopic(0, "The request names no topic that the company has worked on before.")
    topic = next(each for each in commonest if each.name == name)
    counted = [each.views for each in known.topics if each.views is not None]
    posts = sum(each.n for each in counted)
    usual = sum(each.n * each.mean for each in counted) / posts if posts else 0.0
    ratio = round(topic.views.mean / usual, 3) if topic.views and usual else None
    n = topic.views.n if topic.views else 0
    return RequestTopic(n, _topic_note(topic, ratio, posts), name, ratio, posts, topic)


def _topic_note(topic: Topic, ratio: float | None, posts: int) -> str:
    said = [f"Topic “{topic.name}”: {plural(topic.views.n if topic.views else 0, 'post')}"]
    if topic.views:
        said.append(f"{topic.views.mean:,.0f} views on average")
    if ratio is not None:
        said.append(f"{ratio:.2f} times the average of all {posts:,} posts that have a topic")
    if topic.engagement:
        said.append(f"engagement {topic.engagement.shown('.1%')}")
    if topic.conversions:
        said.append(f"conversions {topic.conversions.shown('.1f')}")
    if topic.quality:
        said.append(f"{plural(topic.quality.n, 'finished task')} with quality {topic.quality.mean:.2f}")
    if (trend := topic.trend) and trend.low is not None and trend.high is not None and trend.low * trend.high > 0:
        said.append(f"its engagement {'rises' if trend.slope > 0 else 'falls'} by {abs(trend.slope):.2%} a month")
    return f"{', '.join(said)}."


def _named(request: str, topics: Sequence[str]) -> str:
    """Return the longest topic that stands in the request word for word, or else one whose words all occur in it."""
    said = [name for name in topics if holds(request, name)]
    if said:
        return max(said, key=len)
    stems = {stem(word) for word in words_of(request)}
    near = [name for name in topics if (its := {stem(word) for word in words_of(name)}) and its <= stems]
    return max(near, key=len, default="")


def platforms_named(connection: Connection, request: str) -> tuple[str, ...]:
    """Return the platforms the company has published on that the request names."""
    return tuple(name for name in platform_names(connection) if holds(request, name))


def baselines(known: Sequence[Platform], asked: tuple[str, ...]) -> Platforms:
    """How posts did on each platform."""
    items = tuple(
        Baseline(
            each.name,
            each.views.n,
            round(each.views.mean, 1),
            None if each.engagement is None else round(each.engagement.mean, 4),
            each.median_views,
            each.views.low,
            each.views.high,
        )
        for each in known
        if each.views
    )[:_PLATFORMS_KEPT]
    if not items:
        return Platforms(0, "No post with counted views is recorded, so there is no baseline of any platform.", asked)
    about = [item for item in items if item.name in asked] or list(items)
    said = "; ".join(f"{item.name} {item.views:,.0f} views on average (n {item.n})" for item in about)
    return Platforms(sum(item.n for item in items), f"{said}.", asked, items)


def business(found: Correlations) -> Business:
    """Return the figures that clearly go with content, the surest first."""
    months = max((each.n for each in found.found), default=0)
    items = tuple(
        Together(
            each.business,
            each.content,
            each.lag,
            each.n,
            round(each.pearson.value, 3),
            round(each.pearson.low, 3),
            round(each.pearson.high, 3),
            each.sentence,
        )
        for each in found.clear[:_CORRELATIONS_KEPT]
    )
    if not months:
        return Business(0, found.note)
    clear = len(found.clear)
    said = f"{plural(clear, 'pair')} of figures and content {'moves' if clear == 1 else 'move'} together clearly."
    return Business(
        months, f"{said if clear else 'No figure moves clearly with content.'} {found.note}", found.tried, items
    )
