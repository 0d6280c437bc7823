"""The app in a test: always from its router, as a visitor gets it."""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.db import Database
from tests.served import serving

ROUTER = Path(__file__).parents[2] / "ui" / "entry" / "router.py"

Visit = Callable[..., AppTest]

# At each run of a test Streamlit reads what every installed package says of itself, in search of components.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def opened(page: str = "", **parameters: str | list[str]) -> AppTest:
    """A page of the app on the database of the environment, whatever it shows."""
    app = AppTest.from_file(ROUTER, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.run()
    if page:
        for name, value in parameters.items():
            app.query_params[name] = value
        app.switch_page(f"../../pages/{page}.py").run()
    return app


@pytest.fixture
def visit(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Visit]:
    """Open a page of the app on this test's database; parameters stand in the URL."""

    def open_page(page: str = "", **parameters: str | list[str]) -> AppTest:
        app = opened(page, **parameters)
        assert not app.exception
        return app

    main = sys.modules["__main__"]  # each run of the app's script puts its own there
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path)):
        yield open_page
    sys.modules["__main__"] = main


def text(app: AppTest) -> str:
    """Everything a visitor reads, without the escapes that keep captured text from being Markdown."""
    parts = [
        app.title,
        app.subheader,
        app.caption,
        app.markdown,
        app.text,
        app.info,
        app.success,
        app.error,
        app.warning,
    ]
    return "\n".join(str(part.value) for kind in parts for part in kind).replace("\\", "").replace("\u2060", "")
