"""A planted key is in no log."""

import pytest
import structlog

from core import logs

KEY = "sk-planted-0123456789"


def test_an_error_is_logged_without_the_values_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    def fail(key: str) -> None:
        raise RuntimeError(f"the key of {len(key)} letters was refused")

    try:
        fail(KEY)
    except RuntimeError as error:
        structlog.get_logger().error("a page failed", exc_info=error)
    said = capsys.readouterr().out
    assert "the key of 21 letters was refused" in said
    assert KEY not in said
