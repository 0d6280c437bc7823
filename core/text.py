"""Errors, values and counts as text that may be stored and shown: short, and without secrets."""

import os
import re

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from core.errors import WhetstoneError
from core.settings import get_settings

_LONGEST = 4_000
#: What stands before a secret is kept, so that a reader knows what was taken out.
_SECRETS = [
    re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+(?=@)"),  # postgresql://user:password@host
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',}]+"),
    re.compile(r"(?i)((?:api[_-]?key|password|passwd|secret|access[_-]?token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"),
    re.compile(r"(?i)(security-token[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"),
    re.compile(r"()\b(?:sk-|AIza|ghp_|xox[bp]-|ya29\.|whet_)[\w-]{16,}"),
    re.compile(r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:(?!-----END).)*", re.DOTALL),
]
#: What libraries read of the environment by themselves.
_OF_LIBRARIES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def describe_error(error: BaseException) -> str:
    """Return what went wrong.

    Our own errors are sentences already; the database's come without statement and values.
    """
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    text = str(error).strip()
    if isinstance(error, WhetstoneError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def sanitize(text: str) -> str:
    """Return the text without secrets and without what PostgreSQL cannot hold, cut where it is very long."""
    text = text.replace("\0", "").encode(errors="replace").decode().strip()
    # The secrets that this process was given, the longest first.
    values = (getattr(get_settings(), name) for name in type(get_settings()).model_fields)
    secrets = {value.get_secret_value().strip() for value in values if isinstance(value, SecretStr)}
    secrets |= {os.environ.get(name, "").strip() for name in _OF_LIBRARIES}
    for secret in sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True):
        text = text.replace(secret, "***")
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def shortened(value: object, limit: int = 60) -> str:
    """Return a value for an error message: as Python writes it, on one line, never long."""
    if isinstance(value, str | bytes):
        return repr(value) if len(value) <= limit else f"{value[:limit]!r}… ({len(value):,} long)"
    text = repr(value) if isinstance(value, int | float | bool | None) else type(value).__name__
    return text if len(text) <= limit else text[:limit] + "…"


def plural(count: int, noun: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
