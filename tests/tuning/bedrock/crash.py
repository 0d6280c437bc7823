"""Customisations under crashes: moto, whose jobs are done when they were asked about twice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import get_settings
from core.tuning.providers.bedrock import discovery
from core.tuning.providers.bedrock.access import Amazon
from core.tuning.providers.bedrock.adapter import PROVIDER
from core.tuning.providers.protocol import Provider, Spec
from tests.tuning.bedrock import cloud
from tests.tuning.crash_cases import Case


class _Service:
    """Amazon, as the crash test needs it."""

    def __init__(self, door: cloud.Door) -> None:
        self._door = door

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_REGION": cloud.REGION,
            "AWS_ENDPOINT_URL": self._door.url,
            "WHETSTONE_S3_BUCKET": cloud.BUCKET,
            "WHETSTONE_BEDROCK_ROLE_ARN": cloud.ROLE,
        }

    def submissions(self) -> Sequence[str]:
        return [each.job_arn for each in list(cloud.jobs().values())]

    def drop_reply(self) -> None:
        self._door.lost += 1

    def stall(self, on: bool) -> None:
        (self._door.gate.clear if on else self._door.gate.set)()


@contextmanager
def _serve(_folder: Path) -> Iterator[_Service]:
    pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    with cloud.amazon() as port, cloud.opened(port) as door:
        door.listed = (cloud.NOVA,)
        door.done_after = 2
        cloud.make_bucket(door)
        yield _Service(door)


def provider() -> Provider:
    """The adapter, after AWS was asked what the account may customise, as a page or a command does before it starts."""
    discovery.ask(Amazon.of(get_settings()))
    return PROVIDER


CASE = Case(
    Spec("bedrock", cloud.NOVA, "sft", {}),
    _serve,
    provider="tests.tuning.bedrock.crash:provider",
)
