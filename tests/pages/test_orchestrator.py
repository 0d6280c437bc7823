"""The orchestrator page: request, settings, what waits and runs, history, and the drawer of one execution."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import audit, deployments
from core.commands import presence, verbs
from core.commands.filters import CommandFilter
from core.commands.handlers import Handler
from core.db import Database, workspaces
from core.db.tables import historical_tasks, published_posts
from core.deployments import preferences as deployments_preferences
from core.deployments.preferences import preferences
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request, to_json
from core.orchestrator.records import Execution
from core.runtime.agents import registry
from core.settings import get_settings
from tests.orchestrator.driving import Failing, drive, submitted
from tests.pages.acting import click, keys, metrics, where
from tests.pages.conftest import Visit, text
from tests.served import add
from tests.tuning.made import a_model
from ui.orchestrator import acts, live

LONG_AGO = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
HOSTILE = "![x](http://evil.example/a.png) **bold** <b>tag</b> :material/home: [l](http://evil.example)"


def done(db: Database, words: str = "Write a blog post about job scheduling.", **more: Any) -> Execution:
    """An execution that was approved and carried out."""
    execution = submitted(db, words, **more)
    executions.approve(db, execution.execution_id, actor="ben")
    drive(db)
    return queries.get(db, execution.execution_id)


def failed(db: Database) -> Execution:
    """An execution whose first step failed for good."""

    def broken(_work: object) -> Any:
        raise Failing("The well is dry.")

    agents: dict[str, Handler] = {name: broken for name in registry() if name != "orchestrator"}
    execution = submitted(db, "Write a blog post about wells.")
    executions.approve(db, execution.execution_id, actor="ben")
    drive(db, {**registry(), **agents})
    return queries.get(db, execution.execution_id)


class TestTheRequest:
    def test_an_empty_workspace_says_what_the_page_is_for_and_begins_with_one_button(
        self, visit: Visit, database: Database
    ) -> None:
        app = visit("orchestrator")
        assert "No request yet" in text(app)
        click(app, "orch_example")
        (row,) = queries.page(database).rows
        assert (row.status, row.created_by) == ("planning", get_settings().actor)
        assert "orch_example" not in keys(app)

    def test_a_request_is_taken_with_everything_that_was_said(self, visit: Visit, database: Database) -> None:
        app = visit("orchestrator")
        app.text_area(key="orch_request").set_value("Announce the new plan")
        app.text_area(key="orch_constraints").set_value("no prices")
        app.text_input(key="orch_audience").set_value("owners")
        app.selectbox(key="orch_intent").set_value("social_post")
        click(app, "orch_submit")

        execution = queries.get(database, queries.page(database).rows[0].execution_id)
        assert execution.asked == Request("Announce the new plan", "social_post", "no prices", (), "owners")
        assert app.text_area(key="orch_request").value == ""
        assert "Request received. Planning" in toasted(app)
        assert "Planning…" in text(app)

    def test_what_stands_still_is_not_said_to_be_planned(self, visit: Visit, database: Database) -> None:
        execution = executions.submit(database, Request("Announce the new plan"), actor="ada")
        verbs.pause(database, CommandFilter(run=execution.execution_id), actor="ada", reason="")
        app = visit("orchestrator")
        assert "paused" in text(app)
        assert "Planning…" not in text(app)

    def test_an_empty_request_is_refused_and_nothing_is_lost(self, visit: Visit, database: Database) -> None:
        app = visit("orchestrator")
        app.text_input(key="orch_audience").set_value("owners")
        click(app, "orch_submit")
        assert "The request is empty" in text(app)
        assert app.text_input(key="orch_audience").value == "owners"
        assert queries.counts(database).total == 0

    def test_the_same_within_a_minute_is_asked_about(self, visit: Visit, database: Database) -> None:
        first = submitted(database, "Announce the new plan")
        app = visit("orchestrator")
        app.text_area(key="orch_request").set_value("Announce the new plan")
        click(app, "orch_submit")
        assert "The same was asked for by ada" in text(app)
        assert queries.counts(database).total == 1

        click(app, "orch_again_open")
        assert where(app)["run"] == [first.execution_id]
        assert app.text_area(key="orch_request").value == "Announce the new plan"

    def test_the_same_may_be_wanted_again(self, visit: Visit, database: Database) -> None:
        submitted(database, "Announce the new plan")
        app = visit("orchestrator")
        app.text_area(key="orch_request").set_value("Announce the new plan")
        click(app, "orch_submit")
        click(app, "orch_again_yes")
        assert queries.counts(database).total == 2
        assert app.text_area(key="orch_request").value == ""


class TestTheSettings:
    def test_turning_approval_off_is_confirmed_and_says_who_did_it(self, visit: Visit, database: Database) -> None:
        app = visit("orchestrator")
        assert "Plans run only after approval (default)." in text(app)
        app.toggle(key="orch_approval").set_value(False).run()
        assert app.toggle(key="orch_approval").value is True
        assert deployments_preferences.approval_required(database) is True

        click(app, "modal_yes")
        assert deployments_preferences.approval_required(database) is False
        assert app.toggle(key="orch_approval").value is False
        assert f"Turned off by {get_settings().actor} just now" in text(app)
        (line,) = audit.entries(database, subject="setting", subject_id="approval_required")
        assert line.reason == "on the orchestrator page"

    def test_turning_it_on_needs_no_question_and_can_be_undone(self, visit: Visit, database: Database) -> None:
        deployments_preferences.set_approval(database, False, actor="ben", reason="trust")
        app = visit("orchestrator")
        assert "Turned off by ben" in text(app)
        app.toggle(key="orch_approval").set_value(True).run()
        assert deployments_preferences.approval_required(database) is True
        click(app, "notice_undo")
        assert deployments_preferences.approval_required(database) is False

    def test_what_each_provider_lacks_is_said(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        app = opened(visit)
        assert "There is no key for OpenAI" in text(app)
        assert app.selectbox(key="orch_planner").options[0] == "Built-in planner (no model)"
        assert "free, and nothing leaves this computer" in text(app)

    def test_every_provider_that_is_ready_is_named(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
            monkeypatch.setenv(name, "sk-test")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme")
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
        told = text(opened(visit))
        for name in ("OpenAI", "Anthropic", "Google", "Google Cloud"):
            assert f"✓ {name} is ready." in told

    def test_a_model_that_costs_is_asked_about_with_who_sees_what(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        app = opened(visit)
        model = next(name for name in app.selectbox(key="orch_planner").options if name.startswith("openai:"))
        app.selectbox(key="orch_planner").set_value(model).run()
        assert "are sent to OpenAI, for $" in text(app)
        assert deployments_preferences.planner_model(database) is None

        click(app, "modal_yes")
        assert str(deployments_preferences.planner_model(database)) == model

    def test_a_model_whose_provider_is_not_ready_is_said(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
        deployments_preferences.set_planner_model(database, "anthropic:some-model", actor="ada", reason="")
        assert "The provider of this model is not ready" in text(opened(visit))

    def test_setting_another_model_ends_a_deployment_and_undo_deploys_it_again(
        self, visit: Visit, database: Database
    ) -> None:
        profile = {"system": "Plan as we do.", "examples": []}
        a_model(database, "brief", kind="profile", call_name="ollama:x", profile=profile)
        deployments.deploy(database, "brief", actor="ada")
        app = opened(visit)
        assert "deployed as brief; setting another one here ends that" in text(app)
        app.selectbox(key="orch_planner").set_value("").run()
        assert (deployments_preferences.planner_model(database), deployments.current(database)) == (None, None)
        click(app, "notice_undo")
        now = preferences(database)
        assert (str(now.planner_model), now.deployed is not None) == ("ollama:x", True)

    def test_judging_is_saved_together(self, visit: Visit, database: Database) -> None:
        app = opened(visit)
        app.slider(key="orch_threshold_0.6").set_value(0.75)
        click(app, "orch_judging_save")
        assert deployments_preferences.success_threshold(database) == 0.75
        assert "It holds for what is scored from now on" in text(app)


def opened(visit: Visit) -> AppTest:
    """The page with its settings open."""
    app = visit("orchestrator")
    app.session_state["orch_settings"] = True
    return app.run()


class TestWhatIsTrueNow:
    def test_the_cards_have_units(self, visit: Visit, database: Database) -> None:
        done(database)
        numbers = metrics(visit("orchestrator"))
        assert numbers["Executions"] == "1"
        assert numbers["Success rate"] == "–"  # nobody judged it
        assert numbers["Median duration"].endswith(" s")
        assert "Patterns in use" not in numbers, "it can only be 0 before patterns were accepted"

    def test_without_a_worker_it_says_so_and_what_to_do(self, visit: Visit, database: Database) -> None:
        assert "No worker is running" in text(visit("orchestrator"))
        presence.seen(database, "one", threads=1, agents=["orchestrator", "content"], running=0)
        assert "No running worker works for financial, market insight, compliance" in text(visit("orchestrator"))
        presence.seen(database, "two", threads=1, agents=sorted(registry()), running=0)
        assert "worker" not in text(visit("orchestrator")).replace("next free worker", "")

    def test_what_runs_shows_how_far_it_is(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        executions.approve(database, execution.execution_id, actor="ben")
        drive(database, agents=["market_insight", "content"], most=2)
        app = visit("orchestrator")
        states = queries.progress(database, execution.execution_id)
        completed = sum(state.status == "completed" for state in states)
        assert 0 < completed < len(states)
        assert f"orch_running_open_{execution.execution_id}" in keys(app)

    def test_what_ends_while_one_looks_is_said_until_it_was_seen(self, visit: Visit, database: Database) -> None:
        execution = submitted(database, "Write a blog post. " + HOSTILE)
        executions.approve(database, execution.execution_id, actor="ben")
        app = visit("orchestrator")
        drive(database)
        app.run()
        assert "Run completed, not scored" in text(app)
        assert not app.toast, "one message for one end"
        click(app, f"orch_ended_open_{execution.execution_id}")
        assert "Run completed" not in text(app)
        assert where(app)["run"] == [execution.execution_id]

    def test_what_was_not_understood_goes_on_by_a_choice_of_its_kind(self, visit: Visit, database: Database) -> None:
        execution = executions.submit(database, Request("asdf qwer zxcv"), actor="ada")
        app = visit("orchestrator")
        drive(database)
        app.run()
        assert "Run not understood: asdf qwer zxcv" in text(app)
        chosen = app.pills(key=f"orch_ended_kind_{execution.execution_id}")
        chosen.set_value("social_post").run()
        assert "Taken as social post" in toasted(app)
        drive(database)
        assert queries.get(database, execution.execution_id).status == "pending_approval"

    def test_what_fails_before_the_page_looks_again_is_said_all_the_same(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        submit = executions.submit

        def at_once(*given: Any, **named: Any) -> Execution:
            taken = submit(*given, **named)
            drive(database)
            return taken

        monkeypatch.setattr(executions, "submit", at_once)
        app = visit("orchestrator")
        app.text_area(key="orch_request").set_value("asdf qwer zxcv")
        click(app, "orch_submit")
        assert "Run not understood: asdf qwer zxcv" in text(app)

    def test_what_ended_can_be_dismissed(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        executions.approve(database, execution.execution_id, actor="ben")
        app = visit("orchestrator")
        drive(database)
        app.run()
        click(app, f"orch_ended_no_{execution.execution_id}")
        assert "Run completed" not in text(app)
        assert "run" not in where(app)

    @pytest.mark.parametrize(("answer", "success"), [("yes", True), ("no", False)])
    def test_one_click_says_whether_it_answered_the_request(
        self, visit: Visit, database: Database, answer: str, success: bool
    ) -> None:
        execution = submitted(database)
        executions.approve(database, execution.execution_id, actor="ben")
        app = visit("orchestrator")
        drive(database)
        app.run()
        assert "Did this answer the request?" in text(app)
        click(app, f"orch_ended_answer_{execution.execution_id}_{answer}")
        judged = queries.get(database, execution.execution_id)
        assert (judged.success, judged.scored_by) == (success, get_settings().actor)
        assert "Saved: it" in toasted(app)
        assert "Did this answer" not in text(app)

    def test_the_page_looks_more_often_just_after_an_act_of_ones_own(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        every: list[float] = []
        fragment = st.fragment

        def noting(*given: Any, run_every: float) -> Any:
            every.append(run_every)
            return fragment(*given, run_every=run_every)

        monkeypatch.setattr(st, "fragment", noting)
        app = visit("orchestrator")
        assert every.pop() == live.EVERY_S
        app.text_area(key="orch_request").set_value("Announce the new plan")
        click(app, "orch_submit")
        assert every.pop() == live.OWN_S
        monkeypatch.setattr(acts, "JUST_S", -1.0)
        app.run()
        assert every.pop() == live.EVERY_S


class TestWhatWaits:
    def test_a_plan_waits_with_its_steps_and_the_reason(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        app = visit("orchestrator")
        assert "Waiting for you: 1 plan" in text(app)
        assert "content · outline" in text(app)
        assert "6 steps · time not known yet · $0" in text(app)
        assert "Why: No past work on this topic." in text(app)
        assert "because the request says “blog post”" in text(app)
        click(app, f"orch_wait_approve_{execution.execution_id}")
        assert queries.get(database, execution.execution_id).decided_by == get_settings().actor
        assert "steps queued" in toasted(app)
        assert "Waiting for you" not in text(app)

    def test_somebody_who_was_slower_is_told_who_was_faster(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        app = visit("orchestrator")
        executions.reject(database, execution.execution_id, actor="ben", reason="not now")
        click(app, f"orch_wait_approve_{execution.execution_id}")
        assert "ben decided on it" in text(app)
        assert queries.get(database, execution.execution_id).status == "rejected"

    def test_who_asked_is_told_that_somebody_else_has_to_approve(
        self, visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"WHETSTONE_FOUR_EYES": "1", "WHETSTONE_ACTOR": "ada"}.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        execution = submitted(database)
        app = visit("orchestrator")
        click(app, f"orch_wait_approve_{execution.execution_id}")
        assert "somebody else has to approve its plan" in text(app)
        assert queries.get(database, execution.execution_id).status == "pending_approval"


class TestTheHistory:
    def test_each_row_has_icon_and_word(self, visit: Visit, database: Database) -> None:
        finished = done(database)
        submitted(database)
        waiting, completed = visit("orchestrator").dataframe[0].value.to_dict("records")
        assert (waiting["status"], waiting["success"]) == ("◔ awaiting approval", "– not known")
        assert (completed["status"], completed["success"]) == ("✓ completed", "– not known")  # nobody judged it
        number = len(done_plan.steps) if (done_plan := finished.plan) else 0
        assert completed["steps"] == f"{number} of {number}"

    def test_the_filter_stands_in_the_address(self, visit: Visit, database: Database) -> None:
        done(database)
        submitted(database)
        app = visit("orchestrator", execution_status="completed")
        assert list(app.dataframe[0].value["status"]) == ["✓ completed"]
        app.pills(key="orch_status").set_value(["pending_approval"]).run()
        assert where(app)["execution_status"] == ["pending_approval"]
        assert list(app.dataframe[0].value["status"]) == ["◔ awaiting approval"]

    def test_an_unknown_status_in_the_address_is_dropped(self, visit: Visit, database: Database) -> None:
        submitted(database)
        app = visit("orchestrator", execution_status="nonsense")
        assert "execution_status" not in where(app)
        assert len(app.dataframe[0].value) == 1

    def test_it_is_paged(self, visit: Visit, database: Database) -> None:
        ids = [
            executions.submit(database, Request(f"Request {number}"), actor="ada").execution_id for number in range(23)
        ]
        app = visit("orchestrator")
        assert "1 to 20 of 23 executions" in text(app)
        click(app, "orch_next")
        assert "21 to 23 of 23 executions" in text(app)
        assert list(app.dataframe[0].value["request"]) == ["Request 2", "Request 1", "Request 0"]
        assert app.button(key="orch_next").disabled
        click(app, "orch_previous")
        assert len(ids) - len(app.dataframe[0].value) == 3

    def test_a_selection_is_exported_by_its_ids(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        submitted(database, "Another")
        app = visit("orchestrator", execution_status="pending_approval")
        assert link(app, "orch_export") == "/api/executions/export?status=pending_approval"
        app.session_state["orch_selected"] = {execution.execution_id}
        app.run()
        assert link(app, "orch_export") == f"/api/executions/export?id={execution.execution_id}"
        click(app, "orch_deselect")
        assert "id=" not in link(app, "orch_export")


def toasted(app: AppTest) -> str:
    """What the page says in its corner, without the escapes."""
    return "\n".join(each.value for each in app.toast).replace("\\", "")


def link(app: AppTest, key: str) -> str:
    (found,) = (each.proto for each in app.get("link_button") if key in each.proto.id)
    return found.url


def drawer(visit: Visit, execution: Execution, view: str = "Plan") -> AppTest:
    """The page with the drawer of one execution open."""
    app = visit("orchestrator", run=execution.execution_id)
    if view in ("Edit", "Reject"):
        return click(app, f"orch_to_{view.lower()}")
    app.pills(key="orch_view").set_value(view).run()
    assert not app.exception
    return app


class TestTheDrawer:
    def test_a_link_opens_it_and_a_wrong_one_says_so(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        assert "no dependencies" in text(visit("orchestrator", run=execution.execution_id))
        assert "There is no execution 'nobody'" in text(visit("orchestrator", run="nobody"))
        assert "The link names no execution" in text(visit("orchestrator", run="a\0b"))

    def test_the_plan_stands_as_steps_with_reasons_and_what_they_need(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        said = text(drawer(visit, execution))
        assert execution.plan is not None
        for step in execution.plan.steps:
            assert f"Why: {step.reason}" in said
            if step.depends_on:
                needed = ", ".join(f"`{name}`" for name in step.depends_on)
                assert f"Step id `{step.id}`, runs after {needed}" in said

    def test_why_this_plan_is_told_as_it_was_stored_with_n(self, visit: Visit, database: Database) -> None:
        add(database, *({"user_request": "Write a blog post about job scheduling"} for _ in range(4)))
        execution = submitted(database)
        assert execution.context is not None
        said = text(drawer(visit, execution, "Why this plan"))
        assert "Similar past work** · n 4 (under 30: only indicative)" in said
        assert all(execution.context[name]["note"] in said for name in ("similar", "topic", "platforms", "patterns"))

    def test_why_names_the_tasks_and_posts_it_rests_on(self, visit: Visit, database: Database) -> None:
        row = {"topic": "job scheduling", "created_at": LONG_AGO}
        task = {"task_id": "t-1", "title": "Blog post about job scheduling", "quality_score": 0.8, **row}
        post = {"post_id": "p-1", "title": "About job scheduling", "content": HOSTILE, "platform": "blog", "views": 120}
        with database.begin() as connection:
            connection.execute(historical_tasks.insert().values(**task, completed_at=LONG_AGO))
            connection.execute(published_posts.insert().values(**post, **row, engagement=6, published_at=LONG_AGO))
        app = drawer(visit, submitted(database), "Why this plan")
        assert "Tasks and posts like it** · n 2 (under 30: only indicative)" in text(app)
        assert text(app).count("Compared by words.") == 1
        keys_ = {key for frame in app.dataframe if "key" in frame.value for key in frame.value["key"]}
        assert keys_ == {"t-1", "p-1"}
        measures = {name for frame in app.dataframe if "measure" in frame.value for name in frame.value["measure"]}
        assert measures == {"views", "engagement", "quality"}

    def test_approving_starts_it_once(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        app = drawer(visit, execution)
        executions.approve(database, execution.execution_id, actor="ben")
        click(app, "orch_approve")
        assert "ben decided on it" in text(app)
        assert queries.get(database, execution.execution_id).decided_by == "ben"
        assert "orch_approve" not in keys(app)

    def test_rejecting_needs_a_reason(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        app = drawer(visit, execution, "Reject")
        click(app, "orch_reject")
        assert "Say in a few words why" in text(app)
        app.text_area(key="orch_reject_reason").set_value("nobody asked for it")
        click(app, "orch_reject")
        rejected = queries.get(database, execution.execution_id)
        assert (rejected.status, rejected.decision_reason) == ("rejected", "nobody asked for it")
        assert "nobody asked for it" in text(app)

    def test_an_edited_plan_is_checked_step_by_step_and_approved(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        assert execution.plan is not None
        app = drawer(visit, execution, "Edit")
        assert "orch_approve" not in keys(app), "it would approve the plan as it was"
        app.segmented_control(key="orch_edit_as").set_value("JSON").run()
        values = to_json(execution.plan)
        values["steps"][1]["action"] = "sing"
        app.text_area(key="orch_edit_json_1").set_value(orjson.dumps(values).decode()).run()
        assert f"Step {values['steps'][1]['id']}, action: content has no action" in text(app)
        assert app.button(key="orch_edit_approve").disabled

        values = to_json(execution.plan)
        values["steps"][0]["reason"] = "because I say so"
        app.text_area(key="orch_edit_json_1").set_value(orjson.dumps(values).decode()).run()
        click(app, "orch_edit_approve")
        edited = queries.get(database, execution.execution_id)
        assert edited.status == "approved"
        assert edited.plan is not None
        assert edited.plan.steps[0].reason == "because I say so"
        assert "Edited by" in text(app)

    def test_the_table_of_steps_writes_the_same_plan(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        assert execution.plan is not None
        app = drawer(visit, execution, "Edit")
        app.segmented_control(key="orch_edit_as").set_value("JSON").run()
        assert orjson.loads(app.text_area(key="orch_edit_json_1").value or "") == to_json(execution.plan)

    def test_steps_are_edited_added_and_deleted_in_the_table(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        assert execution.plan is not None
        last = len(execution.plan.steps) - 1
        app = drawer(visit, execution, "Edit")
        app.session_state["orch_edit_steps_0"] = {
            "edited_rows": {0: {"reason": "because I say so"}},
            "added_rows": [{"id": "more", "what": "content.seo_fields", "reason": "to be found"}],
            "deleted_rows": [last],
        }
        app.run()
        assert "Step more, payload.topic: It is missing" in text(app)

        app.segmented_control(key="orch_edit_as").set_value("JSON").run()
        steps = orjson.loads(app.text_area(key="orch_edit_json_1").value or "")["steps"]
        assert steps[0]["reason"] == "because I say so"
        assert [step["id"] for step in steps] == [*(step.id for step in execution.plan.steps[:last]), "more"]

    def test_text_that_is_no_plan_stays_text(self, visit: Visit, database: Database) -> None:
        app = drawer(visit, submitted(database), "Edit")
        app.segmented_control(key="orch_edit_as").set_value("JSON").run()
        app.text_area(key="orch_edit_json_1").set_value("{ broken").run()
        assert "The plan, plan: It is not JSON" in text(app)
        app.segmented_control(key="orch_edit_as").set_value("Steps").run()
        assert not app.exception
        assert "cannot be shown as a table" in text(app)
        assert app.text_area(key="orch_edit_json_1").value == "{ broken"

    def test_who_edits_too_long_keeps_what_was_written(self, visit: Visit, database: Database) -> None:
        execution = submitted(database)
        app = drawer(visit, execution, "Edit")
        executions.approve(database, execution.execution_id, actor="ben")
        app.run()
        assert "can no longer be edited" in text(app)
        assert "Approved by ben" in text(app)
        assert any('"steps"' in block.value for block in app.code)

    @pytest.mark.parametrize("make", [submitted, lambda db: executions.submit(db, Request("x"), actor="ada")])
    def test_cancelling_ends_it(self, visit: Visit, database: Database, make: Callable[[Database], Execution]) -> None:
        execution = make(database)
        app = drawer(visit, execution)
        app.text_input(key="orch_cancel_reason").set_value("changed my mind").run()
        click(app, "orch_cancel")
        assert queries.get(database, execution.execution_id).status == "cancelled"
        assert "orch_cancel" not in keys(app)

    def test_a_failed_one_says_why_and_is_resumed(self, visit: Visit, database: Database) -> None:
        execution = failed(database)
        assert execution.status == "failed"
        app = drawer(visit, execution)
        assert any("The well is dry." in block.value for block in app.code)
        click(app, "orch_resume")
        drive(database)
        assert queries.get(database, execution.execution_id).status == "completed"

    def test_result_score_and_record_are_shown(self, visit: Visit, database: Database) -> None:
        execution = done(database)
        assert execution.result is not None
        assert execution.score_parts is not None
        assert any(block.value == execution.result["text"] for block in drawer(visit, execution, "Result").code)
        said = text(drawer(visit, execution, "Score"))
        assert all(part["reason"] in said and part["formula"] in said for part in execution.score_parts)
        assert f"Form: {execution.form:.2f} = " in said
        assert "Score: not known" in said
        app = drawer(visit, execution, "Result")
        assert "Did this answer the request?" in text(app)
        click(app, "orch_answered_yes")
        assert queries.get(database, execution.execution_id).success is True
        assert "Did this answer the request?" not in text(app)
        record = text(drawer(visit, execution, "Record"))
        assert "approved · by ben" in record
        assert execution.execution_id in record

    def test_the_score_is_overruled_with_a_reason(self, visit: Visit, database: Database) -> None:
        execution = done(database)
        id_ = execution.execution_id
        app = drawer(visit, execution, "Score")
        app.number_input(key=f"orch_override_score_{id_}").set_value(0.1)
        app.selectbox(key=f"orch_override_success_{id_}").set_value("no success")
        click(app, "orch_override")
        assert "Add a short reason" in text(app)
        app.text_input(key=f"orch_override_reason_{id_}").set_value("off the point")
        click(app, "orch_override")
        overruled = queries.get(database, id_)
        assert (overruled.score, overruled.success) == (0.1, False)
        assert "off the point" in text(app)

    def test_it_leads_to_its_example_and_its_file(self, visit: Visit, database: Database) -> None:
        demo = workspaces.create(database, "demo")
        execution = done(demo)
        example = executions.example_id(demo, execution.execution_id)
        app = visit("orchestrator", run=execution.execution_id, workspace="demo")
        (lead,) = (each.proto for each in app.get("page_link") if each.proto.label == "Open as example")
        assert f"id={example}" in lead.query_string
        assert "workspace=demo" in lead.query_string
        url = link(app, "orch_export_one")
        assert url == f"/api/executions/export?id={execution.execution_id}&workspace=demo"

    def test_captured_text_is_never_markdown(self, visit: Visit, database: Database) -> None:
        execution = done(
            database, HOSTILE, constraints=HOSTILE, audience=HOSTILE, platforms=(HOSTILE,), intent=HOSTILE[:200]
        )
        for view in ("Plan", "Why this plan", "Result", "Score", "Record"):
            app = drawer(visit, execution, view)
            for kind in (app.markdown, app.caption, app.error, app.warning, app.info, app.success, app.title):
                assert [each.value for each in kind if "![x](http" in each.value or "<b>" in each.value] == []
            labels = [each.label for each in (*app.button, *app.expander)]
            assert not any("evil" in label for label in labels)
