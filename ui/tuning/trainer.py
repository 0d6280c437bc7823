"""The trainer's environment on the card of local training: what there is, the choice of device, how far installing is.

Installing is a matter of the server: it goes on when the browser is closed.
"""

from typing import Literal

import streamlit as st

from core.settings import get_settings
from core.tuning.providers.local.training import environment, installation
from core.tuning.providers.local.training.installation import INSTALLATION, Device
from ui.parts import messages, modals
from ui.parts.formatting import plain
from ui.tuning import reads

EVERY_S = 2
_DEVICES: dict[Device, str] = {"cpu": "Processor (CPU)", "cuda": "NVIDIA graphics card (CUDA)"}
_SIZES: dict[Device, str] = {"cpu": "about 1.5 GB on disk", "cuda": "several GB on disk"}


def offer(*, width: Literal["content", "stretch"] = "stretch") -> None:
    """Nothing where it is ready, or where a Python of one's own is named instead."""
    if is_installing():
        _installing()
    elif get_settings().trainer_python is None and environment.status(get_settings()).state != "ready":
        _choose(width)


def is_installing() -> bool:
    """Here, or in another process."""
    return INSTALLATION.is_running or environment.status(get_settings()).state == "installing"


def _choose(width: Literal["content", "stretch"]) -> None:
    if INSTALLATION.error:
        st.error(plain(f"Installing did not succeed. {INSTALLATION.error}"), icon=":material/error:")
    with modals.popover("Install the trainer", key="tuning_trainer", icon=":material/download:", width=width):
        device = st.radio(
            "Train on", list(_DEVICES), key="tuning_device", format_func=_DEVICES.__getitem__, persist_state="session"
        )
        st.caption(
            f"Downloads the trainer's own Python packages into the data folder: {_SIZES[device]}. "
            "It takes some minutes, and goes on when the browser is closed."
        )
        st.button(
            "Try again" if INSTALLATION.error else "Install it now",
            key="tuning_install",
            type="primary",
            icon=":material/download:",
            width="stretch",
            on_click=_begin,
            args=(device,),
        )


def _begin(device: Device) -> None:
    modals.close_popovers()
    messages.attempt(lambda: installation.INSTALLATION.start(get_settings(), device))


@st.fragment(run_every=EVERY_S)
def _installing() -> None:
    progress = environment.status(get_settings()).progress
    if not is_installing():
        reads.forget()
        st.rerun()
    said = "Installing the trainer. " + (progress.sentence if progress else "It begins.")
    st.progress(min(max(progress.share if progress else 0.0, 0.0), 1.0), plain(said))
    st.caption("You may close the browser: it goes on, and you find it here.")
