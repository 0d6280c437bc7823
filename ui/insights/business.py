"""The tab Business: which figures go together with content, at which lag, and two series over the same months."""

import html
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.db import Database
from core.history import FEW
from core.history.correlation import LAGS, NOT_A_CAUSE, Correlation, Correlations, Of, later
from core.history.estimates import Coefficient
from ui.insights import charts, empty, labels, reads
from ui.parts import charts as parts
from ui.parts.formatting import count, shortened
from ui.parts.tables import height

_OF: dict[Of, str] = {"changes": "Changes from month to month", "values": "Values"}


def draw(db: Database) -> None:
    chosen = st.segmented_control(
        "Compared",
        list(_OF),
        default="changes",
        required=True,
        key="business_of",
        format_func=_OF.__getitem__,
        persist_state="session",
        help="Two series that both grow agree without any connection, and their changes do not.",
    )
    of: Of = "values" if chosen == "values" else "changes"
    found = reads.correlations(db, of)
    if not found.found:
        empty.draw(
            f"{found.note} This tab will set each figure of the business against posts, views, engagement, quality and "
            f"visits, month by month and up to three months apart. It rests on the company's history.",
            icon=":material/finance:",
        )
        _left_out(found)
        return
    rest = " ".join(found.note.replace(NOT_A_CAUSE, "").split())
    st.info(f"**{NOT_A_CAUSE}** {rest}", icon=":material/info:")
    st.text(f"{len(found.clear):,} of {count(len(found.found), 'pair and lag', 'pairs and lags')} are clear.")
    figure = _map(found)
    _side_by_side(db, found, figure)
    _table(found)
    _left_out(found)


def _map(found: Correlations) -> str:
    """One figure against every measure of content at every lag; the figure that was chosen."""
    names = list(dict.fromkeys(each.business for each in found.found))
    figure = st.selectbox("Figure of the business", names, key="business_figure", format_func=_short, width=360)
    figure = figure if figure in names else names[0]
    with st.container(border=True, key="insights_correlations"):
        parts.draw(
            charts.heat(_cells(found, figure), f"Correlation (r) with {parts.label(figure, 40)}",
                        "months later than the content"),
            key="chart_correlations",
            alt="Correlation of the figure with each measure of content at lags of −3 to +3 months, with n on hover.",
        )  # fmt: skip
    drawn = [each for each in found.found if each.business == figure]
    few = f"every cell rests on fewer than {FEW} months" if _all_few(drawn) else f"* rests on fewer than {FEW} months"
    st.caption(f"★ is clear after the correction for all that was tried; {few}. Empty: too few months in common.")
    return figure


def _cells(found: Correlations, figure: str) -> charts.Cells:
    of_figure = {(each.content, each.lag): each for each in found.found if each.business == figure}
    content = sorted({name for name, _ in of_figure})
    marked = not _all_few(list(of_figure.values()))
    grid = [[of_figure.get((name, lag)) for lag in LAGS] for name in content]
    return charts.Cells(
        rows=content,
        columns=[f"{lag:+d}" if lag else "same" for lag in LAGS],
        values=[[each.pearson.value if each else None for each in row] for row in grid],
        texts=[[_cell(each, marked) if each else "" for each in row] for row in grid],
        hovers=[[_hover(each) if each else "" for each in row] for row in grid],
        middle=0.0,
        reach=1.0,
    )


def _all_few(shown: Sequence[Correlation]) -> bool:
    """Then one sentence says it better than a mark in every cell."""
    return all(each.n < FEW for each in shown)


def _cell(each: Correlation, marked: bool) -> str:
    """`.62`: a narrow map has no room for more."""
    value = f"{each.pearson.value:.2f}".replace("0.", ".")
    return f"{value}{'★' if each.is_clear else ''}{'*' if marked and each.n < FEW else ''}"


def _hover(each: Correlation) -> str:
    few = f", {labels.FEW_MARK}" if each.n < FEW else ""
    lines = (
        f"{each.content}, {_lag(each.lag)}",
        f"r {_interval(each.pearson)}",
        f"ρ {_interval(each.spearman)}",
        f"n {each.n} months{few}; {'clear' if each.is_clear else 'not clear'}",
    )
    return "<br>".join(html.escape(line) for line in lines)


