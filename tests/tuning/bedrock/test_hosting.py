"""What an account may customise, and hosting: against answers in the form that the service's own description gives."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")
pytest.importorskip("moto.server")


from core.tuning.providers import catalogue
from core.tuning.providers.bedrock import access, discovery, families
from core.tuning.providers.bedrock.access import Amazon
from core.tuning.providers.bedrock.adapter import PROVIDER
from core.tuning.providers.protocol import CheckReport, ModelView, NotSubmitted, ProviderTrouble, Spec
from tests.tuning.bedrock import cloud
from tests.tuning.bedrock.cloud import Door, Stubbed

NOW = dt.datetime.now(dt.UTC)
MODEL_ARN = f"arn:aws:bedrock:{cloud.REGION}:{cloud.ACCOUNT}:custom-model/amazon.nova-micro-v1:0/abcdefghij01"
CLAUDE_ARN = f"arn:aws:bedrock:{cloud.REGION}:{cloud.ACCOUNT}:custom-model/anthropic.claude-3-haiku/abcdefghij02"
DEPLOYMENT = f"arn:aws:bedrock:{cloud.REGION}:{cloud.ACCOUNT}:custom-model-deployment/abcdefghij03"
PROVISIONED = f"arn:aws:bedrock:{cloud.REGION}:{cloud.ACCOUNT}:provisioned-model/abcdefghij04"


def listed(model_id: str, status: str = "ACTIVE", end: dt.datetime | None = None) -> dict[str, Any]:
    cycle: dict[str, Any] = {"status": status, **({"endOfLifeTime": end} if end else {})}
    arn = f"arn:aws:bedrock:{cloud.REGION}::foundation-model/{model_id}"
    return {"modelArn": arn, "modelId": model_id, "modelLifecycle": cycle}


def check(
    base: str = cloud.NOVA,
    *,
    live: bool = True,
    method: Any = "sft",
    wished: Mapping[str, Any] | None = None,
    **settings: Any,
) -> CheckReport:
    given = cloud.settings_at(None, **settings)
    return PROVIDER.check(Spec("bedrock", base, method, wished or {}), cloud.facts(), given, live=live)


def blocking(checked: CheckReport) -> list[str]:
    return [each.code for each in checked.obstacles if each.blocks]


def lists(stubbed: Stubbed, *models: dict[str, Any]) -> None:
    stubbed.answer("list_foundation_models", {"modelSummaries": list(models)}, {"byCustomizationType": "FINE_TUNING"})
    stubbed.answer("head_bucket", {}, {"Bucket": cloud.BUCKET})


def test_what_the_account_lists_as_alive_can_start(stubbed: Stubbed) -> None:
    lists(stubbed, listed(cloud.NOVA), listed("meta.llama3-1-8b-instruct-v1:0:128k"))
    checked = check()
    assert blocking(checked) == []
    assert [each.code for each in checked.obstacles] == ["price_unknown"]
    assert checked.estimate.tokens == 400 * 2
    # What was answered is used again without asking, and names the bases to choose from.
    assert blocking(check(live=False)) == []
    assert PROVIDER.bases(cloud.settings_at(None)) == (cloud.NOVA,)
    assert stubbed.used == ["list_foundation_models", "head_bucket"]


@pytest.mark.parametrize(
    "model",
    [
        listed(cloud.NOVA, "LEGACY"),
        listed(cloud.NOVA, end=NOW - dt.timedelta(days=1)),
        {key: value for key, value in listed(cloud.NOVA).items() if key != "modelLifecycle"},
        listed("amazon.nova-lite-v1:0:300k"),
    ],
)
def test_what_is_not_listed_as_alive_cannot(stubbed: Stubbed, model: dict[str, Any]) -> None:
    lists(stubbed, model)
    checked = check()
    assert blocking(checked) == ["not_eligible"]
    (obstacle,) = (each for each in checked.obstacles if each.blocks)
    assert f"does not list {cloud.NOVA} as active and customisable" in obstacle.sentence


def test_without_a_live_answer_nothing_can_start(stubbed: Stubbed) -> None:
    checked = check(live=False)
    assert blocking(checked) == ["not_eligible"]
    assert any("before AWS was asked" in each.sentence for each in checked.obstacles)
    assert stubbed.used == []
    assert PROVIDER.bases(cloud.settings_at(None)) == [each.name for each in catalogue.bases("bedrock")]


def test_an_answer_is_kept_for_ten_minutes(stubbed: Stubbed) -> None:
    lists(stubbed, listed(cloud.NOVA))
    amazon = Amazon(cloud.REGION)
    discovery.ask(amazon, clock=lambda: 1_000.0)
    assert discovery.kept(amazon, clock=lambda: 1_599.0) is not None
    assert discovery.kept(amazon, clock=lambda: 1_601.0) is None
    assert discovery.kept(Amazon("eu-central-1"), clock=lambda: 1_000.0) is None


def test_a_model_whose_form_of_data_is_not_known_is_not_offered(stubbed: Stubbed) -> None:
    llama = "meta.llama3-1-8b-instruct-v1:0:128k"
    lists(stubbed, listed(llama))
    assert blocking(check(llama)) == ["method_not_offered"]
    assert PROVIDER.settings_for(llama, "sft") == ()


def test_the_dates_of_the_catalogue_give_way_to_what_aws_lists(stubbed: Stubbed) -> None:
    haiku = "anthropic.claude-3-haiku-20240307-v1:0"
    lists(stubbed, listed(haiku))
    assert blocking(check(haiku)) == []
    discovery.forget()
    lists(stubbed)
    assert blocking(check(haiku)) == ["not_eligible", "past_its_date"]


@pytest.mark.parametrize(
    ("code", "status", "found"),
    [
        ("AccessDeniedException", 403, "key_refused"),
        ("UnrecognizedClientException", 403, "key_refused"),
        ("ValidationException", 400, "not_eligible"),
        ("InternalServerException", 500, "not_reachable"),
    ],
)
def test_what_aws_says_to_the_question_is_an_obstacle(stubbed: Stubbed, code: str, status: int, found: str) -> None:
    stubbed.refuse("list_foundation_models", code, status)
    stubbed.answer("head_bucket", {})
    assert blocking(check()) == [found]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AWS_REGION": None}, "AWS_REGION"),
        ({"WHETSTONE_S3_BUCKET": None}, "WHETSTONE_S3_BUCKET"),
        ({"WHETSTONE_BEDROCK_ROLE_ARN": None}, "WHETSTONE_BEDROCK_ROLE_ARN"),
        ({"WHETSTONE_BEDROCK_ROLE_ARN": "role"}, "arn:aws:iam"),
    ],
)
def test_a_setting_that_is_missing_is_named(settings: dict[str, Any], said: str) -> None:
    checked = check(live=False, **settings)
    assert any(each.blocks and said in each.remedy for each in checked.obstacles)


def test_without_the_sdk_the_first_thing_to_do_is_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(access.importlib.util, "find_spec", lambda _: None)
    checked = check()
    assert blocking(checked) == ["package_missing"]
    assert "pip install boto3" in checked.obstacles[0].remedy
    assert PROVIDER.bases(cloud.settings_at(None))
    with pytest.raises(NotSubmitted, match="not installed"):
        PROVIDER.upload(cloud.job(tmp_path, "http://127.0.0.1:9"), lambda *_: None)


@pytest.mark.parametrize(
    "wished", [{"epochs": 0}, {"epochs": 6}, {"epochs": 1.5}, {"learning_rate": True}, {"temperature": 1}]
)
def test_settings_that_aws_does_not_take_are_named(stubbed: Stubbed, wished: dict[str, Any]) -> None:
    lists(stubbed, listed(cloud.NOVA))
    assert blocking(check(wished=wished)) == ["setting_wrong"]


def test_settings_become_text_as_aws_takes_it() -> None:
    nova = families.of(cloud.NOVA)
    assert nova is not None
    found = families.hyperparameters(nova, {"learning_rate": 2e-6, "epochs": 1.0})
    assert found == {"epochCount": "1", "learningRate": "0.000002", "learningRateWarmupSteps": "10"}
    arn = f"arn:aws:bedrock:us-west-2::foundation-model/{cloud.CLAUDE}"
    assert families.of(arn) == families.of(cloud.CLAUDE)


def test_a_bucket_that_cannot_be_used_is_said(door: Door) -> None:
    checked = PROVIDER.check(
        Spec("bedrock", cloud.NOVA, "sft", {}),
        cloud.facts(),
        cloud.settings_at(door.url, WHETSTONE_S3_BUCKET="another-bucket"),
        live=True,
    )
    assert any("another-bucket" in each.sentence and each.code == "not_reachable" for each in checked.obstacles)


# Hosting


def model(tmp_path: Path, arn: str = MODEL_ARN, base: str = cloud.NOVA) -> ModelView:
    artefact = {"kind": "bedrock_model", "name": "plans", "arn": arn}
    return ModelView(7, "Plans v1", "tuned", base, "", {}, [artefact], {}, None, tmp_path, cloud.settings_at(None))


def deployed(status: str = "Creating", **more: Any) -> dict[str, Any]:
    return {
        "customModelDeploymentArn": DEPLOYMENT,
        "modelDeploymentName": "x",
        "modelArn": MODEL_ARN,
        "createdAt": NOW,
        "status": status,
        **more,
    }


def provisioned(status: str = "Creating", **more: Any) -> dict[str, Any]:
    return {
        "modelUnits": 1,
        "desiredModelUnits": 1,
        "provisionedModelName": "x",
        "provisionedModelArn": PROVISIONED,
        "modelArn": CLAUDE_ARN,
        "desiredModelArn": CLAUDE_ARN,
        "foundationModelArn": f"arn:aws:bedrock:{cloud.REGION}::foundation-model/anthropic.claude-3-haiku",
        "status": status,
        "creationTime": NOW,
        "lastModifiedTime": NOW,
        **more,
    }


@pytest.mark.parametrize(
    ("arn", "base", "words"),
    [(MODEL_ARN, cloud.NOVA, "charges what is asked"), (CLAUDE_ARN, cloud.CLAUDE, "by the hour")],
)
def test_hosting_is_refused_until_its_cost_was_confirmed(
    stubbed: Stubbed, tmp_path: Path, arn: str, base: str, words: str
) -> None:
    with pytest.raises(NotSubmitted, match=words) as refusal:
        PROVIDER.serve(model(tmp_path, arn, base))
    assert refusal.value.code == "hourly"
    assert "does not put questions to models at Bedrock itself" in str(refusal.value)
    assert stubbed.used == []


def test_a_nova_is_deployed_answers_and_is_ended(stubbed: Stubbed, tmp_path: Path) -> None:
    view = model(tmp_path)
    name = "Plans-v1-" + clients_mark(MODEL_ARN)
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    stubbed.answer(
        "create_custom_model_deployment",
        {"customModelDeploymentArn": DEPLOYMENT},
        {"modelDeploymentName": name, "modelArn": MODEL_ARN},
    )
    served = PROVIDER.serve(view, confirmed_hourly=True)
    assert (served.state, served.call_name) == ("deploying", "")

    view = replace(view, serving_remote=served.remote)
    stubbed.answer("get_custom_model_deployment", deployed(), {"customModelDeploymentIdentifier": name})
    assert PROVIDER.serving(view).state == "deploying"
    stubbed.answer("get_custom_model_deployment", deployed("Active"))
    served = PROVIDER.serving(view)
    assert (served.state, served.call_name, served.remote["arn"]) == ("ready", "", DEPLOYMENT)

    view = replace(view, serving_remote=served.remote)
    stubbed.answer("delete_custom_model_deployment", {}, {"customModelDeploymentIdentifier": name})
    served = PROVIDER.unserve(view)
    assert served.state == "deleting"
    view = replace(view, serving_remote=served.remote)
    stubbed.answer("get_custom_model_deployment", deployed("Active"))
    assert PROVIDER.serving(view).state == "deleting"
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    assert PROVIDER.serving(view).state == "deleted"


def test_a_claude_gets_throughput_without_a_commitment_and_loses_it(stubbed: Stubbed, tmp_path: Path) -> None:
    view = model(tmp_path, CLAUDE_ARN, cloud.CLAUDE)
    name = "Plans-v1-" + clients_mark(CLAUDE_ARN)
    stubbed.refuse("get_provisioned_model_throughput", "ResourceNotFoundException", 404)
    stubbed.answer(
        "create_provisioned_model_throughput",
        {"provisionedModelArn": PROVISIONED},
        {"modelUnits": 1, "provisionedModelName": name, "modelId": CLAUDE_ARN},
    )
    served = PROVIDER.serve(view, confirmed_hourly=True)
    assert served.state == "deploying"
    stubbed.answer("get_provisioned_model_throughput", provisioned("InService"))
    served = PROVIDER.serving(replace(view, serving_remote=served.remote))
    assert (served.state, served.call_name, served.remote["arn"]) == ("ready", "", PROVISIONED)
    stubbed.answer("delete_provisioned_model_throughput", {}, {"provisionedModelId": name})
    assert PROVIDER.unserve(replace(view, serving_remote=served.remote)).state == "deleting"


def test_what_runs_already_is_not_begun_again(stubbed: Stubbed, tmp_path: Path) -> None:
    stubbed.answer("get_custom_model_deployment", deployed("Active"))
    assert PROVIDER.serve(model(tmp_path), confirmed_hourly=True).state == "ready"
    assert stubbed.used == ["get_custom_model_deployment"]


def test_a_lost_reply_to_hosting_is_told_by_its_name_afterwards(stubbed: Stubbed, tmp_path: Path) -> None:
    view = model(tmp_path)
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    stubbed.refuse("create_custom_model_deployment", "InternalServerException", 500)
    served = PROVIDER.serve(view, confirmed_hourly=True)
    assert served.state == "deploying"
    stubbed.answer("get_custom_model_deployment", deployed())
    assert PROVIDER.serving(replace(view, serving_remote=served.remote)).state == "deploying"
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    served = PROVIDER.serving(replace(view, serving_remote=served.remote))
    assert served.state == "failed"
    assert "nothing under this name" in served.error


def test_a_refusal_of_hosting_is_awss_own(stubbed: Stubbed, tmp_path: Path) -> None:
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    stubbed.refuse("create_custom_model_deployment", "ServiceQuotaExceededException")
    with pytest.raises(NotSubmitted, match="ServiceQuotaExceededException"):
        PROVIDER.serve(model(tmp_path), confirmed_hourly=True)


def test_failures_and_strange_words_of_hosting(stubbed: Stubbed, tmp_path: Path) -> None:
    view = model(tmp_path)
    stubbed.answer("get_custom_model_deployment", deployed("Failed", failureMessage="No room."))
    served = PROVIDER.serving(view)
    assert (served.state, served.error) == ("failed", "No room.")
    stubbed.answer("get_custom_model_deployment", deployed("Active", failureMessage="Leave me."))
    assert PROVIDER.serving(view).error == ""
    stubbed.refuse("get_custom_model_deployment", "ThrottlingException", 429)
    with pytest.raises(ProviderTrouble):
        PROVIDER.serving(view)
    stubbed.refuse("delete_custom_model_deployment", "ResourceNotFoundException", 404)
    assert PROVIDER.unserve(view).state == "deleted"
    stubbed.refuse("delete_custom_model_deployment", "ConflictException")
    with pytest.raises(ProviderTrouble):
        PROVIDER.unserve(view)


def test_a_long_name_stays_one_that_aws_takes(stubbed: Stubbed, tmp_path: Path) -> None:
    stubbed.refuse("get_custom_model_deployment", "ResourceNotFoundException", 404)
    stubbed.answer("create_custom_model_deployment", {"customModelDeploymentArn": DEPLOYMENT})
    served = PROVIDER.serve(replace(model(tmp_path), name="Ünï  côde/" * 20), confirmed_hourly=True)
    assert len(served.remote["name"]) <= 63


def clients_mark(arn: str) -> str:
    import hashlib

    return hashlib.sha256(arn.encode()).hexdigest()[:12]
