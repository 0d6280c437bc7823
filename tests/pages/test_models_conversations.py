"""The drawer of a model that Ollama reads in another way than it was trained: both texts, side by side, as they are."""

from typing import Any

from core.db import Database
from tests.pages.conftest import text
from tests.pages.model_tabs import Visit, code, looked_at, visit
from tests.tuning.made import a_model

__all__ = ["visit"]

HOSTILE = "![x](http://evil.example/a.png) **bold** <b>tag</b>\n:material/home: [l](http://evil.example)"
SENTENCE = "Where a conversation has no system prompt, Ollama puts in another one than the training did."


def conversation(name: str, ollama: str | None, differs: str = "", tokens: int | None = 12) -> dict[str, Any]:
    return {
        "name": name, "trained": f"<s>{name}", "trained_tokens": 9, "ollama": ollama, "ollama_tokens": tokens,
        "differs": differs, "is_blanks": False,
    }  # fmt: skip


def kept(verdict: str, *conversations: dict[str, Any], sentence: str = SENTENCE) -> dict[str, Any]:
    return {"conversations": {"verdict": verdict, "sentence": sentence, "conversations": list(conversations)}}


def test_both_texts_stand_side_by_side(visit: Visit, database: Database) -> None:
    remote = kept("different", conversation("one", "<s>one", tokens=9), conversation("two", HOSTILE, SENTENCE))
    model = a_model(database, serving="failed", call_name="", serving_remote=remote)
    app = visit(model=str(model.id))
    assert "When it was last put into Ollama: Where a conversation has no system prompt, Ollama puts" in text(app)
    assert [each.value for each in app.code] == ["<s>two", HOSTILE]  # what is the same is not shown here
    assert "The training, 9 tokens" in text(app)
    assert "Ollama, 12 tokens" in text(app)
    columns = [block for block in app.columns if block.code]
    assert [block.code[0].value for block in columns] == ["<s>two", HOSTILE]
    assert not any(HOSTILE in each.value for each in (*app.markdown, *app.caption, *app.warning, *app.error))
    assert "model_serve" in {each.key for each in app.button}


def test_where_the_texts_part_is_said_and_further_conversations_are_folded_away(
    visit: Visit, database: Database
) -> None:
    one = {**conversation("one", "<s>\nx  y", SENTENCE), "trained": "<s>\nx y"}
    two = {**conversation("two", "<s>", "Other marks."), "trained": "<s>\n**bold**"}
    model = a_model(database, serving="failed", call_name="", serving_remote=kept("different", one, two))
    app = visit(model=str(model.id))
    assert "They part in line 2: the training has “x y” there, and Ollama “x  y”." in text(app)
    assert text(app).count("Ollama puts in another one") == 1  # not once more for the conversation
    (folded,) = [each for each in app.expander if "more conversation" in each.label]
    assert folded.label == "1 more conversation that differs"
    assert [each.value for each in folded.code] == ["<s>\n**bold**", "<s>"]
    assert "the training has “**bold**” there, and Ollama an empty line or none" in folded.text[-1].value
    assert "Other marks" in folded.caption[0].value


def test_what_ollama_cannot_show_is_said(visit: Visit, database: Database) -> None:
    remote = kept("different", conversation("one", None, "Ollama makes 12 tokens."), sentence=HOSTILE)
    app = visit(model=str(a_model(database, serving="failed", call_name="", serving_remote=remote).id))
    assert code(app) == "<s>one"
    assert "It does not show its text." in text(app)
    assert not any("](http" in each.value for each in app.warning)  # the sentence may hold what Ollama said


def test_a_model_that_is_ready_tells_it_under_what_it_is_made_of(visit: Visit, database: Database) -> None:
    refused = {**conversation("one", None, tokens=None), "trained": None, "trained_tokens": None}
    remote = kept("same", refused, conversation("two", "<s>two", tokens=None), sentence="Ollama makes the same text.")
    model = a_model(database, serving_remote=remote)
    app = visit(model=str(model.id))
    assert "last put into Ollama" not in text(app)
    app = looked_at(app, "Made of")
    assert "Ollama makes the same text" in text(app).replace("\\", "")
    assert "nothing was trained with one" in text(app)
    assert [each.value for each in app.code][:2] == ["<s>two", "<s>two"]
    assert "Ollama, tokens not known" in text(app)


def test_a_model_that_was_never_compared_shows_nothing_of_it(visit: Visit, database: Database) -> None:
    app = looked_at(visit(model=str(a_model(database).id)), "Made of")
    assert "Conversations" not in text(app)
