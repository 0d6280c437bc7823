"""The tab Topics: how work on each topic did, with interval and n, and whether its engagement rises or falls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.db import Database
from core.history.effectiveness import Topic
from core.history.estimates import Estimate, Trend
from ui.insights import charts, empty, labels, reads
from ui.parts import charts as parts
from ui.parts.formatting import count
from ui.parts.tables import height

#: So many dots are drawn; the table has all.
_DRAWN = 20


@dataclass(frozen=True)
class Measure:
    """What a topic is compared by: its words, how it is written, and where it stands in a topic."""

    title: str
    axis: str
    form: str
    of: Callable[[Topic], Estimate | None]


MEASURES = {
    "engagement": Measure("Engagement", "answers per view", ".2%", lambda topic: topic.engagement),
    "views": Measure("Views", "views of a post", ",.0f", lambda topic: topic.views),
    "conversions": Measure("Conversions", "conversions on a post's page", ",.1f", lambda topic: topic.conversions),
    "quality": Measure("Quality", "quality of a task", ".2f", lambda topic: topic.quality),
}

#: A grid's own format for each of these, and what a value is multiplied by for it.
_FORMATS = {".2%": ("%.2f %%", 100.0), ",.0f": ("%.0f", 1.0), ",.1f": ("%.1f", 1.0), ".2f": ("%.2f", 1.0)}


def draw(db: Database) -> None:
    found = reads.topics(db)
    if not found.topics:
        empty.draw(
            f"{found.note} This tab will show how posts and tasks on each topic did, how sure that is, and which way "
            "it goes. It rests on the company's history, which is imported.",
            icon=":material/topic:",
        )
        return
    measure = _measure(found.topics)
    if found.note:
        st.info(found.note, icon=":material/data_alert:")
    known = sorted(
        ((topic, estimate) for topic in found.topics if (estimate := measure.of(topic)) is not None),
        key=lambda pair: -pair[1].value,
    )
    with st.container(border=True, key="insights_topics"):
        parts.draw(
            charts.dots(
                [charts.Dot(topic.name, estimate) for topic, estimate in known[:_DRAWN]],
                f"{measure.title} by topic (hollow: under 30 rows)",
                measure.axis,
                measure.form,
            ),
            key="chart_topics",
            alt=f"{measure.title} of each topic with its 95 % interval, the best on top; hollow under 30 rows.",
        )
    more = f" The best {_DRAWN} of {len(known):,} are drawn." if len(known) > _DRAWN else ""
    st.caption(
        f"{count(found.posts, 'post')} and {count(found.tasks, 'task')}. A topic with few rows is drawn towards "
        f"the mean of all topics, the more so the fewer it has.{more}"
    )
    _table(found.topics, measure)


def _measure(found: Sequence[Topic]) -> Measure:
    """Only what was measured of some topic can be chosen."""
    there = [name for name, each in MEASURES.items() if any(each.of(topic) is not None for topic in found)]
    if not there:
        return MEASURES["engagement"]
    chosen = st.segmented_control(
        "Compared by",
        there,
        default=there[0],
        required=True,
        key="topic_measure",
        format_func=lambda name: MEASURES[name].title,
        persist_state="session",
    )
    return MEASURES[chosen if chosen in there else there[0]]


def _table(found: Sequence[Topic], measure: Measure) -> None:
    estimates = [measure.of(topic) for topic in found]
    form, factor = _FORMATS[measure.form]
    frame = pd.DataFrame(
        {
            "topic": [topic.name for topic in found],
            "value": pd.Series([each.value * factor if each else None for each in estimates], dtype="float64"),
            "interval": [labels.interval(each, measure.form) for each in estimates],
            "n": pd.Series([each.n if each else None for each in estimates], dtype="Int64"),
            "few": [labels.few(each.n if each else None) for each in estimates],
            "mean": pd.Series([each.mean * factor if each else None for each in estimates], dtype="float64"),
            "trend": [trend(topic.trend) for topic in found],
            "posts": [topic.posts for topic in found],
            "tasks": [topic.tasks for topic in found],
        }
    ).sort_values("value", ascending=False, kind="stable")
    config = st.column_config
    st.dataframe(
        frame,
        key="topic_table",
        hide_index=True,
        height=height(len(frame), 480),
        placeholder="–",
        column_config={
            "topic": config.TextColumn("Topic", width=190),
            "value": config.NumberColumn(measure.title, format=form, width=96),
            "interval": config.TextColumn("95 % interval", width=140),
            "n": config.NumberColumn("n", format="localized", width=60),
            "few": config.TextColumn("Few", width=76, help="A figure that rests on fewer than 30 rows can say little."),
            "mean": config.NumberColumn("Its own mean", format=form, width=100, help="Of its own rows alone."),
            "trend": config.TextColumn(
                "Engagement, a month", width=230, help="The slope of a line through its posts, in points a month."
            ),
            "posts": config.NumberColumn("Posts", format="localized", width=64),
            "tasks": config.NumberColumn("Tasks", format="localized", width=64),
        },
        alt="Topics: estimate, interval, n, mark for few, own mean, trend a month, posts, tasks.",
    )


def trend(found: Trend | None) -> str | None:
    """Which way engagement goes, in points a month, as far as the interval can tell."""
    if found is None:
        return None
    few = f", {labels.FEW_MARK} posts" if labels.few(found.n) else ""
    if found.low is None or found.high is None:
        return f"not known{few}"
    way = "▲ rises" if found.low > 0 else "▼ falls" if found.high < 0 else "no trend shown:"
    return f"{way} {100 * found.slope:+.2f} ({100 * found.low:+.2f} to {100 * found.high:+.2f}){few}"
