"""The import page: everything is seen before anything is written."""

import io
import zipfile

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from core.db import Database
from core.examples import importing, store
from core.examples.filters import EVERYTHING
from core.settings import get_settings
from tests.pages.acting import where
from tests.pages.conftest import Visit, text
from tests.served import add
from ui.importing import run

CSV = (
    b"execution_id,user_request,intent,execution_result,quality_score,success\n"
    b"a,Draft a post,content,Here it is.,8,t\n"
    b"b,Compare the figures,finance,They grew.,0.9,t\n"
    b"c,Check it,compliance,success,7,f\n"
)


def uploaded(visit: Visit, content: bytes, name: str = "runs.csv") -> AppTest:
    app = visit("importing")
    app.file_uploader(key="import_file_0").upload(name, content).run()
    assert not app.exception
    return app


def again(app: AppTest) -> AppTest:
    """Back to the page, which an import left for Data."""
    app.switch_page("../../pages/importing.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}]},
        {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "It is 4."}]},
        {
            "contents": [
                {"role": "user", "parts": [{"text": "2+2?"}]},
                {"role": "model", "parts": [{"text": "It is 4."}]},
            ]
        },
        {"instruction": "2+2?", "output": "It is 4."},
        {"prompt": "2+2?", "chosen": "It is 4.", "rejected": "It is 5."},
        {"prompt": "2+2?", "completion": "It is 4."},
        {"input": "2+2?", "output": "It is 4."},
    ],
    ids=lambda row: " and ".join(row),
)
def test_conversations_need_no_choice_of_columns(visit: Visit, database: Database, row: dict[str, object]) -> None:
    app = uploaded(visit, orjson.dumps(row), "chats.jsonl")
    assert "1 new" in text(app)
    app.button(key="import_go").click().run()
    assert not app.exception
    (kept,) = store.page(database, EVERYTHING).rows
    assert kept.request == "2+2?"


def test_several_files_come_in_as_one(visit: Visit, database: Database) -> None:
    app = visit("importing")
    first, second = (f"question,answer\n{word},It is {word}.\n".encode() for word in ("red", "blue"))
    app.file_uploader(key="import_file_0").set_value(
        [("runs.csv", first, "text/csv"), ("runs.csv", second, "text/csv")]
    ).run()
    assert "**2 rows**" in text(app)
    app.button(key="import_go").click().run()
    assert not app.exception
    (record,) = importing.imports(database)
    assert (record.file_name, record.new) == ("2 files: runs.csv, runs.csv", 2)
    app.button(key="notice_undo").click().run()
    assert store.count(database, EVERYTHING) == 0


def test_an_archive_comes_in_as_the_files_in_it(visit: Visit, database: Database) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for word in ("red", "blue"):
            archive.writestr(f"{word}/runs.csv", f"question,answer\n{word},It is {word}.\n")
        archive.writestr("__MACOSX/._runs.csv", b"\0")
    app = uploaded(visit, packed.getvalue(), "runs.zip")
    assert "**2 rows**" in text(app)
    app.button(key="import_go").click().run()
    assert not app.exception
    (record,) = importing.imports(database)
    assert (record.file_name, record.new) == ("runs.zip", 2)
    app = uploaded(visit, packed.getvalue()[:-30], "runs.zip")
    assert [error.value for error in app.error if "cannot be unpacked" in error.value]


def test_several_files_of_the_inbox_come_in_as_one(visit: Visit, database: Database) -> None:
    inbox = get_settings().home / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for word in ("red", "blue"):
        (inbox / f"{word}.csv").write_text(f"question,answer\n{word},It is {word}.\n")
    app = visit("importing")
    app.segmented_control(key="import_source").set_value("From the inbox folder").run()
    assert "**1 row**" in text(app)
    app.multiselect(key="import_inbox_files").set_value([inbox / "blue.csv", inbox / "red.csv"]).run()
    app.button(key="import_go").click().run()
    assert store.count(database, EVERYTHING) == 2


def test_a_file_is_counted_imported_and_undone(visit: Visit, database: Database) -> None:
    app = uploaded(visit, CSV)
    for told in ("**3 rows**", "3 new", "0 changed", "0 unchanged", "0 invalid", "2 scores converted"):
        assert told in text(app)
    assert "**1 of 3 rows not trainable**" in app.warning[0].value
    assert store.count(database, EVERYTHING) == 0

    app.button(key="import_go").click().run()

    assert not app.exception
    assert "Imported runs.csv: 3 new, 0 changed, 0 unchanged" in text(app)
    assert store.count(database, EVERYTHING) == 3
    app.button(key="notice_undo").click().run()
    assert "Import undone: 3 rows withdrawn" in text(app)
    assert store.count(database, EVERYTHING) == 0
    (record,) = importing.imports(database)
    again(app).button(key=f"import_redo_{record.id}").click().run()
    assert store.count(database, EVERYTHING) == 3