def _interval(of: Coefficient) -> str:
    return f"{of.value:+.2f} ({of.low:+.2f} to {of.high:+.2f})"


def _lag(lag: int) -> str:
    if not lag:
        return "same month"
    return f"figure {count(abs(lag), 'month')} {'later' if lag > 0 else 'earlier'}"


def _short(name: str) -> str:
    return shortened(name, 60)


def _side_by_side(db: Database, found: Correlations, figure: str) -> None:
    """Both series as they were recorded; the figure is moved by the lag."""
    surest = next(each for each in found.found if each.business == figure)
    names = sorted({each.content for each in found.found if each.business == figure})
    st.subheader("Two series side by side", anchor=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        content = st.selectbox("Content", names, index=names.index(surest.content), key="business_content", width=260)
        lag = st.select_slider(
            "Months by which the figure is later", list(LAGS), value=surest.lag, key="business_lag", width=300
        )
    content = content if content in names else surest.content
    series = reads.monthly(db)
    measured, figures = series.content.get(content, {}), series.business.get(figure, {})
    moved = {later(month, -lag): value for month, value in figures.items()}
    months = [month for month in sorted(measured) if month in moved]
    if not months:
        st.info("No month has both at this lag.")
        return
    with st.container(border=True, key="insights_series"):
        parts.draw(
            charts.two_series(
                charts.Line(content, months, [measured[month] for month in months]),
                charts.Line(f"{figure}, {_lag(lag)}", months, [moved[month] for month in months]),
            ),
            key="chart_series",
            alt=f"The content of {len(months)} months above, and the figure of the business, moved by the lag, below.",
        )
    chosen = [each for each in found.found if (each.business, each.content, each.lag) == (figure, content, lag)]
    if chosen:
        st.text(chosen[0].sentence)
    else:
        st.text(f"{count(len(months), 'month')} with both show nothing.")
    st.caption(f"Drawn are the values of {count(len(months), 'month')}; the sentence is about {_OF[found.of].lower()}.")


def _table(found: Correlations) -> None:
    rows: Sequence[Correlation] = found.found
    with st.expander(
        f"All {len(rows):,} pairs and lags, the surest first", icon=":material/table:", key="insights_all"
    ):
        config = st.column_config
        st.dataframe(
            pd.DataFrame(
                {
                    "business": [each.business for each in rows],
                    "content": [each.content for each in rows],
                    "lag": [each.lag for each in rows],
                    "clear": ["★ clear" if each.is_clear else "" for each in rows],
                    "n": [each.n for each in rows],
                    "few": [labels.few(each.n) for each in rows],
                    "pearson": [_interval(each.pearson) for each in rows],
                    "spearman": [_interval(each.spearman) for each in rows],
                    "p": [labels.probability(max(each.pearson.corrected, each.spearman.corrected)) for each in rows],
                }
            ),
            key="business_table",
            hide_index=True,
            height=height(len(rows), 420),
            placeholder="–",
            column_config={
                "business": config.TextColumn("Figure", width=190),
                "content": config.TextColumn("Content", width=170),
                "lag": config.NumberColumn("Lag", format="%+d", width=56, help="Months by which the figure is later."),
                "clear": config.TextColumn("", width=72),
                "n": config.NumberColumn("n", width=50, help="Months that have both."),
                "few": config.TextColumn("Few", width=76),
                "pearson": config.TextColumn("r (95 %)", width=170, help="Pearson's coefficient."),
                "spearman": config.TextColumn("ρ (95 %)", width=170, help="Spearman's coefficient, of the ranks."),
                "p": config.TextColumn("p, corrected", width=96, help="The larger one of both coefficients."),
            },
            alt="Figure, content, lag, whether clear, n, mark for few, both coefficients with interval, corrected p.",
        )


def _left_out(found: Correlations) -> None:
    if not found.left_out:
        return
    with st.expander(f"Left out ({len(found.left_out):,})", icon=":material/rule:", key="insights_left_out"):
        st.dataframe(
            pd.DataFrame(list(found.left_out.items()), columns=["pair", "why"]),
            key="business_left_out",
            hide_index=True,
            height=height(len(found.left_out), 300),
            column_config={
                "pair": st.column_config.TextColumn("Pair", width=320),
                "why": st.column_config.TextColumn("Why", width=420),
            },
            alt="Pairs that could not be compared, each with the reason.",
        )
