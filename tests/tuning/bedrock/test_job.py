"""The life of a customisation against moto, and one job for one submission whatever becomes of the reply."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("boto3")
pytest.importorskip("moto.server")

from core.errors import TuningRefused
from core.tuning.providers.bedrock import families
from core.tuning.providers.bedrock.access import Amazon
from core.tuning.providers.bedrock.adapter import PROVIDER
from core.tuning.providers.protocol import NotSubmitted, NotThere, ProviderTrouble, SubmitUnknown
from tests.tuning.bedrock import cloud
from tests.tuning.bedrock.cloud import Door, jobs


def stored(door: Door) -> dict[str, bytes]:
    client = Amazon(cloud.REGION, door.url).client("s3")
    names = [each["Key"] for each in client.list_objects_v2(Bucket=cloud.BUCKET).get("Contents", [])]
    return {name: client.get_object(Bucket=cloud.BUCKET, Key=name)["Body"].read() for name in names}


def test_the_whole_life(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url, wished={"epochs": 3}, name="Plans v1")))
    (made,) = jobs().values()
    assert made.job_name == f"whetstone-{cloud.KEY}"
    assert made.client_request_token == cloud.KEY
    assert made.custom_model_name == f"Plans-v1-{cloud.KEY[:12]}"
    assert made.hyper_parameters == {"epochCount": "3", "batchSize": "32", "learningRateMultiplier": "1"}
    assert made.role_arn == cloud.ROLE
    assert made.customization_type == "FINE_TUNING"

    polled = PROVIDER.poll(job)
    assert (polled.state, polled.provider_status, polled.error) == ("running", "InProgress", "")
    made.status = "Completed"
    polled = PROVIDER.poll(job)
    assert polled.state == "trained"
    assert polled.error == ""  # moto fills the failure's message in whatever the state is
    model = PROVIDER.finish(job, lambda *_: None)
    assert (model.kind, model.call_name, model.serving, model.cost_usd) == ("tuned", "", "none", None)
    assert model.artefacts[0]["arn"] == made.output_model_arn
    assert "by the hour" in model.note
    assert (door.posts, len(jobs())) == (1, 1)


def test_data_is_stored_once_under_the_hash_of_its_bytes(door: Door, tmp_path: Path) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    before = stored(door)
    assert len(before) == 2
    for name, data in before.items():
        assert name == f"whetstone/{hashlib.sha256(data).hexdigest()}.jsonl"
    train = before[job.remote["train"].partition(f"{cloud.BUCKET}/")[2]]
    assert train == (tmp_path / "train.jsonl").read_bytes()
    assert cloud.uploaded(cloud.job(tmp_path, door.url)).remote == job.remote
    assert stored(door) == before


def test_novas_lines_have_their_own_form(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url, base=cloud.NOVA, validation=False)))
    (data,) = stored(door).values()
    assert json.loads(data.splitlines()[0]) == {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "You plan."}],
        "messages": [
            {"role": "user", "content": [{"text": "Request 0"}]},
            {"role": "assistant", "content": [{"text": "Plan 0"}]},
        ],
    }
    (made,) = jobs().values()
    assert made.hyper_parameters == {"epochCount": "2", "learningRate": "0.00001", "learningRateWarmupSteps": "10"}
    assert made.validation_data_config is None
    assert "validation" not in job.remote


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([("user", "a"), ("user", "b"), ("assistant", "c")], "do not alternate"),
        ([("assistant", "a"), ("user", "b")], "do not alternate"),
        ([("user", "a"), ("assistant", " ")], "an empty turn"),
        ([], "do not alternate"),
    ],
)
def test_a_line_that_bedrock_would_refuse_is_left_out_and_named(
    door: Door, tmp_path: Path, messages: list[tuple[str, str]], why: str
) -> None:
    bad = json.dumps({"messages": [{"role": role, "content": text} for role, text in messages]})
    for base in (cloud.CLAUDE, cloud.NOVA):
        form = families.form(families.of(base))
        assert form.line is not None
        with pytest.raises(TuningRefused, match=why):
            form.line("train", bad.encode())
    job = cloud.uploaded(cloud.job(tmp_path, door.url, lines=[cloud.line(0), bad, cloud.line(1)], validation=False))
    (data,) = stored(door).values()
    assert data.decode().splitlines() == [cloud.line(0), cloud.line(1)]
    assert "validation" not in job.remote


def test_where_bedrock_takes_no_line_nothing_is_stored_or_sent(door: Door, tmp_path: Path) -> None:
    bad = json.dumps({"messages": []})
    with pytest.raises(NotSubmitted, match="takes none of the training records"):
        cloud.uploaded(cloud.job(tmp_path, door.url, lines=[bad], validation=False))
    assert stored(door) == {}


def test_a_lost_reply_is_one_job_that_is_found_by_its_name(door: Door, tmp_path: Path) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    door.lost = 1
    with pytest.raises(SubmitUnknown, match="may charge"):
        PROVIDER.submit(job)
    assert (door.posts, len(jobs())) == (1, 1)
    found = PROVIDER.find(job)
    assert found is not None
    assert found.remote_id == jobs()[f"whetstone-{cloud.KEY}"].job_arn
    # Even sent again it would be the same job, and AWS's refusal is not taken for "nothing was begun".
    with pytest.raises(SubmitUnknown, match="earlier request"):
        PROVIDER.submit(job)
    assert len(jobs()) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalServerException"), (503, "ServiceUnavailable"), (408, "X")]
)
def test_an_error_of_aws_is_not_known_to_be_a_refusal(door: Door, tmp_path: Path, status: int, code: str) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    door.refusals = [(status, code)]
    with pytest.raises(SubmitUnknown):
        PROVIDER.submit(job)
    assert (door.posts, len(jobs())) == (1, 0)
    with pytest.raises(NotThere, match="no customisation job"):
        PROVIDER.find(job)


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (400, "ValidationException", False),
        (403, "AccessDeniedException", False),
        (404, "ResourceNotFoundException", False),
        (400, "ServiceQuotaExceededException", False),
        (429, "ThrottlingException", True),
    ],
)
def test_a_refusal_is_certain(door: Door, tmp_path: Path, status: int, code: str, passing: bool) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    door.refusals = [(status, code)]
    with pytest.raises(NotSubmitted) as refusal:
        PROVIDER.submit(job)
    assert (refusal.value.code, refusal.value.passing) == (code, passing)
    assert (door.posts, len(jobs())) == (1, 0)


def test_a_connection_that_was_refused_sent_nothing(door: Door, tmp_path: Path) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    away = replace(job, settings=cloud.settings_at("http://127.0.0.1:9"))
    with pytest.raises(NotSubmitted, match="cannot be reached") as refusal:
        PROVIDER.submit(away)
    assert refusal.value.passing
    with pytest.raises(ProviderTrouble):
        PROVIDER.poll(away)
    with pytest.raises(ProviderTrouble):
        PROVIDER.find(away)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"base": "anthropic.Claude 3!"}, "baseModelIdentifier"),
        ({"settings": {"WHETSTONE_BEDROCK_ROLE_ARN": "no role"}}, "roleArn"),
        ({"key": "not a key"}, "jobName"),
    ],
)
def test_names_that_aws_would_refuse_are_never_sent(
    door: Door, tmp_path: Path, changes: dict[str, Any], wrong: str
) -> None:
    given = {**changes, "settings": cloud.settings_at(door.url, **changes.get("settings", {}))}
    job = cloud.uploaded(cloud.job(tmp_path, door.url, **given))
    with pytest.raises(NotSubmitted, match=wrong):
        PROVIDER.submit(job)
    assert door.posts == 0


def test_credentials_of_another_account_do_not_prove_that_there_is_no_job(door: Door, tmp_path: Path) -> None:
    job = cloud.uploaded(cloud.job(tmp_path, door.url))
    assert job.remote["account"] == cloud.ACCOUNT
    with pytest.raises(ProviderTrouble, match="belongs to 999999999999"):
        PROVIDER.find(replace(job, remote={**job.remote, "account": "999999999999"}))


def test_the_job_is_looked_for_where_it_was_begun(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url)))
    moved = replace(job, settings=cloud.settings_at(door.url, AWS_REGION="eu-central-1"))
    assert PROVIDER.find(moved) is not None
    assert PROVIDER.poll(moved).state == "running"


def test_a_failure_has_awss_words_and_only_a_failure_has(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url)))
    (made,) = jobs().values()
    made.status, made.failure_message = "Failed", "Line 7 is too long."
    polled = PROVIDER.poll(job)
    assert (polled.state, polled.error) == ("failed", "Line 7 is too long.")
    assert polled.advice
    made.status = "Resting"
    polled = PROVIDER.poll(job)
    assert (polled.state, polled.provider_status, polled.error) == ("unknown", "Resting", "")


def test_a_job_that_vanished_is_trouble_and_not_an_end(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url)))
    jobs().clear()
    with pytest.raises(ProviderTrouble, match="does not know the job"):
        PROVIDER.poll(job)


def test_cancelling_says_that_aws_may_charge(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url)))
    assert "may charge" in PROVIDER.cancel(job)
    polled = PROVIDER.poll(job)
    assert (polled.state, polled.provider_status) == ("cancelled", "Stopped")


def test_losses_that_bedrock_left_in_the_bucket_become_curves(door: Door, tmp_path: Path) -> None:
    job = cloud.submitted(cloud.uploaded(cloud.job(tmp_path, door.url)))
    client = Amazon(cloud.REGION, door.url).client("s3")
    prefix = f"whetstone/output/{cloud.KEY}/model-customization-job-abc/training_artifacts"
    body = b"step_number,epoch_number,training_loss\n1,0,2.5\n2,0,1.25\nx,0,1\n"
    client.put_object(Bucket=cloud.BUCKET, Key=f"{prefix}/step_wise_training_metrics.csv", Body=body)
    client.put_object(Bucket=cloud.BUCKET, Key=f"{prefix}/other.csv", Body=b"nothing")
    (made,) = jobs().values()
    made.status = "Completed"
    polled = PROVIDER.poll(job)
    assert [(each.name, each.step, each.value) for each in polled.points] == [("loss", 1, 2.5), ("loss", 2, 1.25)]


def test_a_bucket_that_is_not_there_is_said_before_anything_is_paid(door: Door, tmp_path: Path) -> None:
    job = cloud.job(tmp_path, door.url, settings=cloud.settings_at(door.url, WHETSTONE_S3_BUCKET="another-bucket"))
    with pytest.raises(NotSubmitted, match="bucket another-bucket"):
        cloud.uploaded(job)
    assert door.posts == 0
