"""How this program logs: what failed and where, and never the values of local variables, which may hold keys."""

import logging
import sys

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback

#: Libraries that write down the headers and bodies of what they send, keys included, where everything is logged.
_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "httpcore", "hpack", "openai", "anthropic", "google")


def configure() -> None:
    """Log what failed and where. Whoever asks for everything gets everything but what libraries send and receive."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    # structlog's default draws every local of every frame under an error: addresses with passwords, keys, texts.
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            ConsoleRenderer(exception_formatter=plain_traceback),
        ],
        logger_factory=_logger,
    )


def _logger(*_names: object) -> structlog.PrintLogger:
    """One for each line: standard output is for answers, and a test's or a launcher's standard error comes and goes."""
    return structlog.PrintLogger(sys.stderr)
