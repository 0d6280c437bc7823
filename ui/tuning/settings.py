"""The settings of a job, drawn from what a provider says can be set: label, explanation, default and limits of each."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.tuning.providers.protocol import ProviderId, Setting
from ui.parts.formatting import plain

_PREFIX = "tuning_set_"


def draw(provider: ProviderId, settings: Sequence[Setting]) -> Mapping[str, Any]:
    """Every setting with its value, by name."""
    plain = [each for each in settings if not each.is_advanced]
    advanced = [each for each in settings if each.is_advanced]
    values = _grid(provider, plain)
    if advanced:
        with st.expander(_more(provider, advanced), icon=":material/tune:", key="tuning_advanced"):
            values |= _grid(provider, advanced)
    changed = [each.label for each in settings if values[each.name] != each.default]
    if changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Changed: {', '.join(changed)}.", width="content")
            st.button(
                "Back to the defaults",
                key="tuning_defaults",
                type="tertiary",
                icon=":material/restart_alt:",
                on_click=_reset,
                args=(provider, settings),
            )
    elif settings:
        st.caption("All as recommended.")
    return {each.name: values[each.name] for each in settings}


def key(provider: ProviderId, setting: Setting) -> str:
    """One for each form of a setting: another base may have another default, which then holds."""
    form = repr((setting.kind, setting.default, setting.least, setting.most, setting.choices))
    digest = hashlib.blake2b(form.encode(), digest_size=4).hexdigest()
    return f"{_PREFIX}{provider}_{setting.name}_{digest}"


def put(provider: ProviderId, settings: Sequence[Setting], values: Mapping[str, Any]) -> None:
    """Take over the values of a job for the widgets of the next run; what no longer fits stays as recommended."""
    for setting in settings:
        value = values.get(setting.name, setting.default)
        if value == setting.default or not fits(setting, value):
            st.session_state.pop(key(provider, setting), None)
        else:
            st.session_state[key(provider, setting)] = value


def fits(setting: Setting, value: Any) -> bool:
    if setting.kind == "choice":
        return value in setting.choices
    if setting.kind in ("integer", "number"):
        least = -math.inf if setting.least is None else setting.least
        most = math.inf if setting.most is None else setting.most
        return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
    return isinstance(value, bool if setting.kind == "boolean" else str)


def _reset(provider: ProviderId, settings: Sequence[Setting]) -> None:
    for setting in settings:
        st.session_state.pop(key(provider, setting), None)


def _more(provider: ProviderId, advanced: Sequence[Setting]) -> str:
    changed = sum(st.session_state.get(key(provider, each), each.default) != each.default for each in advanced)
    return f"{len(advanced)} more settings" + (f", {changed} changed" if changed else "")


def _grid(provider: ProviderId, settings: Sequence[Setting]) -> dict[str, Any]:
    values = {}
    with st.grid(3, min_column_width=220, vertical_alignment="top"):
        for setting in settings:
            with st.container(gap="xxsmall"):
                values[setting.name] = _one(setting, key(provider, setting))
                st.caption(plain(explained(setting)))
    return values


def _one(setting: Setting, widget: str) -> Any:
    if setting.kind == "boolean":
        return st.toggle(setting.label, bool(setting.default), key=widget, persist_state="session")
    if setting.kind == "choice":
        options = list(setting.choices)
        index = options.index(setting.default) if setting.default in options else None
        return st.selectbox(setting.label, options, index, key=widget, format_func=str, persist_state="session")
    if setting.kind == "text":
        return st.text_input(setting.label, setting.default or "", key=widget, persist_state="session")
    return _number(setting, widget)


def _number(setting: Setting, widget: str) -> Any:
    """An empty field is the default where that is no number, or a choice beside numbers: `auto` is the provider's."""
    whole = setting.kind == "integer"
    cast = int if whole else float
    numeric = isinstance(setting.default, (int, float))
    value = st.number_input(
        setting.label,
        value=cast(setting.default) if numeric else None,
        min_value=None if setting.least is None else cast(setting.least),
        max_value=None if setting.most is None else cast(setting.most),
        step=1 if whole else step(setting),
        format="%d" if whole else "%g",
        placeholder="" if numeric else str(setting.default or "automatic"),
        key=widget,
        persist_state="session",
    )
    if value is None:
        return setting.choices[0] if numeric and setting.choices else setting.default
    return value


def step(setting: Setting) -> float:
    """A tenth of the size of the default, so that a learning rate of 0.0002 moves by 0.0001."""
    if not isinstance(setting.default, (int, float)) or not setting.default:
        return 0.1
    return 10.0 ** (math.floor(math.log10(abs(setting.default))) - (0 if abs(setting.default) < 0.1 else 1))


def explained(setting: Setting) -> str:
    """What it does, and what is recommended."""
    default = {True: "on", False: "off", None: "automatic", "": "empty"}.get(setting.default, setting.default)
    if isinstance(setting.default, (int, float)) and not isinstance(setting.default, bool):
        default = f"{setting.default:,g}" if abs(setting.default) < 1_000_000 else f"{setting.default:,}"
    return f"{setting.explained.rstrip('.')}. Default: {default}."
