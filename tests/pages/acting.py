"""What tests of pages do and read, the same on every page."""

from streamlit.testing.v1 import AppTest


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def keys(app: AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def where(app: AppTest) -> dict[str, list[str]]:
    """The parameters of the address; AppTest gives text for what the app set, and a list for what a link set."""
    return {name: [value] if isinstance(value, str) else list(value) for name, value in app.query_params.items()}
