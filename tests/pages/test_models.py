"""The tab Models: the list, the drawer, evaluating, and two models compared."""

from typing import Any

import pytest
import streamlit as st

from core import deployments, evaluation, models
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.settings import get_settings
from tests.orchestrator.driving import drive
from tests.pages.acting import click, keys
from tests.pages.conftest import text
from tests.pages.model_tabs import Visit, code, dataset, looked_at, opened, visit
from tests.tuning.made import a_model, an_evaluation, answering

__all__ = ["dataset", "visit"]


class TestTheList:
    def test_an_empty_registry_says_what_will_be_here(self, visit: Visit) -> None:
        app = visit()
        assert "No model yet" in text(app)
        assert "In use: the built-in planner" in text(app)
        assert any(each.label == "Add a base model" for each in app.expander)

    def test_models_stand_there_with_what_they_are_worth(
        self, visit: Visit, database: Database, dataset: DatasetVersion
    ) -> None:
        model = a_model(database, "plans", dataset_id=dataset.id)
        a_model(database, "brief", kind="profile", profile={"system": "x", "examples": []}, serving="none")
        models.add_base(database, "ollama:qwen3:4b", actor="ada")
        done = an_evaluation(database, model, dataset.id, [True, False])
        with database.begin() as connection:
            mean = '{"mean": 0.5, "low": 0.1, "high": 0.9, "n": 2}'
            connection.exec_driver_sql(
                f'UPDATE evaluations SET metrics = \'{{"exact": {mean}, "similarity": {mean}}}\' WHERE id = {done}'
            )
        deployments.deploy(database, "plans", actor="ada", reason="the best so far")
        app = visit()
        rows = app.dataframe[0].value
        assert list(rows["name"]) == ["ollama:qwen3:4b", "brief", "plans"]
        assert list(rows["kind"]) == ["◇ base", "❝ profile (prompt)", "◆ tuned"]
        assert list(rows["in_use"].fillna("")) == ["", "", "▲ in use"]
        assert rows["score"][2] == "0.50 (0.10 to 0.90), n 2, indicative"
        assert (rows["measured"][2], rows["dataset"][2], rows["likeness"][2]) == ("plans@1 test", "plans@1", 0.5)
        assert list(rows["serving"]) == ["● can be asked", "○ not served yet", "● can be asked"]
        assert "▲ In use: plans (tuned), called ollama:plans" in text(app).replace("**", "")
        assert "Deployed by ada" in text(app)
        assert "the best so far" in text(app)
        assert "tick them in the table" in text(app)

    def test_archived_ones_are_shown_when_asked_for(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans")
        models.archive(database, a_model(database, "old").id, actor="ada")
        app = visit()
        assert list(app.dataframe[0].value["name"]) == ["plans"]
        app.toggle(key="model_archived").set_value(True).run()
        assert list(app.dataframe[0].value["name"]) == ["old", "plans"]

    def test_a_base_is_added_once(self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        app = opened(visit(), "model_add")
        assert "No provider is ready" in text(app)
        assert app.button(key="model_add_yes").disabled
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        get_settings.cache_clear()
        st.cache_data.clear()
        app = opened(app, "model_add")
        app.selectbox(key="model_add_name").set_value("openai:gpt-6-luna").run()
        click(app, "model_add_yes")
        assert [each.name for each in models.all_models(database)] == ["openai:gpt-6-luna"]
        assert "Evaluate it to compare it" in text(app)
        click(app, "model_add_yes")
        assert "in the registry already" in text(app)

    def test_the_history_says_who_and_why(self, visit: Visit, database: Database) -> None:
        for name in ("one", "two"):
            a_model(database, name)
            deployments.deploy(database, name, actor="ada", reason=f"{name} is better")
        deployments.rollback(database, actor="bob", reason="two is slow")
        said = text(opened(visit(), "model_history"))
        for part in (
            "brought back by a roll back · two is slow",
            "by ada · two is better",
            "ended by bob: rolled back",
        ):
            assert part in said, part

    def test_names_are_never_markdown(self, visit: Visit, database: Database) -> None:
        name = "![x](http://evil.example/x.png) *a*"
        a_model(database, name, call_name="ollama:x")
        deployments.deploy(database, name, actor="ada", reason=name)
        app = visit()
        raw = "\n".join(str(each.value) for each in [*app.markdown, *app.caption])
        assert "![x](" not in raw
        app = visit(model="1")
        assert not any("![x](" in str(each.value) for each in [*app.markdown, *app.caption])


class TestTheDrawer:
    def test_it_tells_the_lineage(self, visit: Visit, database: Database, dataset: DatasetVersion) -> None:
        a_model(database, "plans", dataset_id=dataset.id)
        app = visit(model="1")
        said = text(app)
        assert "to train on" in said
        assert "plans@1, root hash" in said
        assert "Job 1 by ada: succeeded" in said
        assert "It was never in use." in said
        click(app, "model_open_job")
        assert {name: app.query_params[name] for name in ("part", "job")} == {"part": "jobs", "job": "1"}
        assert "model" not in app.query_params

    def test_it_tells_what_a_model_is_made_of(self, visit: Visit, database: Database) -> None:
        made: dict[str, Any] = {
            "parameters": {"epochs": 3}, "artefacts": [{"name": "adapter.gguf", "sha256": "ab" * 32}],
            "checkpoints": [{"step": 10, "loss": 0.5}],
        }  # fmt: skip
        a_model(database, "plans", **made)
        app = looked_at(visit(model="1"), "Made of")
        assert '"epochs": 3' in code(app)
        grids = [each.value for each in app.dataframe[1:]]
        assert grids[0]["sha256"][0] == "ab" * 32
        assert set(grids[1].columns) == {"step", "loss"}

    def test_a_profile_is_called_a_prompt_and_never_trained(self, visit: Visit, database: Database) -> None:
        examples = [{"user": f"question {number}", "assistant": f"answer {number}"} for number in range(7)]
        a_model(database, "brief", kind="profile", profile={"system": "Be brief.", "examples": examples})
        app = visit(model="1")
        assert "A profile is a prompt" in text(app)
        assert "Nothing was trained." in text(app)
        app = looked_at(app, "Made of")
        assert "Be brief." in code(app)
        assert "question 4" in code(app)
        assert "question 5" not in code(app)
        assert "And 2 more." in text(app)

    def test_name_and_notes_are_edited(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans")
        app = looked_at(visit(model="1"), "Notes")
        app.text_area[0].set_value("Better with dates.")
        app.text_input[0].set_value("plans of May")
        click(app, "model_notes_save")
        now = models.get(database, 1)
        assert (now.name, now.notes) == ("plans of May", "Better with dates.")
        assert "plans of May" in text(app)

    @pytest.mark.parametrize("asked", ["nothing", "99", "12345678901234567890", "²"])
    def test_a_link_to_no_model_says_so(self, visit: Visit, database: Database, asked: str) -> None:
        a_model(database, "plans")
        said = text(visit(model=asked))
        assert "names no model" in said or "There is no model with the id" in said

    def test_a_model_that_does_not_answer_says_why_beside_its_button(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans", call_name="", serving="none")
        app = visit(model="1")
        assert app.button(key="model_deploy").disabled
        assert "It cannot be deployed: plans is trained, but nothing serves it yet" in text(app)

    def test_archiving_can_be_undone(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans")
        app = click(visit(model="1"), "model_archive")
        assert models.get(database, 1).archived_at is not None
        click(app, "model_unarchive")
        assert models.get(database, 1).archived_at is None
        click(app, "model_archive")
        click(app, "notice_undo")
        assert models.get(database, 1).archived_at is None


class TestEvaluating:
    def test_a_free_one_starts_at_once_and_shows_what_it_came_to(
        self, visit: Visit, database: Database, dataset: DatasetVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_model(database, "plans", dataset_id=dataset.id)
        app = looked_at(visit(model="1"), "Evaluations")
        assert "questions on a machine of your own, free." in text(app)
        click(app, "model_evaluate")
        assert "Evaluation 1 has begun" in text(app)
        assert "model_evaluation_cancel_1" in keys(app)
        with answering("ollama", monkeypatch) as provider:
            provider.say_to(lambda _: "**bold** answer")
            drive(database, agents=["tuning"])
        app.run()
        assert "Exactly right: 0.00 (0.00 to" in text(app)
        assert "indicative only" in text(app)
        opened(app, "model_answers_1")
        assert "**bold** answer" in code(app)
        assert "Record" in text(app)
        click(app, "model_answers_next_1")
        click(app, "model_answers_previous_1")

    def test_one_that_may_cost_something_is_asked_first(
        self, visit: Visit, database: Database, dataset: DatasetVersion
    ) -> None:
        models.add_base(database, "openai:unheard-of", actor="ada")
        app = looked_at(visit(model="1"), "Evaluations")
        assert app.button(key="model_evaluate").label == "Evaluate, and pay for it…"
        click(app, "model_evaluate")
        assert evaluation.of_models(database) == []
        assert "at a price that is not known here" in text(app)
        click(app, "modal_yes")
        assert len(evaluation.of_models(database)) == 1

    def test_it_is_cancelled_and_resumed(self, visit: Visit, database: Database, dataset: DatasetVersion) -> None:
        a_model(database, "plans")
        app = looked_at(visit(model="1"), "Evaluations")
        click(click(app, "model_evaluate"), "model_evaluation_cancel_1")
        assert evaluation.get(database, 1).state == "cancelled"
        click(app, "model_evaluation_resume_1")
        assert evaluation.get(database, 1).state == "running"

    def test_without_a_dataset_it_says_what_to_do(self, visit: Visit, database: Database) -> None:
        a_model(database, "plans")
        assert "no frozen dataset version" in text(looked_at(visit(model="1"), "Evaluations"))


class TestComparing:
    def test_two_that_are_ticked_stand_side_by_side(
        self, visit: Visit, database: Database, dataset: DatasetVersion
    ) -> None:
        old, new = a_model(database, "old"), a_model(database, "new")
        an_evaluation(database, old, dataset.id, [True] * 5 + [False] * 25)
        an_evaluation(database, new, dataset.id, [False] * 2 + [True] * 28)
        app = visit()
        app.session_state["model_selected"] = {old.id, new.id}
        app.run()
        said = text(app)
        found = {metric.label: metric.value for metric in app.metric}
        assert found == {"Only new": "25", "Only old": "2", "Both right": "3", "None right": "0"}
        assert "new is better than old, beyond what may be luck, in exactly right answers." in said
        assert "indicative only" in said
        assert "1 to 2 of 2" not in said
        assert code(app).count("answer 0") == 2, "lost ones come first: they are what is to be looked at"
        app.segmented_control[0].set_value("only_a").run()
        assert "1 to 3 of 25" in text(app)
        ids = [each.id for each in evaluation.of_models(database)]
        click(app, f"model_compare_where_{ids[0]}_{ids[1]}_only_a_next")
        assert "4 to 6 of 25" in text(app)

    def test_two_without_a_split_in_common_say_so(
        self, visit: Visit, database: Database, dataset: DatasetVersion
    ) -> None:
        ids = {a_model(database, name).id for name in ("one", "two")}
        app = visit()
        app.session_state["model_selected"] = ids
        assert "no split in common" in text(app.run())
