"""Hosting: what makes a customised model answer, and costs until it is ended.

Its name is made of the model's, so that asking twice begins it once, and it is found by that name when a reply was
lost.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from core.tuning.providers.bedrock import families, shapes
from core.tuning.providers.bedrock.access import Amazon, AwsRefused, NoAnswer, Unreachable
from core.tuning.providers.bedrock.families import Hosting
from core.tuning.providers.protocol import ModelView, NotSubmitted, ProviderTrouble, ServingStatus

_STATES = {"Creating": "deploying", "InService": "ready", "Active": "ready", "Updating": "ready", "Failed": "failed"}
_LONGEST_NAME = 63
_BY_WHOM = (
    "Whetstone does not put questions to models at Bedrock itself; applications of your own can, by the address (ARN) "
    "of what is hosted."
)


def words_for(base_model: str) -> str:
    """Return what answering with a model on this base costs, and who can ask it."""
    family = families.of(base_model)
    cost = family.hosting_words if family else "Answering needs hosting, which AWS charges."
    return f"{cost} {_BY_WHOM}"


def begin(model: ModelView) -> ServingStatus:
    """Make the model answer. Raises `NotSubmitted`; of a lost reply `state` tells."""
    arn, remote = _arn(model), _remote(model)
    amazon = Amazon.of(model.settings, remote["region"])
    there = state(model, remote)
    if there.state in ("deploying", "ready"):
        return there
    operation, method, request = _creation(remote, arn)
    try:
        with amazon.spoken("bedrock") as client:
            if wrong := shapes.violations(client, operation, request):
                raise NotSubmitted(" ".join(wrong), code="other")
            getattr(client, method)(**request)
    except AwsRefused as refused:
        if not refused.is_taken:
            raise NotSubmitted(str(refused), code=refused.code, passing=refused.is_busy) from None
    except Unreachable as error:
        raise NotSubmitted(str(error), code="not_reachable", passing=True) from None
    except NoAnswer:
        # It may have begun, and cost: the name tells when it is asked for next.
        pass
    return ServingStatus("deploying", remote=remote)


def state(model: ModelView, remote: Mapping[str, Any] | None = None) -> ServingStatus:
    """How far it is. Raises `ProviderTrouble`."""
    given = dict(remote or model.serving_remote or _remote(model))
    is_ending = bool(given.get("is_ending"))
    try:
        with Amazon.of(model.settings, given["region"]).patient("bedrock") as client:
            answer = _asked(client, given)
    except AwsRefused:  # it is not there
        if is_ending:
            return ServingStatus("deleted", remote=given)
        return ServingStatus("failed", remote=given, error="AWS has nothing under this name that would answer.")
    word = answer["status"]
    if is_ending:
        return ServingStatus("deleting", remote=given)
    now = _STATES.get(word)
    if now is None:
        raise ProviderTrouble(f"AWS says {word!r} of what answers with {model.name}, which is not known here.")
    arn = answer.get("provisionedModelArn") or answer.get("customModelDeploymentArn") or ""
    error = answer.get("failureMessage", "") if now == "failed" else ""
    # No name to call it by: core.llm does not speak to Bedrock, and `words` says so before anything is paid.
    return ServingStatus(now, "", {**given, "arn": arn}, error)  # type: ignore[arg-type]


def end(model: ModelView) -> ServingStatus:
    """End it, and its cost. Raises `ProviderTrouble`."""
    remote = {**(model.serving_remote or _remote(model)), "is_ending": True}
    try:
        with Amazon.of(model.settings, remote["region"]).patient("bedrock") as client:
            if remote["hosting"] == "provisioned":
                client.delete_provisioned_model_throughput(provisionedModelId=remote["name"])
            else:
                client.delete_custom_model_deployment(customModelDeploymentIdentifier=remote["name"])
    except AwsRefused:  # it is not there
        return ServingStatus("deleted", remote=remote)
    return ServingStatus("deleting", remote=remote)


def _asked(client: Any, remote: Mapping[str, Any]) -> Mapping[str, Any]:
    if remote["hosting"] == "provisioned":
        return client.get_provisioned_model_throughput(provisionedModelId=remote["name"])
    return client.get_custom_model_deployment(customModelDeploymentIdentifier=remote["name"])


def _creation(remote: Mapping[str, Any], arn: str) -> tuple[str, str, dict[str, Any]]:
    if remote["hosting"] == "provisioned":
        # Without a commitment: it can be ended at any hour.
        request = {"modelUnits": 1, "provisionedModelName": remote["name"], "modelId": arn}
        return "CreateProvisionedModelThroughput", "create_provisioned_model_throughput", request
    request = {"modelDeploymentName": remote["name"], "modelArn": arn}
    return "CreateCustomModelDeployment", "create_custom_model_deployment", request


def _arn(model: ModelView) -> str:
    for each in model.artefacts:
        if each.get("kind") == "bedrock_model":
            return str(each["arn"])
    raise NotSubmitted(f"{model.name} has no model at Bedrock.", code="other")


def _remote(model: ModelView) -> dict[str, Any]:
    """Return what is needed to find it again. The region is that of the model, whatever the settings say now."""
    arn = _arn(model)
    family = families.of(model.base_model)
    hosting: Hosting = family.hosting if family else "provisioned"
    stem = re.sub(r"[^0-9a-zA-Z]+", "-", model.name).strip("-") or "model"
    mark = hashlib.sha256(arn.encode()).hexdigest()[:12]
    name = f"{stem[: _LONGEST_NAME - len(mark) - 1].rstrip('-')}-{mark}"
    return {"hosting": hosting, "name": name, "region": arn.split(":")[3]}
