"""The Python that has the trainer's packages."""

from core.settings import Settings
from core.tuning.protocol import NotSubmitted, Obstacle


def python(settings: Settings) -> str:
    """Its path. Raises `NotSubmitted` where there is none."""
    missing = obstacle(settings)
    if missing is not None:
        raise NotSubmitted(missing.sentence, code="no_trainer", advice=missing.remedy)
    return str(settings.trainer_python)


def obstacle(settings: Settings) -> Obstacle | None:
    """What is wrong with it, or None."""
    if settings.trainer_python is None:
        return Obstacle(
            "no_trainer", "The trainer's environment is not there.", "Run `python -m core trainer install`."
        )
    if not settings.trainer_python.exists():
        return Obstacle(
            "no_trainer",
            f"WHETSTONE_TRAINER_PYTHON is {settings.trainer_python}, which is not there.",
            "Correct it, or unset it and run `python -m core trainer install`.",
        )
    return None
