"""Refuse requests that call this app by a name it does not know: a foreign page whose name points here (DNS rebinding).

Streamlit checks `server.allowedHosts` for its socket alone; here the same list covers pages, files and the API.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from api.envelope import refused


def is_known(host: str, allowed: list[str]) -> bool:
    """Whether a Host header names one of `allowed`; `*.example.org` allows every name below, `*` all."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    patterns = [pattern.strip().lower().strip("[]").rstrip(".") for pattern in allowed]
    return bool(name) and any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in patterns
    )


class KnownHosts:
    """Answers 400 to every HTTP request from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = config.get_option("server.allowedHosts") if scope["type"] == "http" else ["*"]
        if scope["type"] != "http" or is_known(Headers(scope=scope).get("host", ""), allowed):
            await self._app(scope, receive, send)
            return
        answer = refused(
            400, "This host name is not known here; add it to server.allowedHosts in .streamlit/config.toml."
        )
        await answer(scope, receive, send)
