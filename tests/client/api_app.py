"""The API without the pages, as a server that begins in a second: `uvicorn tests.client.api_app:app`."""

from starlette.applications import Starlette
from starlette.routing import Mount

from api import rest

app = Starlette(routes=[Mount("/api", app=rest.application())])