def test_the_summary_and_the_button_stand_above_every_choice(visit: Visit) -> None:
    app = uploaded(visit, CSV)
    drawn = [getattr(each, "key", None) for each in app.main]
    assert drawn.index("import_go") < min(drawn.index(key) for key in ("import_tags", "import_skip", "import_scale"))


def test_every_row_is_shown_with_what_becomes_of_it(visit: Visit, database: Database) -> None:
    app = uploaded(visit, CSV)
    rows = app.dataframe[0].value
    assert list(rows["Status"]) == ["New", "New", "New, Not trainable"]
    assert list(rows["In the file"]) == ["8", "0.9", "7"]
    assert list(rows["Stored"]) == ["0.8", "0.9", "0.7"]
    next(each for each in app.segmented_control if each.label == "Show rows").set_value("Not trainable").run()
    assert list(app.dataframe[0].value["User request"]) == ["Check it"]

    app.button(key="import_go").click().run()
    app = uploaded(visit, CSV.replace(b"Draft a post", b"Draft two posts"))
    assert list(app.dataframe[0].value["Status"]) == ["Changed", "Unchanged", "Unchanged, Not trainable"]


def test_after_an_import_data_shows_what_it_brought(visit: Visit, database: Database) -> None:
    add(database, {}, {})
    app = uploaded(visit, CSV)
    app.button(key="import_go").click().run()
    assert app.title[0].value == "Data"
    assert len(where(app)["id"]) == 3


