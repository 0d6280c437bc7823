"""The app with one more address, at which a test hands it a database: `uvicorn tests.browser.shared_app:app`.

So many journeys share one server, each with data of its own. With `SCRIPTED=1` its providers of fine-tuning do what a
script says.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
import streamlit as st

from core.runtime.process import RUNNING
from core.settings import get_settings
from tests.browser.conftest import ADDRESS

if os.environ.get("SCRIPTED"):
    from tests.scripted_app import app as real
else:
    from app import app as real

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http" or scope["path"] != ADDRESS:
        await real(scope, receive, send)
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await asyncio.to_thread(hand_over, orjson.loads(body))
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def hand_over(environment: dict[str, str]) -> None:
    """Forget everything about the database before, and open another."""
    RUNNING.stop()
    os.environ.update(environment)
    get_settings.cache_clear()
    st.cache_data.clear()
    if environment:
        RUNNING.start()
