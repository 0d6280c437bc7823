"""The tab Playground: two models on one question, typed or from a split."""

from collections.abc import Iterator

import pytest

from core import models
from core.datasets.versions import DatasetVersion
from core.db import Database
from tests.llm.servers import FakeProvider
from tests.pages.acting import click, keys
from tests.pages.conftest import text
from tests.pages.model_tabs import Visit, code, dataset, visit
from tests.tuning.made import a_model, answering, with_tools

__all__ = ["dataset", "visit"]


@pytest.fixture
def ollama(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    del visit
    with answering("ollama", monkeypatch) as provider:
        yield provider


class TestThePlayground:
    def test_without_a_model_it_says_what_to_do(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans", serving="none")
        assert "No model answers yet" in text(visit("playground"))

    def test_two_models_answer_a_prompt_side_by_side(
        self, visit: Visit, database: Database, ollama: FakeProvider
    ) -> None:
        for name in ("one", "two"):
            a_model(database, name)
        app = visit("playground")
        assert "Write a prompt" in text(app)
        assert "play_ask" not in keys(app)
        app.text_area(key="play_prompt").set_value("What is a shelf?").run()
        assert "one: free." in text(app)
        ollama.say_to(lambda prompt: f"*{prompt}*", tokens_in=7, tokens_out=3)
        click(app, "play_ask")
        assert code(app) == "*What is a shelf?*\n*What is a shelf?*"
        assert text(app).count("7 tokens in, 3 out · free") == 2
        assert {body["model"] for body in ollama.asked} == {"one", "two"}

    def test_what_goes_wrong_with_one_says_nothing_of_the_other(
        self, visit: Visit, database: Database, ollama: FakeProvider
    ) -> None:
        for name in ("one", "two"):
            a_model(database, name)
        app = visit("playground")
        app.text_area(key="play_prompt").set_value("So?").run()
        ollama.by_body = lambda body: (
            lambda handler: (
                handler.answer(404, {"error": "not found"})
                if body["model"] == "one"
                else handler.answer(200, ollama.reply("Yes.", 1, 1, "done"))
            )
        )
        click(app, "play_ask")
        assert "ollama pull one" in text(app)
        assert code(app) == "Yes."

    def test_records_are_gone_through_with_the_expected_answer_beside(
        self, visit: Visit, database: Database, dataset: DatasetVersion, ollama: FakeProvider
    ) -> None:
        a_model(database, "plans")
        app = visit("playground")
        app.segmented_control(key="play_mode").set_value("Records of a split").run()
        assert app.button(key="play_previous").disabled
        expected = app.code[1].value
        assert expected.startswith('{"steps":')
        ollama.say_to(lambda _: expected)
        click(app, "play_ask")
        assert "✓ exactly right · likeness 1.00" in text(app)
        click(app, "play_next")
        assert "✓ exactly right" not in text(app), "another record has not been asked"
        click(app, "play_ask")
        assert "✗ not exactly right" in text(app)

    def test_records_with_tools_are_counted_and_not_shown(self, visit: Visit, database: Database) -> None:
        with_tools(database)
        a_model(database, "plans")
        app = visit("playground")
        app.segmented_control(key="play_mode").set_value("Records of a split").run()
        assert "3 records of the split hold tools or calls of tools; they are not asked" in text(app)
        assert "Record 1 of 7" in text(app)

    def test_what_may_cost_something_is_said_before(self, visit: Visit, database: Database) -> None:
        models.add_base(database, "openai:gpt-6-astra", actor="ada")
        app = visit("playground")
        app.text_area(key="play_prompt").set_value("So?").run()
        assert "at most about $0.1000 by list price" in text(app)
        assert app.button(key="play_ask").label == "Ask openai\\:gpt\\-6\\-astra, and pay for it"
        click(app, "play_ask")
        assert "There is no key for OpenAI" in text(app)
