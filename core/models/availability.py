"""Whether a model would answer, and what to do where it would not."""

import datetime as dt

from core import llm
from core.errors import ConfigurationError, ModelRefused
from core.models import records
from core.models.records import Model


def refuse_not_callable(model: Model, *, today: dt.date | None = None) -> None:
    """Check that a model answers. Raises `ModelRefused` for one that would give no answer, with what to do about it."""
    records.refuse_archived(model)
    if model.is_past(today):
        raise ModelRefused(
            f"{model.name} is past its last day ({model.shutdown_date}): its provider lets it answer no more. "
            "Train one on a newer base, or choose another model."
        )
    if model.serving != "ready":
        raise ModelRefused(f"{model.name} {_UNSERVED[model.serving]}")
    if not model.call_name:
        raise ModelRefused(f"{model.name} has no name that it could be called by. Serve it first.")
    try:
        llm.Model.parse(model.call_name)
    except ConfigurationError as error:
        raise ModelRefused(f"{model.name} cannot be called: {error}") from None


_UNSERVED = {
    "none": "is trained, but nothing serves it yet. Serve it first.",
    "deploying": "is being made ready. Wait until it is, and deploy it then.",
    "failed": "could not be served; see the reason at the model. Serve it again first.",
    "deleting": "is being taken out of service. Serve it again once that is done, or choose another model.",
    "deleted": "is not served any more. Serve it again first, or choose another model.",
}


def why_not(model: Model, *, today: dt.date | None = None) -> str:
    """Why the model would give no answer, and what to do; "" where it would."""
    try:
        refuse_not_callable(model, today=today)
    except ModelRefused as refusal:
        return str(refusal)
    return ""
