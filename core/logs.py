"""How this program logs: what failed and where, and never the values of local variables, which may hold keys."""

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback


def configure() -> None:
    """structlog's default draws every local of every frame under an error: addresses with passwords, keys, texts."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            ConsoleRenderer(exception_formatter=plain_traceback),
        ]
    )
