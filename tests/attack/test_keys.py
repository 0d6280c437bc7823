"""A planted key is in no log."""

import logging

import pytest
import structlog

from core import logs
from core.settings import without_login
from core.text import sanitize

KEY = "sk-planted-0123456789"


def test_an_error_is_logged_without_the_values_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    def fail(key: str) -> None:
        raise RuntimeError(f"the key of {len(key)} letters was refused")

    try:
        fail(KEY)
    except RuntimeError as error:
        structlog.get_logger().error("a page failed", exc_info=error)
    said = capsys.readouterr().err
    assert "the key of 21 letters was refused" in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("{'X-Amz-Security-Token': 'IQoJb3JpZ2lu/0123=='}", "{'X-Amz-Security-Token': '***'}"),
        ("Credential=AKIAIOSFODNN7EXAMPLE/20261130/us-east-1", "Credential=***/20261130/us-east-1"),
        ("the token ya29.a0AfH6SMBx-0123456789 ended", "the token *** ended"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----",
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEvQ", "-----BEGIN RSA PRIVATE KEY-----***"),
        ("postgresql://me:geheim@host/db", "postgresql://me:***@host/db"),
        ("from the amazon secret 0123456789abcdef", "from the amazon secret ***"),
        ("ASIA is a continent", "ASIA is a continent"),
    ],
)
def test_what_looks_like_a_key_is_not_kept(monkeypatch: pytest.MonkeyPatch, text: str, stored: str) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "0123456789abcdef")
    assert sanitize(text) == stored


def test_the_login_in_an_address_is_not_shown() -> None:
    assert without_login("http://me:geheim@10.0.0.5:8265/x@y") == "http://…@10.0.0.5:8265/x@y"
    assert without_login("http://127.0.0.1:11434") == "http://127.0.0.1:11434"


def test_libraries_do_not_log_what_they_send(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logs.configure()
    logging.getLogger("botocore.endpoint").debug("Making request with headers %s", {"token": KEY})
    logging.getLogger("httpcore.http11").debug("send_request_headers %s", KEY)
    assert KEY not in caplog.text
