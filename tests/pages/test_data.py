"""The data page: filter, table, acts on many, and the drawer."""

import datetime as dt
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.db import Database, workspaces
from core.examples import saved, store, tagging
from core.examples.filters import Filter
from tests.pages.acting import metrics
from tests.pages.conftest import Visit, text
from tests.served import START, add


def parameter(app: AppTest, name: str) -> str:
    """A parameter of the URL; AppTest gives a list for what a link set, and text for what the app set."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[-1]


def rows(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["request"])


def opened(visit: Visit, example_id: int, **state: object) -> AppTest:
    """The page with the drawer of one example open."""
    app = visit("data", example=str(example_id))
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app


def test_the_cards_show_what_there_is(visit: Visit, database: Database) -> None:
    add(
        database,
        {},
        {"quality_score": 0.4, "success": False},
        {"tags": ["EXCLUDE"]},
        {"quality_score": None, "success": None},
    )

    app = visit("data")

    assert metrics(app) == {
        "Examples": "4",
        "In this filter": "3",
        "Quality (0–1)": "0.60",
        "Success rate": "50 %",
        "Trainable": "3",
    }
    assert [metric.delta for metric in app.metric if metric.label == "Trainable"] == ["of 3"]
    assert len(app.get("vega_lite_chart")) == 3


def test_a_filter_that_teaches_nothing_says_so_loudly(visit: Visit, database: Database) -> None:
    add(database, {"execution_plan": "success", "execution_result": "N/A"})

    (card,) = (metric for metric in visit("data").metric if metric.label == "Trainable")

    assert (card.value, card.delta) == ("0", "nothing to learn here")


def test_an_empty_workspace_says_what_will_be_here(visit: Visit) -> None:
    app = visit("data")

    assert "No examples yet" in text(app)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"q_min": "0.5"}, ["Draft post 0"]),
        ({"intent": ["content"]}, ["Draft post 0"]),
        ({"intent": ["-"]}, ["Draft post 1"]),
        ({"success": "false"}, ["Draft post 1"]),
        ({"words": "post 1"}, ["Draft post 1"]),
        ({"from": "2026-01-02"}, ["Draft post 1"]),
        ({"to": "2026-01-02"}, ["Draft post 0"]),
        ({"tag": ["TEST"]}, ["Draft post 1"]),
        ({"without": ["TEST"]}, ["Draft post 2", "Draft post 0"]),
        ({"without": [""]}, ["Draft post 2", "Draft post 1", "Draft post 0"]),
    ],
)
def test_a_link_holds_the_filter(
    visit: Visit, database: Database, parameters: dict[str, str | list[str]], expected: list[str]
) -> None:
    add(database, {}, {"quality_score": 0.2, "intent": "", "success": False, "tags": ["TEST"]}, {"tags": ["EXCLUDE"]} if
        "without" in parameters else {"tags": ["EXCLUDE"], "withdrawn_at": START})  # fmt: skip

    app = visit("data", **parameters)

    assert rows(app) == expected


@pytest.mark.parametrize("parameters", [{"q_min": "much"}, {"from": "soon"}, {"q_min": "0.9", "q_max": "0.1"}])
def test_a_broken_link_is_said_and_shows_everything(
    visit: Visit, database: Database, parameters: dict[str, str]
) -> None:
    add(database, {})

    app = visit("data", **parameters)

    assert "The link holds a filter that cannot be used" in text(app)
    assert rows(app) == ["Draft post 0"]
    assert not any(name in app.query_params for name in parameters)


def test_widgets_change_the_filter_and_the_url(visit: Visit, database: Database) -> None:
    add(database, {}, {"quality_score": 0.2, "intent": "finance", "success": False})
    app = visit("data")

    app.slider(key="f_quality").set_range(0.0, 0.5).run()
    app.multiselect(key="f_intents").select("finance").run()
    app.selectbox(key="f_success").select("Failed").run()
    app.date_input(key="f_to").set_value(dt.date(2026, 1, 2)).run()

    assert rows(app) == ["Draft post 1"]
    assert parameter(app, "q_max") == "0.5"
    assert parameter(app, "intent") == "finance"
    assert parameter(app, "to") == "2026-01-03T00:00:00Z"
    app.button(key="filter_reset").click().run()
    assert len(rows(app)) == 2
    assert "q_max" not in app.query_params


def test_the_filter_survives_a_visit_to_another_page(visit: Visit, database: Database) -> None:
    add(database, {}, {"quality_score": 0.2})
    app = visit("data", q_max="0.5")

    app.query_params.clear()  # as the browser does on a change of pages
    app.switch_page("../../pages/importing.py").run()
    app.switch_page("../../pages/data.py").run()

    assert rows(app) == ["Draft post 1"]
    assert parameter(app, "q_max") == "0.5"


def test_a_first_date_after_the_last_is_said_and_changes_nothing(visit: Visit, database: Database) -> None:
    add(database, {})
    app = visit("data", to="2026-01-05")

    app.date_input(key="f_from").set_value(dt.date(2026, 2, 1)).run()

    assert "first date is after the last" in text(app)
    assert rows(app) == ["Draft post 0"]


def test_filters_are_saved_used_and_deleted(visit: Visit, database: Database) -> None:
    add(database, {}, {"quality_score": 0.2})
    app = visit("data", q_max="0.5")

    app.text_input(key="saved_new").set_value("the poor ones").run()
    app.button(key="saved_save").click().run()
    assert [kept.filter for kept in saved.list_filters(database)] == [Filter(quality_max=0.5)]
    app.button(key="filter_reset").click().run()
    app.button(key="saved_use").click().run()
    assert rows(app) == ["Draft post 1"]
    app.button(key="saved_delete").click().run()
    assert saved.list_filters(database) == []
    app.button(key="notice_undo").click().run()
    assert [kept.name for kept in saved.list_filters(database)] == ["the poor ones"]


def test_pages_of_the_table_go_forth_and_back(visit: Visit, database: Database) -> None:
    add(database, *({} for _ in range(30)))
    app = visit("data")

    app.selectbox(key="table_size").select(25).run()
    app.button(key="data_next").click().run()
    assert rows(app) == [f"Draft post {number}" for number in (4, 3, 2, 1, 0)]
    assert app.button(key="data_next").disabled
    app.button(key="data_previous").click().run()
    assert rows(app)[0] == "Draft post 29"
    app.selectbox(key="table_sort").select("oldest").run()
    assert rows(app)[0] == "Draft post 0"


def test_unscored_examples_are_kept_hidden_or_alone(visit: Visit, database: Database) -> None:
    add(database, {"quality_score": None}, {"quality_score": 0.3}, {"quality_score": 0.9})
    app = visit("data")

    app.segmented_control(key="f_unscored").set_value("hide").run()
    assert rows(app) == ["Draft post 2", "Draft post 1"]
    app.slider(key="f_quality").set_range(0.5, 1.0).run()
    app.segmented_control(key="f_unscored").set_value("keep").run()
    assert rows(app) == ["Draft post 2", "Draft post 0"]
    app.segmented_control(key="f_unscored").set_value("only").run()
    assert rows(app) == ["Draft post 0"]
    assert parameter(app, "unscored") == "only"
    assert "q_min" not in app.query_params


def test_tags_are_offered_with_their_counts_and_other_counts_leave_the_filter_alone(
    visit: Visit, database: Database
) -> None:
    add(database, {"tags": ["TEST"]}, {"tags": ["TEST", "EXCLUDE"]}, {"intent": "finance"})
    app = visit("data")
    assert "TEST 2" in tags_of(app, "Tags include").options

    app.multiselect(key="f_intents").select("finance").run()

    assert "TEST 0" in tags_of(app, "Tags include").options
    assert tags_of(app, "Tags exclude").value == ["EXCLUDE"]
    assert "without" not in app.query_params


def tags_of(app: AppTest, label: str) -> Any:
    """The list of tags with this label; its key changes with the counts in it."""
    (found,) = (each for each in app.multiselect if each.label == label)
    return found


def test_each_part_of_the_filter_is_a_chip_that_takes_it_off(visit: Visit, database: Database) -> None:
    add(database, {}, {"intent": "finance"}, {"tags": ["EXCLUDE"]})
    app = visit("data", intent=["content", "finance"], q_min="0.5")
    assert "hiding 1 EXCLUDE" in text(app)

    app.button(key="chip_intents_0").click().run()
    assert rows(app) == ["Draft post 1"]
    app.button(key="chip_intents_0").click().run()
    app.button(key="chip_quality").click().run()
    app.button(key="chip_show").click().run()

    assert len(rows(app)) == 3
    app.button(key="chip_exclude_tags").click().run()
    assert len(rows(app)) == 2


def test_selected_examples_are_tagged_at_once_and_undone(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {}, {})
    app = visit("data")
    app.session_state["data_selected"] = {ids[0], ids[2]}
    app.run()

    app.button(key="bulk_approve").click().run()

    assert "Tagged 2 examples with MANUAL_APPROVED." in text(app)
    assert [store.get(database, number).tags for number in ids] == [["MANUAL_APPROVED"], [], ["MANUAL_APPROVED"]]
    app.button(key="notice_undo").click().run()
    assert "Undone: 2 examples as before" in text(app)
    assert all(store.get(database, number).tags == [] for number in ids)


def test_a_whole_filter_is_tagged_only_after_a_question_with_the_exact_count(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {}, {"quality_score": 0.1})
    app = visit("data", q_min="0.5")

    app.multiselect(key="bulk_add_names").select("TEST").run()
    app.button(key="bulk_add_go").click().run()
    assert "This affects all 2 filtered examples." in text(app)
    assert store.get(database, ids[0]).tags == []
    app.button(key="modal_yes").click().run()

    assert not app.exception
    assert [store.get(database, number).tags for number in ids] == [["TEST"], ["TEST"], []]
    assert audit.entries(database)[0].actor == "local"


def test_a_refused_question_changes_nothing(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    app = visit("data")

    app.button(key="bulk_exclude").click().run()
    app.button(key="modal_no").click().run()

    assert store.get(database, example).tags == []
    assert not [button for button in app.button if button.key == "modal_yes"]


def test_a_tag_of_the_wrong_form_is_refused_in_words(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    app = visit("data")
    app.session_state["data_selected"] = {example}
    app.run()

    app.session_state["bulk_add_names"] = ["not a tag"]
    app.run()
    app.button(key="bulk_add_go").click().run()

    assert "is not a tag" in text(app)
    assert store.get(database, example).tags == []


def test_old_data_is_tagged_as_development_by_date(visit: Visit, database: Database) -> None:
    ids = add(
        database, {}, {}, {"tags": ["DEVELOPMENT"], "created_at": START}, {"tags": ["EXCLUDE"], "created_at": START}
    )
    app = visit("data")

    app.date_input(key="bulk_old_day").set_value(dt.date(2026, 1, 2)).run()
    assert app.button(key="bulk_old_go").label == "2 before 2026-01-02"
    app.button(key="bulk_old_go").click().run()

    assert "Tagged 2 examples with DEVELOPMENT." in text(app)
    assert [store.get(database, number).tags for number in ids] == [
        ["DEVELOPMENT"], [], ["DEVELOPMENT"], ["DEVELOPMENT", "EXCLUDE"],
    ]  # fmt: skip


def test_old_data_is_tagged_by_its_age_in_one_click_and_undone(visit: Visit, database: Database) -> None:
    now = dt.datetime.now(dt.UTC)
    ids = add(database, *({"created_at": now - dt.timedelta(days=days)} for days in (10, 40, 100, 200)))
    app = visit("data")
    labels = [app.button(key=f"bulk_old_{days}").label for days in (30, 90, 180)]
    assert labels == ["3 older than 30 days", "2 older than 90 days", "1 older than 180 days"]

    app.button(key="bulk_old_90").click().run()

    assert not app.exception
    assert "Tagged 2 examples with DEVELOPMENT." in text(app)
    assert [store.get(database, number).tags for number in ids] == [[], [], ["DEVELOPMENT"], ["DEVELOPMENT"]]
    app.button(key="notice_undo").click().run()
    assert all(store.get(database, number).tags == [] for number in ids)


def test_poor_examples_are_tagged_by_quality_within_the_filter(visit: Visit, database: Database) -> None:
    ids = add(database, {"quality_score": 0.3}, {"quality_score": 0.3, "intent": "finance"}, {})
    app = visit("data", intent=["content"])

    app.button(key="bulk_quality_go").click().run()
    app.button(key="modal_yes").click().run()

    assert [store.get(database, number).tags for number in ids] == [["LOW_QUALITY"], [], []]


def test_the_export_links_hold_the_filter_or_the_selection(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {})
    app = visit("data", q_min="0.5")
    assert {link.proto.url for link in app.get("link_button")} == {
        "/api/examples/export?format=jsonl&q_min=0.5",
        "/api/examples/export?format=csv&q_min=0.5",
    }, "the CSV is of the whole filter, not of the rows of this page"

    app.session_state["data_selected"] = {ids[1]}
    app.run()

    assert f"/api/examples/export?format=csv&without=&id={ids[1]}" in {
        link.proto.url for link in app.get("link_button")
    }


def test_captured_text_is_never_read_as_markdown(visit: Visit, database: Database) -> None:
    bad = "![x](http://evil.example/x.png) <b>bold</b> :red[no] $x$"
    (example,) = add(database, {"user_request": bad, "intent": bad, "execution_result": bad, "execution_plan": bad,
                                "source_agent": bad, "source_model": bad, "business_state": {bad: bad}})  # fmt: skip

    pages = [visit("data", intent=[bad]), opened(visit, example)]
    pages += [opened(visit, example, drawer_view=view) for view in ("As the model sees it", "Score", "Edit", "History")]

    for app in pages:
        assert not app.exception
        read = [*app.markdown, *app.caption, *app.error, *app.success, *app.info, *app.warning, *app.title]
        assert not [part.value for part in read if "](http" in part.value or "<b>" in part.value]


def test_the_drawer_shows_the_whole_example_and_its_plan_as_steps(visit: Visit, database: Database) -> None:
    (example,) = add(
        database, {"context": {"system": "Be brief.", "turns": [{"role": "user", "content": "Hello there"}]}}
    )

    seen = text(opened(visit, example))

    for part in (
        "Draft post 0",
        "1. content · draft",
        "because it was asked",
        "A post about lamp 0.",
        "Be brief.",
        "user: Hello there",
    ):
        assert part in seen


CALL = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": '{"item": "drill"}'}}
WITH_TOOLS = {
    "turns": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "No idea.", "weight": 0}],
    "steps": [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "42 there", "tool_call_id": "c1", "name": "stock"},
    ],
    "tools": '[{"type": "function", "function": {"name": "stock", "description": "How many there are"}}]',
    "rejected": {"content": "What?"},
}


def test_the_drawer_shows_calls_of_tools_their_results_and_what_must_not_be_learned(
    visit: Visit, database: Database
) -> None:
    (example,) = add(database, {"context": WITH_TOOLS})

    seen = text(opened(visit, example))

    for part in (
        "assistant (not learned: weight 0): No idea.",
        'calls stock({"item": "drill"}) [c1]',
        "tool stock c1: 42 there",
        "Rejected answer",
        "What?",
    ):
        assert part in seen
    app = opened(visit, example, drawer_view="As the model sees it")
    app.segmented_control(key=f"drawer_target_{example}").set_value("result").run()
    assert not app.exception
    assert 'calls stock({"item": "drill"}) [c1]' in text(app)
    assert "What?" not in text(app)


@pytest.mark.parametrize(
    "context",
    [
        {"steps": "x", "answer": 5, "tools": "no json", "rejected": [1], "turns": [7, {"tool_calls": [1]}]},
        {"answer": {"tool_calls": [CALL, "x"], "weight": 0}, "steps": [None]},
    ],
)
def test_the_drawer_shows_any_context_whatever_is_wrong_with_it(
    visit: Visit, database: Database, context: dict[str, Any]
) -> None:
    (example,) = add(database, {"context": context, "execution_result": None})
    for view in ("Read", "As the model sees it"):
        app = opened(visit, example, drawer_view=view)
        assert not app.exception


def test_the_drawer_shows_what_a_model_would_see_with_its_tokens(visit: Visit, database: Database) -> None:
    (example,) = add(database, {"execution_plan": None})

    seen = text(opened(visit, example, drawer_view="As the model sees it"))

    assert "User" in seen
    assert "A post about lamp 0." in seen
    assert "tokens" in seen


def test_an_edit_needs_a_reason_keeps_the_former_content_and_shows_it_as_a_diff(
    visit: Visit, database: Database
) -> None:
    (example,) = add(database, {})
    app = opened(visit, example, drawer_view="Edit")

    app.text_area(key=f"edit_result_{example}_1").set_value("A better post.")
    app.button(key="edit_save").click().run()
    assert "Say in a few words why" in text(app)
    app.text_input(key=f"edit_reason_{example}_1").set_value("it was dull")
    app.button(key="edit_save").click().run()

    assert not app.exception
    assert store.get(database, example).execution_result == "A better post."
    app = opened(visit, example, drawer_view="History")
    assert "it was dull" in text(app)
    assert any("-A post about lamp 0." in code.value and "+A better post." in code.value for code in app.code)


@pytest.mark.parametrize(
    "plan",
    [
        '{"steps":[{"agent":"content","why":"Ä"}]}',
        '{"steps": [{"agent": "content", "why": "Ä"}]}',
        '{"steps": [{"agent": "content", "why": "\\u00c4"}]}',
    ],
)
def test_a_plan_in_one_line_is_edited_indented_and_stored_as_it_was_written(
    visit: Visit, database: Database, plan: str
) -> None:
    (example,) = add(database, {"execution_plan": plan})
    app = opened(visit, example, drawer_view="Edit")
    field = app.text_area(key=f"edit_plan_{example}_1")
    assert field.value == '{\n  "steps": [\n    {\n      "agent": "content",\n      "why": "Ä"\n    }\n  ]\n}'

    field.set_value(field.value.replace("content", "market_insight").replace('"Ä"', '"Ä",'))
    app.text_input(key=f"edit_reason_{example}_1").set_value("another agent")
    app.button(key="edit_save").click().run()
    assert "The execution plan is not JSON: " in text(app)
    field = app.text_area(key=f"edit_plan_{example}_1")
    field.set_value(field.value.replace('"Ä",', '"Ä"'))
    app.button(key="edit_save").click().run()

    assert store.get(database, example).execution_plan == plan.replace("content", "market_insight")


def test_an_edit_of_what_somebody_else_edited_meanwhile_is_refused_and_keeps_the_typed_text(
    visit: Visit, database: Database
) -> None:
    (example,) = add(database, {})
    app = opened(visit, example, drawer_view="Edit")
    store.edit(
        database, example, {"execution_result": "Theirs."}, expected_revision=1, actor="ada", reason="mine first"
    )

    app.text_area(key=f"edit_result_{example}_1").set_value("Mine.")
    app.text_input(key=f"edit_reason_{example}_1").set_value("better")
    app.button(key="edit_save").click().run()

    assert "edited by somebody else" in text(app)
    assert app.text_area(key=f"edit_result_{example}_1").value == "Mine."
    assert store.get(database, example).execution_result == "Theirs."
    app.button(key="edit_reload").click().run()
    assert app.text_area(key=f"edit_result_{example}_2").value == "Theirs."


def test_a_score_is_overruled_with_a_reason(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    app = opened(visit, example, drawer_view="Score")

    app.number_input(key=f"score_value_{example}").set_value(0.25)
    app.text_input(key=f"score_reason_{example}").set_value("it missed the point")
    app.button(key="score_save").click().run()

    assert store.get(database, example).quality_score == 0.25
    assert "Quality 0.25" in text(app)  # the head of the drawer is not a run behind
    app = opened(visit, example, drawer_view="History")
    assert "it missed the point" in text(app)
    assert "from 0.80, succeeded to 0.25, succeeded" in text(app)


def test_one_key_scores_and_shows_the_next_and_is_undone(visit: Visit, database: Database) -> None:
    older, newest = add(database, {"quality_score": None}, {"success": None})
    app = opened(visit, newest)

    app.button(key="drawer_rate_4").click().run()

    assert not app.exception
    assert (store.get(database, newest).quality_score, store.get(database, newest).success) == (0.75, None)
    assert parameter(app, "example") == str(older)
    app.button(key="drawer_rate_1").click().run()
    assert store.get(database, older).quality_score == 0
    assert parameter(app, "example") == str(older), "the last one of the page stays"
    app.button(key="drawer_rate_undo").click().run()
    assert store.get(database, older).quality_score is None


def test_a_score_is_saved_and_the_next_one_shown(visit: Visit, database: Database) -> None:
    older, newest = add(database, {}, {})
    app = opened(visit, newest, drawer_view="Score")

    app.number_input(key=f"score_value_{newest}").set_value(0.25)
    app.button(key="score_save_next").click().run()

    assert store.get(database, newest).quality_score == 0.25
    assert parameter(app, "example") == str(older)
    assert f"Saved #{newest}." in text(app)


def test_a_draft_survives_the_way_to_another_example_and_a_reload(visit: Visit, database: Database) -> None:
    older, newest = add(database, {}, {})
    app = opened(visit, newest, drawer_view="Edit")
    app.text_area(key=f"edit_result_{newest}_1").set_value("Half a thought").run()

    app.button(key="data_drawer_next").click().run()
    assert app.text_area(key=f"edit_result_{older}_1").value == "A post about lamp 0."
    again = opened(visit, newest, drawer_view="Edit")  # another session, as after a reload

    assert again.text_area(key=f"edit_result_{newest}_1").value == "Half a thought"
    assert "Draft kept" in text(again)
    again.button(key="edit_discard").click().run()
    assert again.text_area(key=f"edit_result_{newest}_1").value == "A post about lamp 1."
    assert "Draft kept" not in text(again)


def test_a_saved_draft_is_a_draft_no_more(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    app = opened(visit, example, drawer_view="Edit")
    app.text_area(key=f"edit_result_{example}_1").set_value("Better.").run()
    app.text_input(key=f"edit_reason_{example}_1").set_value("dull").run()
    app.button(key="edit_save").click().run()

    assert store.get(database, example).execution_result == "Better."
    assert "Draft kept" not in text(app)


def test_an_address_opens_an_example_and_one_that_names_none_says_so(visit: Visit, database: Database) -> None:
    (example,) = add(database, {"user_request": "Draft the summer post"})

    assert f"#{example}" in text(visit("data", example=str(example)))
    assert "There is no example 99" in text(visit("data", example="99"))
    assert "an example has a number" in text(visit("data", example="-1"))


def test_tags_stand_in_the_history_with_who_gave_them(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    tagging.add_tags(database, [example], ["MANUAL_APPROVED"], actor="ada", reason="read it")

    seen = text(opened(visit, example, drawer_view="History"))

    assert "Tagged" in seen
    assert "by ada: read it" in seen


def test_an_example_without_a_score_gets_one_by_typing_it_and_loses_it_by_emptying_it(
    visit: Visit, database: Database
) -> None:
    (example,) = add(database, {"quality_score": None})
    app = opened(visit, example, drawer_view="Score")
    assert app.number_input(key=f"score_value_{example}").value is None

    for value in (0.8, None):
        app.number_input(key=f"score_value_{example}").set_value(value)
        app.text_input(key=f"score_reason_{example}").set_value("read it")
        app.button(key="score_save").click().run()

        assert f"Saved #{example}. What it was" in text(app)
        assert store.get(database, example).quality_score == value


def test_the_drawer_approves_and_takes_it_back(visit: Visit, database: Database) -> None:
    (example,) = add(database, {})
    app = opened(visit, example)

    app.button(key="drawer_approve").click().run()
    assert store.get(database, example).tags == ["MANUAL_APPROVED"]
    app.button(key="drawer_approve").click().run()
    assert store.get(database, example).tags == []


def test_next_and_previous_walk_the_rows_of_the_page(visit: Visit, database: Database) -> None:
    oldest, _, newest = add(database, {}, {}, {})
    app = opened(visit, newest)

    app.button(key="data_drawer_next").click().run()
    app.button(key="data_drawer_next").click().run()
    assert f"#{oldest} · 3 of 3" in text(app)
    assert app.button(key="data_drawer_next").disabled
    app.button(key="data_drawer_previous").click().run()
    assert "2 of 3" in text(app)


def test_acts_in_one_workspace_leave_the_other_alone(visit: Visit, database: Database) -> None:
    demo = workspaces.create(database, "demo")
    (company,) = add(database, {})
    (invented,) = add(demo, {})
    app = visit("data", workspace="demo")
    app.session_state["data_selected"] = {invented}
    app.run()

    app.button(key="bulk_exclude").click().run()

    assert store.get(demo, invented).tags == ["EXCLUDE"]
    assert store.get(database, company).tags == []
