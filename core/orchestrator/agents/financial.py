"""The financial agent: trend, growth, cost of acquisition against lifetime value, forecast.

Each result names its formula and the months it rests on. A figure that is not recorded is not guessed.
"""

from collections.abc import Mapping
from typing import Any

from core import history
from core.history import PeriodValue, amount
from core.orchestrator.agents import series
from core.orchestrator.agents.tasks import Action, Findings, Task
from core.orchestrator.material.wording import plural
from core.orchestrator.plans import ActionShape

_METRIC = {"type": "string", "minLength": 1, "maxLength": 80, "description": "The figure, such as revenue or cash."}


def _months(most: int, default: int, description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default, "description": description}


def _payload(required: list[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SHAPE = {
    "trend": ActionShape(
        "Says how one figure moved over the last months, and by how much a month.",
        _payload(["metric"], metric=_METRIC, months=_months(60, 6, "Months to look back.")),
        {"metric": "revenue", "months": 6},
    ),
    "growth": ActionShape(
        "Growth of one figure: against the month before, a month on average, and against a year ago.",
        _payload(["metric"], metric=_METRIC, months=_months(60, 6, "Months for the average.")),
        {"metric": "customers", "months": 6},
    ),
    "acquisition_cost": ActionShape(
        "What a new customer costs (CAC), against what a customer brings (LTV).",
        _payload([], months=_months(60, 3, "Months to take together.")),
        {"months": 3},
    ),
    "forecast": ActionShape(
        "One figure some months ahead, with a 95 % interval; with `spend`, also what would be left of it.",
        _payload(
            ["metric"],
            metric=_METRIC,
            months=_months(24, 6, "Months ahead."),
            spend={"type": "number", "minimum": 0, "description": "A sum to be taken from it once."},
        ),
        {"metric": "cash", "months": 6, "spend": 2500},
    ),
}


def trend(task: Task) -> Findings:
    """Least squares over the last months: the slope is the change a month."""
    name, points, findings = _read(task, least=2)
    if not points:
        return findings
    last, currency = points[-int(task.payload.get("months", 6)) :], points[-1].currency
    if len(last) < 2:
        last = points[-2:]
    line = series.line([point.value for point in last])
    change = last[-1].value / last[0].value - 1 if last[0].value else None
    word = "rising" if line.slope > 0 else "falling" if line.slope < 0 else "level"
    said = "" if change is None else f", {change:+.1%} in all"
    findings.text = (
        f"{_title(name)}: {word}, from {amount(last[0].value, currency)} in {last[0].month} to "
        f"{amount(last[-1].value, currency)} in {last[-1].month}{said}, {_signed(line.slope, currency)} a month "
        f"(least squares over n {len(last)} months)."
    )
    findings.data |= {"slope_per_month": line.slope, "change": change, "values": _values(last)}
    findings.n = len(last)
    return findings


def growth(task: Task) -> Findings:
    """Month over month; compound monthly rate (last / first) ** (1 / (n - 1)) - 1; year over year."""
    name, points, findings = _read(task, least=2)
    if not points:
        return findings
    months = int(task.payload.get("months", 6))
    last = points[-(months + 1) :]
    month = _rate(points[-1].value, points[-2].value)
    compound = series.compound_rate(last[0].value, last[-1].value, len(last) - 1)
    ago = next((point for point in points if point.is_year_before(points[-1])), None)
    year = _rate(points[-1].value, ago.value) if ago else None
    said = [f"{_title(name)} in {points[-1].month}: {amount(points[-1].value, points[-1].currency)}"]
    said += [f"{month:+.1%} against {points[-2].month}"] if month is not None else []
    said += [f"{compound:+.2%} a month over {plural(len(last) - 1, 'month')}"] if compound is not None else []
    said += [f"{year:+.1%} against a year ago"] if year is not None else []
    if compound is None:
        findings.missing.append(f"{_title(name)} was not above zero throughout, so no compound rate can be given.")
    if ago is None:
        findings.missing.append(f"{_title(name)} of {points[-1].month} a year ago is not recorded.")
    findings.text = f"{', '.join(said)}. Compound rate: (last ÷ first)^(1 ÷ months) − 1."
    findings.data |= {"month": month, "compound_month": compound, "year": year, "values": _values(last)}
    findings.n = len(last)
    return findings


#: Where the formulas are from.
_SAAS = "CAC = advertising ÷ new customers; LTV = revenue per customer ÷ monthly churn (Skok, SaaS Metrics 2.0)"
_NEEDED = ("ad_spend", "new_customers", "revenue", "customers", "churn_rate")


def acquisition_cost(task: Task) -> Findings:
    """CAC = ad spend / new customers. LTV = revenue per customer × gross margin / churn, each over the same months.

    Without a recorded `gross_margin` LTV is given on revenue: an upper bound, and called one.
    """
    every = history.series(task.db, (*_NEEDED, "gross_margin"), as_of=task.as_of)
    absent = [name for name in _NEEDED if not every.get(name)]
    if absent:
        sentence = f"Not recorded: {', '.join(absent)}. Cost of acquisition and lifetime value cannot be computed."
        return Findings(sentence, {}, 0, [sentence])
    months = series.common(every, _NEEDED)[-int(task.payload.get("months", 3)) :]
    if not months:
        sentence = "No month has all of the figures that cost of acquisition and lifetime value need."
        return Findings(sentence, {}, 0, [sentence])
    total = {name: sum(series.value_at(every[name], month) for month in months) for name in _NEEDED}
    recorded = {point.start: point.value for point in every.get("gross_margin", ())}
    margins = [recorded[month] for month in months if month in recorded]
    margin = sum(margins) / len(margins) if len(margins) == len(months) else None
    revenue_each = total["revenue"] / total["customers"] if total["customers"] else None
    churn = total["churn_rate"] / len(months)
    currency = every["revenue"][-1].currency
    findings = Findings("", {"months": [f"{month:%Y-%m}" for month in months], "formula": _SAAS}, len(months))
    cac = total["ad_spend"] / total["new_customers"] if total["new_customers"] else None
    if cac is None:
        findings.missing.append("No new customer was recorded in these months, so there is no cost of acquiring one.")
    ltv = revenue_each * (1 if margin is None else margin) / churn if revenue_each is not None and churn > 0 else None
    if ltv is None:
        findings.missing.append("Nobody cancelled in these months (or there were no customers): no lifetime value.")
    if margin is None:
        findings.missing.append("No gross margin is recorded: lifetime value is on revenue, an upper bound.")
    findings.data |= {
        "cac": cac,
        "ltv": ltv,
        "ltv_to_cac": ltv / cac if cac and ltv is not None else None,
        "payback_months": cac / (revenue_each * (margin or 1)) if cac is not None and revenue_each else None,
        "revenue_per_customer": revenue_each,
        "monthly_churn": churn,
        "gross_margin": margin,
    }
    findings.text = _customer_sentence(findings.data, currency, months)
    return findings


def _customer_sentence(data: Mapping[str, Any], currency: str, months: list[Any]) -> str:
    span = f"{months[0]:%B %Y}" + (f" to {months[-1]:%B %Y}" if len(months) > 1 else "")
    said = []
    if data["cac"] is not None:
        said.append(f"a new customer cost {amount(data['cac'], currency)} of advertising")
    if data["ltv"] is not None:
        bound = "at most " if data["gross_margin"] is None else ""
        said.append(f"a customer brings {bound}{amount(data['ltv'], currency)} before cancelling")
    if data["ltv_to_cac"] is not None:
        said.append(
            f"that is {data['ltv_to_cac']:.1f} times the cost, paid back in {data['payback_months']:.1f} months"
        )
    return f"{span}: {', '.join(said) or 'neither cost nor value can be given'}. {_SAAS}."


def forecast(task: Task) -> Findings:
    """Return a straight line by least squares, and the 95 % prediction interval around it."""
    name, points, findings = _read(task, least=4)
    if not points:
        return findings
    used, ahead, currency = points[-24:], int(task.payload.get("months", 6)), points[-1].currency
    values = [point.value for point in used]
    predicted = [series.predict(values, step) for step in range(1, ahead + 1)]
    last, spend = predicted[-1], task.payload.get("spend")
    findings.text = (
        f"{_title(name)} in {plural(ahead, 'month')} from {used[-1].month}: {amount(last.value, currency)}, "
        f"95 % interval {amount(last.low, currency)} to {amount(last.high, currency)} (straight line by least squares "
        f"over n {len(used)} months; interval ŷ ± t·s·√(1 + 1/n + (x − x̄)²/Sxx), which takes errors as independent)."
    )
    if spend is not None:
        findings.text += (
            f" With {amount(spend, currency)} spent once, the same estimate is {amount(last.value - spend, currency)}, "
            f"95 % interval {amount(last.low - spend, currency)} to {amount(last.high - spend, currency)}."
        )
    findings.data |= {
        "forecast": [{"months_ahead": step, **vars(each)} for step, each in enumerate(predicted, start=1)],
        "spend": spend,
        "last": used[-1].value,
    }
    findings.n = len(used)
    return findings


ACTIONS: dict[str, Action] = {
    "trend": trend,
    "growth": growth,
    "acquisition_cost": acquisition_cost,
    "forecast": forecast,
}


def _read(task: Task, *, least: int) -> tuple[str, list[PeriodValue], Findings]:
    """Return the series the payload names; without enough months an empty one, and findings that say so."""
    name = str(task.payload["metric"]).strip().lower().replace(" ", "_")
    points = history.series(task.db, (name,), as_of=task.as_of).get(name, [])
    if len(points) >= least:
        return name, points, Findings("", {"metric": name, "currency": points[-1].currency}, len(points))
    known = history.figure_names(task.db, as_of=task.as_of)
    there = f"recorded are {', '.join(known)}" if known else "no figure is recorded at all"
    sentence = (
        f"{_title(name)} is recorded for {plural(len(points), 'month')} by {task.as_of:%Y-%m-%d}; at least {least} are "
        f"needed ({there})."
    )
    return name, [], Findings(sentence, {"metric": name}, len(points), [sentence])


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _rate(now: float, before: float) -> float | None:
    return now / before - 1 if before else None


def _signed(value: float, currency: str) -> str:
    text = amount(round(value, 4), currency)
    return text if text.startswith("-") else f"+{text}"


def _values(points: list[PeriodValue]) -> list[dict[str, Any]]:
    return [{"month": f"{point.start:%Y-%m}", "value": point.value} for point in points]
