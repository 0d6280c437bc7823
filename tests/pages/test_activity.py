"""The activity page: sentences, a filter in the address, and one line with before beside after."""

import pytest
from streamlit.testing.v1 import AppTest

from core import audit
from core.audit import Entry
from core.db import Database
from core.examples import store, tagging
from tests.pages.acting import click, keys
from tests.pages.conftest import Visit, text
from tests.served import START, add
from ui.activity import sentences
from ui.activity.table import DRAWER


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["what"])


def test_an_untouched_workspace_says_what_will_be_listed(visit: Visit) -> None:
    app = visit("activity")
    assert "No activity in this workspace yet" in text(app)
    assert {"activity_import", "demo_offer"} <= keys(app)


def test_acts_are_sentences_and_older_ones_are_a_click_away(visit: Visit, database: Database) -> None:
    ids = add(database, {})
    for number in range(51):
        tagging.add_tags(database, ids, [f"T{number}"], actor="ada", reason=f"reason {number}")

    app = visit("activity")
    assert shown(app)[0] == "added T50 to 1 example"
    assert len(shown(app)) == 50
    click(app, "activity_next")
    assert shown(app) == ["added T0 to 1 example"]
    click(app, "activity_previous")
    assert len(shown(app)) == 50


def test_the_filter_narrows_by_person_verb_and_words(visit: Visit, database: Database) -> None:
    ids = add(database, {}, {})
    tagging.add_tags(database, ids, ["GOOD"], actor="ada", reason="read them")
    store.set_score(database, ids[0], score=0.9, success=True, actor="ben", reason="fits")

    app = visit("activity")
    assert shown(app) == [f"scored example {ids[0]} · 0.90", "added GOOD to 2 examples"]
    app.multiselect(key="act_who").select("ada").run()
    assert shown(app) == ["added GOOD to 2 examples"]
    app.multiselect(key="act_who").set_value([]).run()
    app.multiselect(key="act_what").select("score").run()
    assert shown(app) == [f"scored example {ids[0]} · 0.90"]
    app.multiselect(key="act_what").set_value([]).run()
    app.text_input(key="act_words").set_value("READ").run()
    assert shown(app) == ["added GOOD to 2 examples"]
    app.text_input(key="act_words").set_value("nobody did this").run()
    assert "No activity matches this filter" in text(app)
    assert not app.exception


def test_a_link_opens_a_filter(visit: Visit, database: Database) -> None:
    ids = add(database, {})
    tagging.add_tags(database, ids, ["GOOD"], actor="ada", reason="read it")
    tagging.add_tags(database, ids, ["FINE"], actor="ben", reason="read it")
    app = visit("activity", act_words="fine")
    assert shown(app) == ["added FINE to 1 example"]


LINES = [
    ("execution", "execution", "0b6c7d2e-1111-4222-8333-944455556666", {"status": "approved"}, "approved run 0b6c7d2e"),
    ("execution", "execution", "run-7", {"status": "pending_approval"}, "planned run run-7, awaiting approval"),
    ("tuning", "job", "3", {"state": "succeeded"}, "finished job 3"),
    ("tuning", "job", "3", {"state": "queued"}, "queued: job 3"),
    ("tuning", "job", "3", {"asked": "cancel"}, "asked job 3 to cancel"),
    ("import", "import", "1", {"file": "runs.csv", "new": 3, "changed": 1}, "imported runs.csv · 3 new, 1 changed"),
    ("create", "dataset", "1", {"name": "plans", "version": 2}, "requested dataset plans v2"),
    ("setting", "setting", "approval_required", {"value": False}, "changed the setting approval required to off"),
    ("deploy", "deployment", "1", {"name": "plans-2"}, "deployed plans-2"),
    ("create token", "token", "3", {"name": "ci", "role": "viewer"}, "made the token ci"),
    ("revoke token", "token", "3", {"name": "ci", "status": "revoked"}, "revoked the token ci"),
    ("something new", "thing", "9", None, "something new: thing 9"),
    ("say kind", "execution", "run-7", "no object", "named the kind of work of run run-7"),
]


@pytest.mark.parametrize(("action", "subject", "subject_id", "after", "expected"), LINES)
def test_a_line_is_a_sentence(action: str, subject: str, subject_id: str, after: object, expected: str) -> None:
    line = Entry(1, START, "ada", action, subject, subject_id, None, after, "", None)
    assert sentences.sentence(line) == expected


@pytest.mark.parametrize(
    ("subject", "subject_id", "leads"),
    [
        ("example", "7", True), ("execution", "run-1", True), ("job", "3", True), ("model", "2", True),
        ("dataset", "1", True), ("pattern", "abc", True), ("import", "1", True), ("setting", "budget", False),
        ("example", "", False), ("job", "9" * 40, False), ("example", "²", False),
    ],
)  # fmt: skip
def test_a_line_leads_to_its_thing(monkeypatch: pytest.MonkeyPatch, subject: str, subject_id: str, leads: bool) -> None:
    monkeypatch.setattr(sentences.addresses, "workspace", dict)
    line = Entry(1, START, "ada", "edit", subject, subject_id, None, None, "", None)
    assert (sentences.target(line) is not None) is leads


def test_a_line_is_opened_with_before_beside_after(visit: Visit, database: Database) -> None:
    (first,) = add(database, {})
    store.set_score(database, first, score=0.9, success=True, actor="ben", reason="fits **well**")
    line = audit.entries(database, limit=1)[0]

    app = visit("activity")
    app.session_state["activity_open"] = line.id
    app.session_state["modal"] = DRAWER.window
    app.run()

    assert not app.exception
    assert len(app.json) == 2
    assert f"ben scored example {first} · 0.90" in text(app)
