"""The month's budget, and prices that are used instead of the catalogue's. Both with a reason, for the record."""

from decimal import Decimal

import streamlit as st

from core.db import Database
from core.errors import ConfigurationError
from core.tuning import budget
from core.tuning.budget import Budget
from core.tuning.providers import catalogue, pricing
from core.tuning.providers.protocol import ProviderId
from ui.parts import messages, session
from ui.parts.formatting import plain
from ui.tuning import labels, reads


def draw(db: Database) -> None:
    """The part Costs: the limit of the month beside the prices that estimates are made with."""
    left, right = st.columns(2, gap="large")
    with left.container(border=True, key="tuning_costs_budget", height="stretch"):
        _budget(db, budget.budget(db))
    with right.container(border=True, key="tuning_costs_prices", height="stretch"):
        _prices(db)


def _budget(db: Database, found: Budget) -> None:
    st.markdown("**Monthly budget**")
    limit = ", no limit set" if found.monthly_usd is None else f" of {labels.money(found.monthly_usd)}"
    set_aside = f", {labels.money(found.reserved_usd)} reserved for open jobs" if found.reserved_usd else ""
    st.text(f"Spent this month: {labels.money(found.spent_usd)}{limit}{set_aside}.")
    st.caption("Jobs over the remaining budget need a second confirmation. Running jobs continue.")
    with st.form("tuning_budget_form", border=False):
        value = None if found.monthly_usd is None else float(found.monthly_usd)
        usd = st.number_input(
            "US dollars per month",
            0.0,
            10_000_000.0,
            value,
            step=10.0,
            format="%.2f",
            key=f"tuning_budget_{value}",
            placeholder="empty: no limit",
        )
        reason = st.text_input("Why (kept on record)", key="tuning_budget_reason", max_chars=500)
        if st.form_submit_button("Save the budget", key="tuning_budget_save", icon=":material/save:"):
            messages.attempt(lambda: _save_budget(db, usd, reason.strip()))
            st.rerun()


def _save_budget(db: Database, usd: float | None, reason: str) -> None:
    _need(reason)
    wanted = None if usd is None else Decimal(f"{usd:.2f}")
    changed = budget.set_budget(db, wanted, actor=session.actor(), reason=reason)
    said = "There is no limit from now on." if wanted is None else f"The budget is {labels.money(wanted)} a month."
    messages.done(said if changed else "Nothing was changed.")


def _prices(db: Database) -> None:
    st.markdown("**Base model prices**")
    bases: list[tuple[ProviderId, str]] = [(each.provider, each.name) for each in catalogue.catalogue().bases]
    own = pricing.overrides(db)
    known = {f"{provider}/{name}" for provider, name in bases}
    bases += [_split(name) for name in own if name not in known]
    number = st.selectbox(
        "Base model", range(len(bases)), key="tuning_price_base", format_func=lambda at: _title(bases[at])
    )
    provider, base = bases[number]
    price = pricing.price(db, provider, base)
    shown = "not known" if price.usd_per_million is None else f"${price.usd_per_million:f} per million training tokens"
    st.caption(plain(f"Now: {shown} ({price.source})."))
    with st.form(f"tuning_price_form_{provider}_{base}", border=False):
        value = None if price.usd_per_million is None else float(price.usd_per_million)
        usd = st.number_input(
            "US dollars per million training tokens",
            0.0,
            1_000_000.0,
            value,
            step=1.0,
            format="%.4f",
            key=f"tuning_price_{provider}_{base}_{value}",
            placeholder="not known",
        )
        reason = st.text_input(
            "Why (kept on record)", key="tuning_price_reason", max_chars=500, placeholder="where you read it"
        )
        with st.container(horizontal=True):
            save = st.form_submit_button("Use this price", key="tuning_price_save", icon=":material/save:")
            back = (
                st.form_submit_button("Back to the list price", key="tuning_price_back", icon=":material/restart_alt:")
                if price.is_override
                else False
            )
    if save or back:
        messages.attempt(lambda: _save_price(db, provider, base, None if back else usd, reason.strip(), back=back))
        st.rerun()


def _save_price(db: Database, provider: ProviderId, base: str, usd: float | None, reason: str, *, back: bool) -> None:
    _need(reason)
    if usd is None and not back:
        raise ConfigurationError("Write the price in US dollars per million training tokens.")
    wanted = None if usd is None else Decimal(str(usd))
    changed = pricing.set_price(db, provider, base, wanted, actor=session.actor(), reason=reason)
    reads.forget()
    what = "the list price" if back else f"${wanted:f} per million training tokens"
    messages.done(f"{base} is reckoned with {what} from now on." if changed else "Nothing was changed.")


def _need(reason: str) -> None:
    if not reason:
        raise ConfigurationError("Say in a few words why: it is kept on record. Nothing was changed.")


def _title(base: tuple[ProviderId, str]) -> str:
    return f"{labels.short(base[0])}: {labels.base(*base).partition(' · ')[0]}"


def _split(name: str) -> tuple[ProviderId, str]:
    provider, _, base = name.partition("/")
    return provider, base  # pyright: ignore[reportReturnType]
