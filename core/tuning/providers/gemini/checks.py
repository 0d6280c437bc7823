"""What stands in the way of a job at Google Cloud: project, region, bucket, credentials, dates, sizes."""

import datetime as dt
from collections.abc import Iterator

from core.llm import google_cloud
from core.settings import Settings
from core.tuning.providers import catalogue, hosted, limits
from core.tuning.providers.catalogue import BaseFacts
from core.tuning.providers.data import DataFacts, Form
from core.tuning.providers.gemini import bucket as gemini_bucket
from core.tuning.providers.gemini.access import TITLE, missing_settings, place, query_client
from core.tuning.providers.protocol import CheckReport, NotSubmitted, Obstacle, ProviderTrouble, Setting, Spec

FORM = Form("gemini")
EPOCHS = 3
#: By the SDK's words for them; auto: Google chooses.
ADAPTERS = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO"}
_WHAT = {
    "GOOGLE_CLOUD_PROJECT": "the project that runs and pays for tuning",
    "GOOGLE_CLOUD_LOCATION": "the region of the project, such as us-central1",
    "WHETSTONE_GCS_BUCKET": "the bucket for the training files",
}


def offered() -> tuple[Setting, ...]:
    """Return what can be chosen."""
    return (
        Setting(
            "epoch_count",
            "Epochs",
            "How often the model sees every example; more is not always better, and costs more.",
            EPOCHS,
            "integer",
            least=1,
            most=100,
        ),
        Setting(
            "use_validation",
            "Use the validation split",
            "Measures the loss on records it does not train on.",
            True,
            "boolean",
        ),
        Setting(
            "learning_rate_multiplier",
            "Learning rate multiplier",
            "How much each batch changes the model, beside Google's own rate.",
            "auto",
            "number",
            least=0.001,
            most=100,
            choices=("auto",),
            is_advanced=True,
        ),
        Setting(
            "adapter_size",
            "Adapter size",
            "More room for what is learned; large ones want many examples.",
            "auto",
            "choice",
            choices=("auto", *ADAPTERS),
            is_advanced=True,
        ),
        Setting(
            "export_last_checkpoint_only",
            "Only the last checkpoint",
            "Otherwise every epoch leaves a checkpoint that can be asked too.",
            False,
            "boolean",
            is_advanced=True,
        ),
    )


def check(
    spec: Spec, data: DataFacts, settings: Settings, *, live: bool, today: dt.date, timeout_s: float
) -> CheckReport:
    """Everything that stands in the way, and what the job will take."""
    base = catalogue.base("gemini", spec.base_model)
    data = data.as_sent(FORM, hosted.splits_of(spec))
    found = [*_place(settings), *_method(spec, base), *limits.obstacles(base, data, today)]
    epochs = int(spec.settings.get("epoch_count", EPOCHS))
    expected = hosted.estimate("gemini", spec.base_model, data, epochs, epochs)
    if expected.cost_high is None:
        found.append(hosted.price_unknown(base.title if base else spec.base_model))
    if live and not missing_settings(settings):
        found += [*_project(settings, timeout_s), *_bucket(settings, timeout_s)]
    elif not google_cloud.have_file():
        found.append(
            Obstacle(
                "key_missing",
                "No file with credentials for Google Cloud was found on this machine. A machine of Google's own needs "
                "none.",
                "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
                blocks=False,
            )
        )
    return CheckReport(tuple(found), expected, data)


def _place(settings: Settings) -> Iterator[Obstacle]:
    missing = missing_settings(settings)
    if missing and settings.gemini_api_key is not None:
        yield Obstacle(
            "key_missing",
            "GEMINI_API_KEY is a key of Google AI Studio, which tunes no models since 2025-05. Gemini is tuned on "
            "Google Cloud alone, where no key opens it.",
            f"Set {', '.join(missing)} and log in with `gcloud auth application-default login`, or train locally.",
        )
        return
    for name in missing:
        yield Obstacle("key_missing", f"{name} is not set.", f"Set {name} ({_WHAT[name]}).")


def _method(spec: Spec, base: BaseFacts | None) -> Iterator[Obstacle]:
    if spec.method != "sft" or (base is not None and spec.method not in base.methods):
        yield Obstacle(
            "method_not_offered",
            f"Gemini is tuned here by supervised tuning alone, not by {spec.method!r}.",
            "Choose supervised tuning (sft).",
        )


def _project(settings: Settings, timeout_s: float) -> Iterator[Obstacle]:
    """Without the list of jobs a lost answer could never be cleared up, so that is what is tried."""
    where = place(settings)
    try:
        with query_client(settings, timeout_s) as client:
            client.tunings.list(config={"page_size": 1})
    except ProviderTrouble as trouble:
        yield Obstacle(
            "not_reachable",
            f"Project {where.project} cannot be used in {where.location}. {str(trouble).removesuffix(hosted.LATER)}",
            "Check GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION, the credentials (`gcloud auth application-default "
            f"login`), and that {TITLE} (aiplatform.googleapis.com) is enabled in the project.",
        )


def _bucket(settings: Settings, timeout_s: float) -> Iterator[Obstacle]:
    try:
        lacking = gemini_bucket.missing_rights(settings, timeout_s)
    except NotSubmitted as error:
        yield Obstacle("not_reachable", str(error), error.advice)
        return
    if lacking:
        bucket = place(settings).bucket
        yield Obstacle(
            "not_reachable",
            f"Bucket {bucket}: this account lacks {' and '.join(lacking)}.",
            f"Give it the role roles/storage.objectUser in the bucket {bucket}.",
        )
