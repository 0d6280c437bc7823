"""The tabs Models and Playground in an app of their own, beside the pages that they link to."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.versions import DatasetVersion
from core.db import Database
from core.deployments import preferences
from tests.served import serving
from tests.tuning.made import a_dataset

REPOSITORY = Path(__file__).parents[2]
HARNESS = """
import streamlit as st
from ui.models import overview, playground as model_playground
from ui.parts import messages, modals, session

def list_of_models():
    overview.draw(session.database())

def playground():
    model_playground.draw(session.database())

pages = [
    st.Page(list_of_models, title="Models", url_path="models", default=True),
    st.Page(playground, title="Playground", url_path="playground"),
    st.Page("../../pages/datasets.py", title="Datasets", url_path="datasets"),
]
page = st.navigation(pages)
if st.session_state.get("tab") == "playground":
    playground()
else:
    page.run()
modals.draw()
messages.show()
"""

Visit = Callable[..., AppTest]


@pytest.fixture
def visit(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Visit]:
    """Open a tab; parameters stand in the URL."""
    (tmp_path / "ui" / "entry").mkdir(parents=True)
    (tmp_path / "pages").symlink_to(REPOSITORY / "pages")
    script = tmp_path / "ui" / "entry" / "harness.py"
    script.write_text(HARNESS, encoding="utf-8")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def open_tab(tab: str = "models", **parameters: str) -> AppTest:
        app = AppTest.from_file(script, default_timeout=60)
        app.session_state["tab"] = tab
        for name, value in parameters.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    main = sys.modules["__main__"]  # each run of the app's script puts its own there
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path), OLLAMA_HOST="http://127.0.0.1:9"):
        yield open_tab
    sys.modules["__main__"] = main


@pytest.fixture
def dataset(database: Database) -> DatasetVersion:
    return a_dataset(database)


def code(app: AppTest) -> str:
    return "\n".join(each.value for each in app.code)


def opened(app: AppTest, key: str) -> AppTest:
    """With an expander open."""
    app.session_state[key] = True
    return app.run()


def looked_at(app: AppTest, view: str) -> AppTest:
    app.pills(key="model_view").set_value(view).run()
    assert not app.exception
    return app


def planner(db: Database) -> str:
    return str(preferences.planner_model(db) or "")
