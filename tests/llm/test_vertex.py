"""Gemini on Google Cloud: whose project, which credentials, and what is never sent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ModelUnavailable
from core.llm import Model, complete, configured, google_cloud
from core.llm.calling import access_to
from core.settings import Settings
from tests.llm.conftest import settings_for
from tests.llm.servers import FakeProvider, Vertex, credentials, serving

ENDPOINT = "projects/acme/locations/europe-west4/endpoints/1234567890123456789"


def settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # pyright: ignore[reportCallIssue, reportArgumentType]


@pytest.fixture
def vertex() -> Iterator[FakeProvider]:
    with serving(Vertex()) as fake:
        yield fake


def asked(vertex: FakeProvider, name: str = ENDPOINT, **values: str) -> str:
    chosen = settings(GOOGLE_VERTEX_BASE_URL=vertex.base_url, **values)
    return complete(Model("vertex", name), system="Be short.", prompt="Hello", settings=chosen).text


def failure(vertex: FakeProvider, name: str = ENDPOINT) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as failed:
        asked(vertex, name)
    return failed.value


def test_a_tuned_model_is_asked_in_the_project_and_region_of_its_name(vertex: FakeProvider) -> None:
    vertex.say("Hello.")  # the server refuses every other path
    elsewhere = {"GOOGLE_CLOUD_PROJECT": "other", "GOOGLE_CLOUD_LOCATION": "us-central1"}
    assert asked(vertex, **elsewhere) == "Hello."
    access = access_to(Model("vertex", ENDPOINT), settings(**elsewhere))
    assert (access.project, access.location, access.key) == ("acme", "europe-west4", None)


def test_a_key_of_ai_studio_in_the_environment_is_not_sent(
    vertex: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "AIzaSy-not-for-this-service")
    vertex.say("Hello.")  # the server refuses a request with such a key
    assert asked(vertex) == "Hello."


def test_a_model_that_is_not_tuned_needs_a_project_and_a_region(vertex: FakeProvider) -> None:
    failed = failure(vertex, "gemini-3.5-flash")
    assert failed.reason == "no_key"
    assert "Set GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION" in str(failed)


def test_missing_credentials_are_told(vertex: FakeProvider, tmp_path: Path) -> None:
    with credentials(tmp_path / "none.json"):
        failed = failure(vertex)
        assert failed.reason == "no_key"
        assert "gcloud auth application-default login" in str(failed)
        assert not google_cloud.have_file()


def test_credentials_that_are_no_credentials_are_told(vertex: FakeProvider, tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"type": "nonsense"}))
    with credentials(file):
        assert failure(vertex).reason == "no_key"


def test_credentials_that_google_refuses_are_told(vertex: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.llm.servers.TOKEN", (400, {"error": "invalid_grant", "error_description": "revoked"}))
    failed = failure(vertex)
    assert failed.reason == "key_refused"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(failed)
    assert vertex.asked == []


def test_it_is_ready_where_a_project_and_a_region_are_set(vertex: FakeProvider) -> None:
    (found,) = [each for each in configured(settings_for(vertex), probe_s=0) if each.name == "vertex"]
    assert (found.is_ready, found.models) == (True, ())
    (found,) = [each for each in configured(settings(), probe_s=0) if each.name == "vertex"]
    assert not found.is_ready
    assert "GOOGLE_CLOUD_PROJECT" in found.missing


def test_files_of_credentials_are_looked_for_where_googles_tools_leave_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    assert not google_cloud.have_file()
    (tmp_path / "application_default_credentials.json").write_text("{}")
    assert google_cloud.have_file()


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_the_hosts_are_those_of_the_sdk(vertex: FakeProvider, location: str, host: str) -> None:
    assert google_cloud.host(location) == host
    client = google_cloud.client("acme", location, None, 5)
    assert client._api_client._http_options.base_url.rstrip("/") == host