def test_after_a_large_import_data_shows_everything(
    visit: Visit, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_MOST_BY_ID", 2)
    add(database, {})
    app = uploaded(visit, CSV)
    app.button(key="import_go").click().run()
    assert app.title[0].value == "Data"
    assert "id" not in where(app)


def test_scores_that_can_be_read_in_two_ways_must_be_decided(visit: Visit) -> None:
    app = uploaded(visit, CSV.replace(b",7,f", b",70,f"))

    assert "Choose the score scale below" in text(app)
    assert app.button(key="import_go").disabled
    app.radio(key="import_scale").set_value("100").run()
    assert not app.button(key="import_go").disabled


def test_failing_rows_are_shown_with_their_reason_and_can_be_left_out(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"user_request,execution_result,quality_score\nGood,Yes it is,0.5\nBad,No it is not,much\n")
    assert "1 invalid row" in text(app)
    assert app.button(key="import_go").disabled
    assert sum("much" in str(frame.value) for frame in app.dataframe) == 1  # told once

    app.toggle(key="import_skip").set_value(True).run()
    app.button(key="import_go").click().run()

    assert store.count(database, EVERYTHING) == 1
    assert "1 invalid row skipped" in text(app)


def test_columns_are_mapped_with_a_live_preview(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"Frage,Antwort\nWas ist das?,Eine Lampe.\n")
    assert "Choose the column that holds the request" in text(app)
    assert app.dataframe[0].value.to_dict("records") == [{"Frage": "Was ist das?", "Antwort": "Eine Lampe."}]
    boxes = {box.label: box for box in app.selectbox}

    boxes["User request"].select("Frage").run()
    {box.label: box for box in app.selectbox}["Execution result"].select("Antwort").run()
    app.button(key="import_go").click().run()

    assert not app.exception
    (row,) = store.page(database, EVERYTHING).rows
    example = store.get(database, row.id)
    assert (example.user_request, example.execution_result) == ("Was ist das?", "Eine Lampe.")


def test_dates_that_can_be_read_in_two_ways_are_asked_about_once(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"user_request,execution_result,created_at\nDraft,Well done.,03/04/2026\n")
    assert "can be read in two ways" in app.warning[0].value
    assert not [button for button in app.button if button.key == "import_go"]

    app.radio(key="import_ask_dates").set_value("day-first").run()
    app.toggle(key="import_skip").set_value(True).run()  # the answer outlives another choice
    app.button(key="import_go").click().run()

    assert not app.exception
    (row,) = store.page(database, EVERYTHING).rows
    assert f"{row.created_at:%Y-%m-%d}" == "2026-04-03"


def test_another_encoding_is_asked_about_with_its_text(visit: Visit, database: Database) -> None:
    app = uploaded(visit, "question,answer\nWo ist das Café?,Hier.\n".encode("windows-1252"))
    assert "Café" in app.warning[0].value
    app.radio(key="import_ask_encoding").set_value("windows-1252").run()
    assert "Decided for this file: encoding: windows-1252" in text(app)
    app.button(key="import_go").click().run()
    assert [row.request for row in store.page(database, EVERYTHING).rows] == ["Wo ist das Café?"]


def test_words_of_the_outcome_are_given_a_meaning(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"user_request,execution_result,success\nDraft,Well done.,published\nPlan,Not so.,rejected\n")
    assert app.button(key="import_go").disabled
    app.selectbox(key="import_outcome_published").select("success")
    app.selectbox(key="import_outcome_rejected").select("failed")
    app.button(key="import_outcomes_use").click().run()
    app.button(key="import_go").click().run()

    assert not app.exception
    assert {row.request: row.success for row in store.page(database, EVERYTHING).rows} == {"Draft": True, "Plan": False}


def test_a_column_can_be_left_aside(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"user_request,execution_result,business_state\nDraft,Well done.,busy\n")
    assert app.button(key="import_go").disabled
    {box.label: box for box in app.selectbox}["Business state"].select("").run()
    assert "Columns not used." in text(app)
    app.button(key="import_go").click().run()
    assert store.count(database, EVERYTHING) == 1


def test_a_persons_score_stays_unless_the_file_shall_stand_above_it(visit: Visit, database: Database) -> None:
    content = b"execution_id,user_request,execution_result,quality_score\na,Draft,Well done.,0.5\n"
    app = uploaded(visit, content)
    app.button(key="import_go").click().run()
    (row,) = store.page(database, EVERYTHING).rows
    store.set_score(database, row.id, score=0.9, success=None, actor="ana", reason="read it")
    again(app).file_uploader(key="import_file_1").upload("runs.csv", content).run()
    assert "1 row keeps the score or edit made here" in text(app)
    app.toggle(key="import_overwrite").set_value(True).run()
    app.button(key="import_go").click().run()
    assert store.get(database, row.id).quality_score == 0.5


def test_columns_that_are_not_used_are_listed(visit: Visit) -> None:
    app = uploaded(visit, b"question,answer,topic\n1+2?,It is 3.,sums\n")
    assert "Columns not used." in text(app)
    assert [{"In the file": "topic", "How many": 1}] in [frame.value.to_dict("records") for frame in app.dataframe]
    app.button(key="import_go").click().run()
    assert "1 column not used" in text(app)


def test_a_broken_file_is_refused_in_one_sentence(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b"user_request,intent\nbroken \0 text,x\n")

    assert len(app.error) == 1
    assert not [button for button in app.button if button.key == "import_go"]
    assert store.count(database, EVERYTHING) == 0


def test_the_same_file_again_has_nothing_to_do(visit: Visit) -> None:
    content = b'{"user_request": "Draft", "execution_result": "Done well."}\n'
    app = uploaded(visit, content, "runs.jsonl")
    app.button(key="import_go").click().run()

    again(app).file_uploader(key="import_file_1").upload("runs.jsonl", content).run()

    assert "Nothing to do" in text(app)
    assert app.button(key="import_go").disabled


def test_big_files_come_from_the_inbox(visit: Visit, database: Database) -> None:
    app = visit("importing")
    inbox = get_settings().home / "inbox"
    app.segmented_control(key="import_source").set_value("From the inbox folder").run()
    assert str(inbox) in [code.value for code in app.code]
    inbox.mkdir()
    (inbox / "runs.jsonl").write_bytes(b'{"user_request": "Draft", "execution_result": "Well done."}\n')

    app.button(key="import_look_again").click().run()
    app.button(key="import_go").click().run()

    assert not app.exception
    assert store.count(database, EVERYTHING) == 1


def test_tags_are_added_to_every_new_row(visit: Visit, database: Database) -> None:
    app = uploaded(visit, b'{"user_request": "Draft", "execution_result": "Well done."}\n', "runs.jsonl")

    app.multiselect(key="import_tags").select("TEST").run()
    app.button(key="import_go").click().run()

    assert store.page(database, EVERYTHING).rows[0].tags == ["TEST"]
