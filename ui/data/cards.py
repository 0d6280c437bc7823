"""The numbers on top of the data page, each with its change against the period before."""

import streamlit as st

from core.examples.statistics import PERIOD, Statistics
from ui.parts.formatting import percent, score

_AGAINST = f"Change: the last {PERIOD} days against the {PERIOD} days before."


def draw(numbers: Statistics) -> None:
    new, in_filter = numbers.total_by_week[-1], numbers.new_this_week
    quality, success = numbers.quality_change, numbers.success_change
    with st.grid(5, min_column_width=150, gap="xsmall", key="data_cards"):
        st.metric(
            "Examples",
            f"{numbers.total:,}",
            f"+{new:,} new" if new else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Everything in this workspace that is not withdrawn, whatever its tags. New: of the last seven days.",
        )
        st.metric(
            "In this filter",
            f"{numbers.filtered:,}",
            f"+{in_filter:,} new" if in_filter else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="What the filter below chooses. New: of the last seven days.",
        )
        st.metric(
            "Quality (0–1)",
            score(numbers.average_quality),
            None if quality is None or abs(quality) < 0.005 else f"{quality:+.2f}",
            border=True,
            help=f"Average over the {numbers.scored:,} that have a score. {_AGAINST}",
        )
        st.metric(
            "Success rate",
            percent(numbers.success_rate),
            None if success is None or abs(success) < 0.005 else f"{success * 100:+.0f} pts",
            border=True,
            help=f"Of those whose outcome is known. {_AGAINST}",
        )
        nothing = bool(numbers.filtered) and not numbers.trainable
        st.metric(
            "Trainable",
            f"{numbers.trainable:,}",
            "nothing to learn here" if nothing else f"of {numbers.filtered:,}",
            delta_color="inverse" if nothing else "off",
            delta_arrow="off",
            border=True,
            help="Of this filter: what holds something a model could learn, in its plan or in its result.",
        )
