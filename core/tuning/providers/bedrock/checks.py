"""What stands in the way of a customisation at Bedrock, in words."""

import re
from collections.abc import Iterator

from core.errors import TuningRefused
from core.settings import Settings
from core.tuning.providers import catalogue, limits, pricing
from core.tuning.providers.bedrock import discovery, families
from core.tuning.providers.bedrock.access import Amazon, AwsRefused, NoAnswer, Unreachable, is_installed
from core.tuning.providers.data import DataFacts
from core.tuning.providers.protocol import CheckReport, Estimate, Obstacle, Spec

_ROLE = re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")


def check(spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
    """Everything that stands in the way. What the account may customise is asked with `live`, and nowhere else."""
    if not is_installed():
        missing = Obstacle(
            "package_missing", "Amazon's SDK for Python is not installed.", "Install it: pip install boto3"
        )
        return CheckReport((missing,), Estimate(None, None, None, None, "Nothing is known before it is installed."))
    found = [*_places(settings), *_method(spec)]
    discovered = list(_discovery(spec.base_model, settings, live=live)) if settings.aws_region else []
    found += discovered
    # What AWS lists as alive is alive, whatever was once read of its dates.
    is_alive = bool(settings.aws_region) and not discovered
    listed = catalogue.base("bedrock", spec.base_model)
    family = families.of(spec.base_model)
    data = data.as_sent(families.form(family))
    dated = ("past_its_date", "closing")
    found += [each for each in limits.obstacles(listed, data) if not is_alive or each.code not in dated]
    chosen: dict[str, str] = {}
    try:
        chosen = families.hyperparameters(family, spec.settings) if family else {}
    except TuningRefused as refused:
        found.append(Obstacle("setting_wrong", str(refused), "Change the setting."))
    if live and settings.bedrock_bucket and settings.aws_region:
        found += _bucket(settings)
    epochs = int(chosen.get("epochCount", 2))
    price = pricing.price(None, "bedrock", spec.base_model)
    low, high = pricing.range_usd(data.tokens_train, epochs, epochs, price.usd_per_million)
    estimated = Estimate(
        data.tokens_train * epochs,
        low,
        high,
        None,
        f"{data.tokens_train:,} tokens, counted with another tokenizer, times {epochs} epochs; price: {price.source}. "
        "AWS does not say afterwards how many tokens it charged.",
    )
    if estimated.cost_high is None:
        found.append(
            Obstacle(
                "price_unknown",
                f"The price of training {spec.base_model} is not known, so nobody can say what it will cost.",
                "Enter the price of a million training tokens from AWS's price page of Bedrock.",
                blocks=False,
            )
        )
    return CheckReport(tuple(found), estimated, data)


def _places(settings: Settings) -> Iterator[Obstacle]:
    for value, name, what in (
        (settings.aws_region, "AWS_REGION", "the region of the account"),
        (settings.bedrock_bucket, "WHETSTONE_S3_BUCKET", "the bucket for the training files"),
        (
            settings.bedrock_role,
            "WHETSTONE_BEDROCK_ROLE_ARN",
            "the role Bedrock assumes for the bucket",
        ),
    ):
        if not value:
            yield Obstacle("not_reachable", f"{name} is not set.", f"Set {name} ({what}).")
    if settings.bedrock_role and not _ROLE.fullmatch(settings.bedrock_role):
        yield Obstacle(
            "not_reachable",
            "WHETSTONE_BEDROCK_ROLE_ARN is no address of a role.",
            "Set one such as arn:aws:iam::123456789012:role/whetstone.",
        )


def _method(spec: Spec) -> Iterator[Obstacle]:
    if spec.method != "sft":
        yield Obstacle("method_not_offered", f"Bedrock is not asked for {spec.method} here.", "Choose sft.")


def _discovery(base: str, settings: Settings, *, live: bool) -> Iterator[Obstacle]:
    """One sentence, unless AWS itself said that the account may customise the base."""
    amazon = Amazon.of(settings)
    try:
        found = discovery.ask(amazon) if live else discovery.kept(amazon)
    except AwsRefused as refused:
        if refused.is_forbidden:
            code = "key_missing" if refused.code == "no_credentials" else "key_refused"
            yield Obstacle(
                code, str(refused), "Set credentials that may call bedrock:ListFoundationModels, as for the AWS CLI."
            )
        else:
            yield Obstacle("not_eligible", str(refused), "Check AWS_REGION; not every region has Bedrock.")
        return
    except (NoAnswer, Unreachable) as error:
        yield Obstacle(
            "not_reachable", str(error), "Check AWS_REGION, the connection, and AWS_ENDPOINT_URL if it is set."
        )
        return
    if found is None:
        yield Obstacle(
            "not_eligible",
            f"Whether your AWS account may customise {base} is not known before AWS was asked.",
            "Run the live check.",
        )
    elif base not in found.bases:
        yield _not_listed(base, found, settings.aws_region or "")


def _not_listed(base: str, found: discovery.DiscoveredBases, region: str) -> Obstacle:
    if base in found.others:
        return Obstacle(
            "method_not_offered",
            f"AWS lists {base} as customisable, but which form its data must have is not known here.",
            "Choose a Claude or Nova base.",
        )
    offered = ", ".join(found.bases) or "none that is known here"
    return Obstacle(
        "not_eligible",
        f"Your AWS account does not list {base} as active and customisable in {region}; it lists: {offered}.",
        "Choose one of those, or another provider.",
    )


def _bucket(settings: Settings) -> Iterator[Obstacle]:
    try:
        with Amazon.of(settings).spoken("s3") as client:
            client.head_bucket(Bucket=settings.bedrock_bucket)
    except (AwsRefused, NoAnswer, Unreachable) as error:
        yield Obstacle(
            "not_reachable",
            f"The bucket {settings.bedrock_bucket} cannot be used. {error}",
            "Check WHETSTONE_S3_BUCKET, its region, and that the credentials may use it.",
        )
