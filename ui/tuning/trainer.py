"""The trainer's environment where local training was chosen: what there is, the choice of device, how far it is.

Installing is a matter of the server: it goes on when the browser is closed.
"""

import streamlit as st

from core.settings import get_settings
from core.tuning.providers.local.training import environment, installation
from core.tuning.providers.local.training.installation import INSTALLATION, Device
from ui.parts import messages
from ui.parts.formatting import plain
from ui.tuning import reads

EVERY_S = 2
_DEVICES: dict[Device, str] = {"cpu": "Processor (CPU)", "cuda": "NVIDIA graphics card (CUDA)"}
_SIZES: dict[Device, str] = {"cpu": "about 1.5 GB on disk", "cuda": "several GB on disk"}


def offer() -> None:
    """Nothing where it is ready, or where a Python of one's own is named instead."""
    if is_installing():
        _installing()
    elif is_missing():
        _choose()


def is_missing() -> bool:
    """Whether it has to be installed before anything can be trained here."""
    return get_settings().trainer_python is None and environment.status(get_settings()).state != "ready"


def is_installing() -> bool:
    """Here, or in another process."""
    return INSTALLATION.is_running or environment.status(get_settings()).state == "installing"


def _choose() -> None:
    if INSTALLATION.error:
        st.error(plain(f"Installing did not succeed. {INSTALLATION.error}"), icon=":material/error:")
    with (
        st.container(border=True, key="tuning_trainer", gap="small"),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        device = st.radio(
            "Train on",
            list(_DEVICES),
            key="tuning_device",
            format_func=_DEVICES.__getitem__,
            persist_state="session",
            horizontal=True,
            width="content",
        )
        st.button(
            "Try again" if INSTALLATION.error else "Install the trainer and continue",
            key="tuning_install",
            type="primary",
            icon=":material/download:",
            on_click=_begin,
            args=(device,),
        )
        st.caption(
            f"Once: downloads the trainer's own Python packages into the data folder, {_SIZES[device]}. Some minutes; "
            "meanwhile choose a base below."
        )


def _begin(device: Device) -> None:
    messages.attempt(lambda: installation.INSTALLATION.start(get_settings(), device))


@st.fragment(run_every=EVERY_S)
def _installing() -> None:
    progress = environment.status(get_settings()).progress
    if not is_installing():
        reads.forget()
        st.rerun()
    said = "Installing the trainer. " + (progress.sentence if progress else "It begins.")
    st.progress(min(max(progress.share if progress else 0.0, 0.0), 1.0), plain(said))
    st.caption("You can close the browser; the installation continues.")
