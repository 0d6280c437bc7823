"""The Python that has the trainer's packages."""

from collections.abc import Iterator

from core.settings import Settings
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.training import environment
from core.tuning.providers.protocol import NotSubmitted, Obstacle

_INSTALL = "Run `python -m core trainer install`, or press Install the trainer."


def python(settings: Settings) -> str:
    """Its path. Raises `NotSubmitted` where there is none."""
    found = environment.status(settings)
    if found.python is None:
        is_coming = found.state == "installing"
        raise NotSubmitted(found.sentence, code="no_trainer", advice=_INSTALL, passing=is_coming)
    return str(found.python)


def obstacles(settings: Settings, chosen: Chosen) -> Iterator[Obstacle]:
    """Yield what is wrong with it, and whether it is for what was chosen."""
    found = environment.status(settings)
    if found.state == "installing":
        yield Obstacle("no_trainer", f"The trainer is being installed: {found.sentence}", "Wait until that is done.")
    elif found.state == "missing":  # the status names the command, too, and the remedy says it
        yield Obstacle("no_trainer", "The trainer is not installed.", _INSTALL)
    elif found.state == "broken":
        yield Obstacle("no_trainer", found.sentence, _INSTALL)
    elif found.state == "outdated":  # it can still train what it was made for
        yield Obstacle("no_trainer", found.sentence, _INSTALL, blocks=False)
    if chosen.runner == "machine" and chosen.device == "cuda" and found.device == "cpu":
        yield Obstacle(
            "setting_wrong",
            "The device is CUDA, and the trainer was installed for the CPU.",
            "Choose the CPU, or run `python -m core trainer install --device cuda`.",
        )
