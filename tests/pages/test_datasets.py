"""The datasets page: from a filter to a frozen version, one version, two compared, and what can be done with them."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.datasets import snapshots, versions
from core.datasets.defaults import safe
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.datasets.versions import DatasetVersion
from core.db import Database
from core.examples.filters import Filter
from core.examples.tagging import add_tags
from tests.pages.acting import click, keys, metrics, where
from tests.pages.conftest import Visit, text
from tests.served import add
from ui.datasets import create as dataset_create
from ui.datasets import export as dataset_export


def some(database: Database, number: int = 40, **fields: Any) -> list[int]:
    """Examples that all differ; a third of them are finance, and quality runs from 0.5 to 0.9."""
    return add(
        database,
        *(
            {
                "execution_plan": f"plan {each}",
                "intent": "finance" if each % 3 == 0 else "content",
                "quality_score": 0.5 + each % 5 / 10,
                **fields,
            }
            for each in range(number)
        ),
    )


def freeze(database: Database, name: str = "plans", **asked: Any) -> DatasetVersion:
    values = {"filter": Filter(), "recipe": Recipe(), "split": Split(), "actor": "ada", **asked}
    return snapshots.create(database, name, **values)


def queued(database: Database, name: str = "plans", **asked: Any) -> DatasetVersion:
    values = {"filter": Filter(), "recipe": Recipe(), "split": Split(), "actor": "ada", **asked}
    return snapshots.request(database, name, **values)


def helped(app: AppTest, key: str) -> str:
    """What the help of a button says."""
    return app.button(key=key).help.replace("\\", "")


def there(app: AppTest) -> AppTest:
    """On the datasets page for good: AppTest goes back to the first page with the run after `st.switch_page`."""
    parameters = where(app)
    app.switch_page("../../pages/datasets.py")
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


class TestTheList:
    def test_an_empty_workspace_says_what_to_do_first(self, visit: Visit) -> None:
        app = visit("datasets")
        assert "Import examples first" in text(app)
        assert "list_create" not in keys(app)

    def test_a_filter_without_examples_says_why_nothing_can_be_made(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("data", intent="nothing")
        app.query_params.clear()  # as the browser does between two pages
        app.switch_page("../../pages/datasets.py").run()
        assert app.button(key="list_create").disabled
        assert "No example matches the filter: change it first" in text(app)

    def test_examples_without_a_dataset_show_the_one_button(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets")
        assert "40 examples" in text(app)
        assert "No dataset yet" in text(app)
        click(app, "list_create")
        assert where(app) == {"new": ["1"]}

    def test_versions_are_listed_the_newest_first(self, visit: Visit, database: Database) -> None:
        some(database)
        first = freeze(database, description="the first")
        freeze(database, filter=Filter(intents=("finance",)))

        rows = visit("datasets").dataframe[0].value

        assert list(rows["version"]) == [2, 1]
        assert list(rows["records"]) == [14, 40]
        assert list(rows["description"]) == ["", "the first"]
        counts = (first.manifest or {})["counts"]
        assert rows["splits"][1] == f"{counts['train']} / {counts['validation']} / {counts['test']}"
        assert not rows["tokens"][1].startswith("about"), "forty records are counted exactly"
        assert list(rows["verified"].isna()) == [True, True]

    def test_the_job_that_uses_one_stands_beside_it(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database)
        with database.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO fine_tuning_jobs (job_id, target_model, state, dataset_id, created_by)"
                f" VALUES ('k', 'tiny', 'running', {version.id}, 'ada')"
            )
        number = versions.get(database, version.id).used_by
        assert list(visit("datasets").dataframe[0].value["used"]) == [f"by job {number}"]
        snapshots.exported(database, version.id, path="/data/*plans*.jsonl", format="openai", actor="ada")
        app = visit("datasets", dataset="plans", version="1")
        app.session_state["version_view"] = "Lineage"
        app.run()
        assert "Exported to /data/*plans*.jsonl" in [each.value for each in app.text]

    def test_a_failed_version_stands_among_them(self, visit: Visit, database: Database) -> None:
        some(database)
        snapshots.build(database, queued(database, filter=Filter(intents=("nothing",))).id)
        rows = visit("datasets").dataframe[0].value
        assert list(rows["status"]) == ["✗ failed"]

    def test_archived_versions_are_shown_when_asked_for(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database)
        freeze(database)
        snapshots.archive(database, version.id, actor="ada", reason="old")
        app = visit("datasets")
        assert list(app.dataframe[0].value["version"]) == [2]
        app.toggle(key="list_archived").set_value(True).run()
        assert list(app.dataframe[0].value["version"]) == [2, 1]

    def test_two_frozen_versions_must_be_chosen_to_compare(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database)
        app = visit("datasets")
        assert app.button(key="list_compare").disabled
        assert "select two frozen versions" in text(app)


class TestCreating:
    def test_a_review_from_the_data_page_brings_its_filter_along(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("data", intent="finance")
        click(app, "bulk_review")
        assert where(app) == {"new": ["1"], "intent": ["finance"]}
        assert "14 examples would be taken: intent finance, succeeded or judged good" in text(app).replace("**", "")
        assert "The defaults leave nothing out." in text(app)

    def test_the_numbers_of_the_version_are_there_before_it_is_frozen(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        found = metrics(app)
        version = freeze(database)
        counts = (version.manifest or {})["counts"]
        assert {name: found[name] for name in ("Records", "Train", "Validation", "Test")} == {
            "Records": "40",
            "Train": str(counts["train"]),
            "Validation": str(counts["validation"]),
            "Test": str(counts["test"]),
        }
        assert found["Tokens"] == str((version.manifest or {})["tokens"]["all"])

    def test_the_defaults_are_enough_to_freeze(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1", q_min="0.6")
        assert app.text_input(key="new_name").value == "best-plans"

        click(app, "new_freeze")

        (version,) = versions.versions(database)
        assert (version.label, version.status) == ("best-plans@1", "queued")
        assert version.choice is not None
        assert version.choice.filter == safe(Filter(quality_min=0.6))
        assert version.choice.recipe == Recipe()
        assert version.choice.split == Split()
        assert where(app) == {"dataset": ["best-plans"], "version": ["1"]}
        assert "Building best-plans@1" in text(app)

    def test_everything_can_be_adjusted(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        app.text_input(key="new_name").set_value("answers").run()
        app.text_input(key="new_description").set_value("what customers got").run()
        app.segmented_control(key="new_target").set_value("both").run()
        app.multiselect(key="new_fields").set_value(["business_state", "intent"]).run()
        app.text_area(key="new_system_prompt").set_value("You plan.").run()
        app.number_input(key="new_train").set_value(70).run()
        app.number_input(key="new_validation").set_value(30).run()
        app.selectbox(key="new_group").set_value("week").run()
        app.number_input(key="new_seed").set_value(7).run()
        app.toggle(key="new_drop_duplicates").set_value(False).run()
        click(app, "new_freeze")

        (version,) = versions.versions(database)
        assert (version.name, version.description) == ("answers", "what customers got")
        assert version.choice is not None
        assert version.choice.recipe == Recipe(
            target="both", system_prompt="You plan.", fields=("request", "business_state", "intent")
        )
        assert version.choice.split == Split(train=70, validation=30, test=0, seed=7, group="week")
        assert not version.choice.drop_duplicates

    def test_shares_never_exceed_the_whole(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        app.number_input(key="new_train").set_value(95).run()
        assert app.number_input(key="new_validation").value == 5
        app.number_input(key="new_validation").set_value(40).run()
        assert app.number_input(key="new_train").value == 60

    def test_the_preview_follows_the_recipe(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        assert [code.value for code in app.code][:2] == ["Draft post 0", "plan 0"]
        assert len(app.code) == 6, "three records of a request and an answer"

        app.segmented_control(key="new_target").set_value("result").run()
        app.text_area(key="new_system_prompt").set_value("Be kind.").run()

        assert [code.value for code in app.code][:3] == ["Be kind.", "Draft post 0", "A post about lamp 0."]

    def test_the_next_version_of_a_name_is_told_before(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database, "good-plans")
        app = visit("datasets", new="1")
        assert app.button(key="new_freeze").label.replace("\\", "") == "Freeze version 2 of good-plans"
        assert "Version 1 stays as it is." in text(app)

    def test_an_error_blocks_and_says_why_beside_the_button(self, visit: Visit, database: Database) -> None:
        some(database, context={"turns": [{"role": "assistant", "content": "out of order"}]})
        app = visit("datasets", new="1")
        assert app.button(key="new_freeze").disabled
        assert "No example of this filter can be taken" in text(app)
        assert "40 examples whose messages do not go user, assistant" in text(app)

    def test_what_only_some_formats_carry_can_be_left_out_beside_its_note(
        self, visit: Visit, database: Database
    ) -> None:
        tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
        some(database, context={"tools": tools})
        app = visit("datasets", new="1")
        assert not app.button(key="new_freeze").disabled
        assert "40 examples have tools or calls of tools; exports as alpaca leave such records out" in text(app)

        click(app, "find_leave_holds_1")

        assert "20 examples kept out by hand" in text(app)
        click(app, "find_put_back")
        assert "kept out by hand" not in text(app)

    def test_an_empty_filter_cannot_be_frozen(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1", intent="nothing")
        assert app.button(key="new_freeze").disabled
        assert "No example of this filter has something to learn" in text(app)

    def test_without_a_name_there_is_nothing_to_freeze(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        app.text_input(key="new_name").set_value("  ").run()
        assert app.button(key="new_freeze").disabled
        assert "Give it a name first" in text(app)

    def test_a_name_that_cannot_be_is_refused_in_words(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        app.text_input(key="new_name").set_value("a@b").run()
        click(app, "new_freeze")
        assert "cannot be the name of a dataset" in text(app)
        assert versions.versions(database) == []

    def test_what_is_left_out_can_be_tagged_and_untagged(self, visit: Visit, database: Database) -> None:
        some(database, 30)
        some_more = [{"execution_id": f"x{n}", "execution_plan": "success"} for n in range(25)]
        add(database, *some_more)
        app = visit("datasets", new="1")
        assert "25 examples with no usable plan are left out" in text(app)

        click(app, "find_exclude_no_plan")

        assert "Tagged 25 examples with EXCLUDE." in text(app)
        assert "no usable plan" not in text(app)
        click(app, "notice_undo")
        assert "25 examples with no usable plan are left out" in text(app)

    def test_what_is_left_out_can_be_opened_on_the_data_page(self, visit: Visit, database: Database) -> None:
        some(database, 30)
        ids = add(database, *({"execution_id": f"x{n}", "execution_plan": "ok"} for n in range(3)))
        app = visit("datasets", new="1")
        click(app, "find_open_no_plan")
        assert app.title[0].value == "Data"
        assert where(app)["id"] == [str(each) for each in ids]

    def test_a_large_filter_is_checked_when_asked(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dataset_create, "AT_ONCE", 10)
        some(database)
        app = visit("datasets", new="1")
        assert app.button(key="new_freeze").disabled
        assert "Check it first" in text(app)
        click(app, "new_check")
        assert metrics(app)["Records"] == "40"
        assert not app.button(key="new_freeze").disabled

    def test_a_link_with_a_broken_filter_says_so(self, visit: Visit) -> None:
        app = visit("datasets", new="1", q_min="much")
        assert "filter that cannot be used" in text(app)

    def test_the_draft_is_forgotten_once_it_is_asked_for(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("datasets", new="1")
        app.text_area(key="new_system_prompt").set_value("You plan.").run()
        click(app, "new_freeze")
        click(app, "version_back")
        click(app, "list_create")
        assert app.text_area(key="new_system_prompt").value == ""


class TestWhatIsLeftOut:
    def test_one_click_freezes_what_is_good_and_undo_archives_it(self, visit: Visit, database: Database) -> None:
        some(database)
        add(database, *({"execution_id": f"f{each}", "success": False} for each in range(3)))
        add(database, {"execution_id": "t", "tags": ["TEST"]}, {"execution_id": "l", "tags": ["LOW_QUALITY"]})
        app = visit("data")
        said = "40 of 45 examples. Left out: 3 failed, 1 tagged LOW_QUALITY, 1 tagged TEST."
        assert f"A new dataset takes {said}" in helped(app, "bulk_dataset")
        assert app.button(key="bulk_dataset").label == "Freeze 40 → dataset"

        click(app, "bulk_dataset")

        assert where(app) == {"dataset": ["good-plans"], "version": ["1"]}
        assert "Building good-plans@1" in text(app)
        assert "Creating good-plans@1 from 40 of 45 examples; 5 are left out." in text(app)
        (version,) = versions.versions(database)
        assert snapshots.build(database, version.id).example_count == 40

        click(there(app), "notice_undo")

        assert versions.versions(database) == []
        assert "good-plans@1 is archived" in text(app)
        click(app, "version_unarchive")
        assert [each.label for each in versions.versions(database)] == ["good-plans@1"]
        assert versions.get(database, version.id).status == "frozen"

    def test_undo_while_it_is_built_hides_it_all_the_same(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("data")
        click(app, "bulk_dataset")
        click(app, "notice_undo")
        assert versions.versions(database) == []
        (version,) = versions.versions(database, archived=True)
        assert snapshots.build(database, version.id).archived_at is not None

    def test_each_click_makes_a_name_of_its_own(self, visit: Visit, database: Database) -> None:
        some(database)
        app = visit("data", intent="finance")
        for name in ("finance-plans", "finance-plans-2"):
            click(app, "bulk_dataset")
            assert where(app)["dataset"] == [name]
            app.switch_page("../../pages/data.py").run()

    def test_what_has_results_only_answers_with_results(self, visit: Visit, database: Database) -> None:
        some(database, execution_plan=None)
        click(visit("data"), "bulk_dataset")
        (version,) = versions.versions(database)
        assert version.choice is not None
        assert (version.name, version.choice.recipe.target) == ("good-results", "result")

    def test_rows_chosen_by_hand_are_held_to_the_defaults_too(self, visit: Visit, database: Database) -> None:
        ids = add(database, {}, {"success": False}, {"tags": ["EXCLUDE"]})
        app = visit("data")
        app.session_state["data_selected"] = set(ids)
        app.run()
        assert "1 of 3 examples. Left out: 1 failed, 1 tagged EXCLUDE." in helped(app, "bulk_selected")
        click(app, "bulk_selected")
        assert where(app)["dataset"] == ["chosen-plans"]

    def test_where_everything_is_left_out_the_review_is_the_way(self, visit: Visit, database: Database) -> None:
        add(database, *({"success": False} for _ in range(2)))
        app = visit("data")
        assert app.button(key="bulk_dataset").disabled
        assert "Nothing here is taken by default" in helped(app, "bulk_dataset")
        click(app, "bulk_review")
        there(app)
        assert app.button(key="new_freeze").disabled
        app.pills(key="new_let_in").set_value(["failed"]).run()
        assert not app.button(key="new_freeze").disabled

    def test_the_review_counts_the_reasons_and_lets_one_in(self, visit: Visit, database: Database) -> None:
        some(database)
        add(database, *({"execution_id": f"f{each}", "success": False} for each in range(3)))
        add(database, {"execution_id": "t", "tags": ["TEST"]})
        app = visit("datasets", new="1")
        assert "40 of 44 examples would be taken" in text(app).replace("**", "")
        assert list(app.pills(key="new_let_in").options) == ["3 failed", "1 tagged TEST"]

        app.pills(key="new_let_in").set_value(["failed"]).run()

        assert "43 of 44 examples would be taken" in text(app).replace("**", "")
        assert metrics(app)["Records"] == "43"
        click(app, "new_freeze")
        (version,) = versions.versions(database)
        assert version.choice is not None
        assert version.choice.filter == safe(Filter(), ["failed"])

    def test_what_the_filter_asks_for_is_in_and_said(self, visit: Visit, database: Database) -> None:
        some(database)
        add(database, *({"execution_id": f"f{each}", "success": False} for each in range(3)))
        app = visit("datasets", new="1", success="false")
        assert "In, because your filter asks for it: 3 failed." in text(app)
        assert metrics(app)["Records"] == "3"

    def test_the_next_version_begins_with_what_the_last_let_in(self, visit: Visit, database: Database) -> None:
        some(database)
        add(database, *({"execution_id": f"f{each}", "success": False} for each in range(3)))
        freeze(database, filter=safe(Filter(), ["failed"]))
        app = visit("datasets", dataset="plans", version="1")
        click(app, "version_again")
        assert app.pills(key="new_let_in").value == ["failed"]
        assert metrics(app)["Records"] == "43"


class TestBuilding:
    def test_progress_is_shown_and_can_be_stopped(self, visit: Visit, database: Database) -> None:
        some(database)
        version = queued(database)
        app = visit("datasets", dataset="plans", version="1")
        assert "Waiting for a free worker" in str(app.get("progress")[0].proto)
        assert "Left out" not in text(app)  # not known yet

        click(app, f"build_stop_{version.id}")

        assert versions.get(database, version.id).status == "cancelled"
        assert "Stopped plans@1" in text(app)
        assert audit.entries(database, subject="dataset", subject_id=version.id)[0].action == "cancel"

    def test_it_is_found_again_after_the_browser_was_closed(self, visit: Visit, database: Database) -> None:
        some(database)
        version = queued(database)
        assert "Building plans@1" in text(visit("datasets"))
        snapshots.build(database, version.id)
        assert "Building" not in text(visit("datasets"))

    def test_a_failed_build_says_why_and_begins_again_with_what_it_was(self, visit: Visit, database: Database) -> None:
        some(database)
        chosen = Filter(intents=("nothing",))
        version = queued(database, filter=chosen, recipe=Recipe(target="result"), split=Split(seed=3))
        snapshots.build(database, version.id)
        app = visit("datasets", dataset="plans", version="1")
        assert "No example of this filter has something to learn" in text(app)

        click(app, "version_again")

        assert where(app) == {"new": ["1"], "intent": ["nothing"]}
        assert app.text_input(key="new_name").value == "plans"
        assert app.segmented_control(key="new_target").value == "result"
        assert app.number_input(key="new_seed").value == 3


class TestOneVersion:
    def test_a_link_opens_it(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database, description="[look](http://elsewhere)")
        version = freeze(database, filter=Filter(intents=("finance",)))

        app = visit("datasets", dataset="plans", version="1")

        assert metrics(app)["Records"] == "40"
        assert "[look](http://elsewhere)" in [each.value for each in app.text]
        assert len(app.get("plotly_chart")) == 3
        app = visit("datasets", dataset="plans")
        assert metrics(app)["Records"] == str(version.example_count), "without a number it is the newest"

    def test_one_that_does_not_exist_is_said(self, visit: Visit) -> None:
        assert "There is no dataset" in text(visit("datasets", dataset="nope", version="4"))

    def test_its_first_records_are_shown_as_frozen(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database)
        app = visit("datasets", dataset="plans", version="1")
        assert len(app.code) == 6
        assert app.code[0].value.startswith("Draft post")

    def test_how_it_was_made_lineage_and_manifest_are_views(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database, filter=Filter(intents=("finance",)), recipe=Recipe(system_prompt="You plan."))
        app = visit("datasets", dataset="plans", version="1")
        for view, seen in (("How it was made", "intent finance"), ("Lineage", "14 records of captured executions")):
            app.session_state["version_view"] = view
            app.run()
            assert seen in text(app)
        app.session_state["version_view"] = "Manifest"
        app.run()
        assert version.root_hash is not None
        assert version.root_hash in app.json[0].value

    def test_verifying_shows_the_result_and_marks_it(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database)
        app = visit("datasets", dataset="plans", version="1")
        click(app, "version_verify")
        assert "Verified: all 40 records match the frozen version." in text(app)
        assert versions.get(database, version.id).verified_at is not None
        click(app, "version_back")
        assert app.dataframe[0].value["verified"][0] == "✓ just now"

    def test_what_was_tampered_with_is_named(self, visit: Visit, database: Database) -> None:
        ids = some(database)
        freeze(database)
        with database.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE orchestrator_training_data DISABLE TRIGGER USER")
            connection.exec_driver_sql(
                f"UPDATE orchestrator_training_data SET execution_plan = 'x' WHERE id = {ids[4]}"
            )
        app = visit("datasets", dataset="plans", version="1")
        click(app, "version_verify")
        assert "1 record of 40 are not what was frozen" in text(app)
        assert list(app.dataframe[0].value["example"]) == [ids[4]]

    def test_it_is_archived_and_taken_back(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database)
        app = visit("datasets", dataset="plans", version="1")
        click(app, "version_archive")
        assert where(app) == {}
        assert "Archived plans@1" in text(app)
        click(app, "notice_undo")
        assert versions.get(database, version.id).archived_at is None
        assert list(app.dataframe[0].value["name"]) == ["plans"]

    def test_every_split_has_a_link_for_every_format(self, visit: Visit, database: Database) -> None:
        some(database)
        version = freeze(database, "my plans/2")
        app = visit("datasets", dataset="my plans/2", version="1")
        counts = (version.manifest or {})["counts"]
        for kind in dataset_export.FORMATS:
            app.selectbox(key="export_format").set_value(kind).run()
            links = [link.proto for link in app.get("link_button")]
            assert [link.url for link in links] == [
                f"/api/datasets/my%20plans%2F2/1/export?format={kind}&split={split}"
                for split in ("train", "validation", "test", "all")
            ]
            number, what = (0, "pairs") if kind == "dpo" else (counts["train"], "record")
            assert f"{number} {what}" in links[0].label

    def test_a_file_of_the_original_system_is_shown_for_what_it_is(self, visit: Visit, database: Database) -> None:
        with database.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO training_datasets (name, version, example_count, status) VALUES ('old', 1, 12, 'legacy')"
            )
        app = visit("datasets", dataset="old", version="1")
        assert "file of the original system" in text(app)
        assert "version_export" not in keys(app)
        assert metrics(app)["Records"] == "12"


class TestComparing:
    def test_it_says_what_came_went_and_drifted(self, visit: Visit, database: Database) -> None:
        ids = some(database)
        freeze(database)
        add_tags(database, ids[:4], ["EXCLUDE"], actor="ada", reason="poor")
        freeze(database)

        app = visit("datasets", dataset="plans", version="1", **{"with": "plans@2"})

        assert "0 added" in text(app).replace("**", "")
        assert "4 removed" in text(app).replace("**", "")
        assert "36 the same" in text(app).replace("**", "")
        assert "-4 records" in text(app)
        assert "quality (within chance; 95 % interval -" in text(app)
        assert "Same settings: filter, recipe and splits are equal." in text(app)
        click(app, "compare_rows_removed")
        assert app.title[0].value == "Data"
        assert where(app)["id"] == [str(each) for each in ids[:4]]

    def test_the_sides_can_be_swapped(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database)
        freeze(database, "others", filter=Filter(intents=("finance",)))
        app = visit("datasets", dataset="plans", version="1", **{"with": "others@1"})
        click(app, "compare_swap")
        assert where(app) == {"dataset": ["others"], "version": ["1"], "with": ["plans@1"]}
        assert "26 added" in text(app).replace("**", "")

    def test_a_version_offers_the_others(self, visit: Visit, database: Database) -> None:
        some(database)
        freeze(database)
        freeze(database)
        app = visit("datasets", dataset="plans", version="2")
        click(app, "compare_go")
        assert where(app) == {"dataset": ["plans"], "version": ["1"], "with": ["plans@2"]}


def test_captured_text_is_never_markdown(visit: Visit, database: Database) -> None:
    evil = "![](http://evil.example/x.png) :red[no] <b>"
    some(database, user_request=evil, intent=evil)
    freeze(database, "n_ame *b*", recipe=Recipe(system_prompt=evil))
    for parameters in ({"new": "1", "intent": evil}, {"dataset": "n_ame *b*", "version": "1"}, {}):
        app = visit("datasets", **parameters)
        for kind in (app.markdown, app.caption, app.info, app.error, app.success, app.subheader):
            assert not any("![](http" in str(each.value) for each in kind)
        assert not any("![](http" in str(button.label) for button in app.button)
