"""Amazon for each test: moto behind a door, credentials that open nothing, and nothing remembered of the last test."""

from collections.abc import Iterator

import pytest

from core.tuning.providers.bedrock import access as clients
from core.tuning.providers.bedrock import discovery
from tests.tuning.bedrock import cloud


@pytest.fixture(autouse=True)
def access(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    discovery.forget()


@pytest.fixture(scope="session")
def opened() -> Iterator[cloud.Door]:
    """One for the whole run, because clients are kept by address."""
    with cloud.amazon() as port, cloud.opened(port) as door:
        yield door


@pytest.fixture
def door(opened: cloud.Door) -> cloud.Door:
    """The way to an empty Amazon with one bucket."""
    cloud.make_bucket(opened)
    opened.lost, opened.refusals, opened.asked = 0, [], []
    return opened


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> cloud.Stubbed:
    """Planned answers instead of a network, for what moto does not know."""
    plan = cloud.Stubbed()
    monkeypatch.setattr(clients.Amazon, "client", lambda amazon, service: plan.client(amazon.region, service))
    return plan
