"""Which scale scores are on, and what each choice does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing import ImportOptions, detect_scale
from tests.examples.importing.files import execution, fingerprint, imported, stored, written


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([], "1"),
        ([None, None], "1"),
        ([0, 1], "1"),
        ([0.2, 0.9, 1.0, None], "1"),
        ([0.52, 0.78, 5.84, 7.33], "mixed"),
        ([0, 1, 5, 10], "10"),
        ([6.5, 7.25], "10"),
        ([0, 55, 100], "100"),
        ([12, 25, 8, 90, 64], "100"),
        ([0, 1, 55, 100], None),
        ([5, 10, 11], None),
        ([12, 15, 8.5], None),
        ([5, 4, 5, 1, 3], None),
        ([4.5, 3, 2], None),
        ([7, 6, 5, 7, 80, 65, 70, 82], None),
        ([-1, 0, 1, 1], "thumbs"),
        ([-1, 0.5, 0.8], None),
        ([0.5, 1.5, 4.5], None),
        ([0.2, 1.5, 2, 8], None),
        ([0.5, 11], None),
        ([0.5, 7, 85], None),
        ([1, 2, 3, 4, 5, 6, 7] * 3, None),
        ([1, 2, 3, 4, 5, 6, 7, 8] * 3, "10"),
        ([1, 2, 3, 4, 6, 7] * 5, "10"),
    ],
)
def test_the_scale_is_detected(scores: list[float | None], scale: str | None) -> None:
    assert detect_scale(scores).scale == scale


def test_a_scale_of_agreement_is_offered_where_it_may_be_one() -> None:
    finding = detect_scale([1, 2, 3, 4, 5, 6, 7] * 3)
    assert finding.effects[0].scale == "1-7"
    assert finding.effects[0].maximum == 1
    assert "scale from 1 to 7" in finding.explanation


def test_each_choice_says_what_it_would_do() -> None:
    effects = {effect.scale: effect for effect in detect_scale([0, 0.5, 5, 50]).effects}
    told = {scale: (e.changed, e.rejected, e.minimum, e.maximum) for scale, e in effects.items()}
    assert {scale: told[scale] for scale in ("1", "10", "100", "mixed")} == {
        "1": (0, 2, 0, 0.5),
        "10": (2, 1, 0, 0.5),
        "100": (3, 0, 0, 0.5),
        "mixed": (2, 0, 0, 0.5),
    }
    assert effects["mixed"].mean == pytest.approx(0.375)


@given(st.lists(st.none() | st.just(-1.0) | st.floats(0, 100)))
def test_no_choice_ever_leaves_the_common_scale(scores: list[float | None]) -> None:
    for effect in detect_scale(scores).effects:
        assert effect.minimum is None or 0 <= effect.minimum <= (effect.maximum or 0) <= 1


@pytest.mark.parametrize(
    ("given", "scale", "kept", "source"),
    [
        (["0.5", "0.25"], "auto", [0.5, 0.25], [None, None]),
        (["0.52", "6.84"], "auto", [0.52, 0.684], [None, 6.84]),
        (["5", "10"], "auto", [0.5, 1.0], [5.0, 10.0]),
        (["50", "100"], "auto", [0.5, 1.0], [50.0, 100.0]),
        (["0.5", "7", "85"], "mixed", [0.5, 0.7, 0.85], [None, 7.0, 85.0]),
        (["0.5", "85"], "100", [0.005, 0.85], [0.5, 85.0]),
        (["0", "10"], "auto", [0.0, 1.0], [None, 10.0]),
        (["5", "4", "1"], "1-5", [1.0, 0.75, 0.0], [5.0, 4.0, 1.0]),
        (["5", "4", "0"], "5", [1.0, 0.8, 0.0], [5.0, 4.0, None]),
        (["7", "4", "1"], "1-7", [1.0, 0.5, 0.0], [7.0, 4.0, 1.0]),
        (["-1", "0", "1"], "auto", [0.0, 0.5, 1.0], [-1.0, 0.0, None]),
        (["7", "6", "80", "82"], "mixed", [0.7, 0.6, 0.8, 0.82], [7.0, 6.0, 80.0, 82.0]),
        (["85%", "7,5 %", "100 %"], "auto", [0.85, 0.075, 1.0], [85.0, 7.5, 100.0]),
        (["85%", "7", "9"], "auto", [0.85, 0.7, 0.9], [85.0, 7.0, 9.0]),
        (["85%"], "100", [0.85], [85.0]),
        (["0,85", "1", "0,5"], "auto", [0.85, 1.0, 0.5], [None, None, None]),
        (["👍", "down", "True", "thumbs up"], "auto", [1.0, 0.0, 1.0, 1.0], [None, None, None, None]),
        (["👍🏽", "👎🏿", "👍️"], "auto", [1.0, 0.0, 1.0], [None, None, None]),
        (["#N/A", "<NA>", "#DIV/0!", "-", "0.5"], "auto", [None, None, None, None, 0.5], [None] * 5),
        (["NaN", "inf", "-Infinity", "n/a", "0.5"], "auto", [None, None, None, None, 0.5], [None] * 5),
    ],
)
def test_scores_are_brought_to_one_scale_and_kept_as_they_were(
    database: Database, tmp_path: Path, given: list[str], scale: str, kept: list[float], source: list[float | None]
) -> None:
    rows = [execution(number, quality_score=score) for number, score in enumerate(given)]
    imported(database, written(tmp_path, "runs.csv", rows), quality_scale=scale)
    assert [row["quality_score"] for row in stored(database)] == kept
    assert [row["source_score"] for row in stored(database)] == source


def test_the_question_shows_what_each_scale_makes_of_the_file(database: Database, tmp_path: Path) -> None:
    rows = [execution(number, quality_score=score) for number, score in enumerate(["5", "4", "5", "1", "3"])]
    path = written(tmp_path, "runs.csv", rows)
    with pytest.raises(ImportRefused) as refused:
        imported(database, path)
    assert "may be stars from 1 to 5" in str(refused.value)
    assert "--quality-scale 1-5 (5 scores as 1 to 5: 5 is 1 (row 1), 4 is 0.75 (row 2), 1 is 0 (row 4)" in str(
        refused.value
    )
    assert "--quality-scale 10 (5 scores as 0 to 10: 5 is 0.5" in str(refused.value)


def test_mixed_says_which_rows_it_reads_how() -> None:
    (mixed,) = (effect for effect in detect_scale([7, 6, 80, 0.9]).effects if effect.scale == "mixed")
    assert mixed.reads == (
        "1 score as 0 to 1: 0.9 is 0.9 (row 4)",
        "2 scores as 0 to 10: 7 is 0.7 (row 1), 6 is 0.6 (row 2)",
        "1 score as 0 to 100: 80 is 0.8 (row 3)",
    )


def test_a_scale_that_cannot_be_told_has_to_be_chosen(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1, quality_score="0.5"), execution(2, quality_score="85")])
    before = fingerprint(database)
    with pytest.raises(ImportRefused, match=r"scale of the scores is not clear.*Choose 100"):
        imported(database, path)
    assert fingerprint(database) == before
    preview = importing.preview(database, path)
    assert (preview.scale_used, preview.scale.scale, preview.new) == (None, None, 2)


def test_a_score_above_the_chosen_scale_fails_its_row(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, quality_score="7.5")])
    with pytest.raises(ImportRefused, match=r"Row 2, field quality_score: 7.5 is not at most 1"):
        imported(database, path, quality_scale="1")
    preview = importing.preview(database, path, ImportOptions(quality_scale="1"))
    assert (preview.failing, preview.errors[0].row) == (1, 2)
    assert imported(database, path, quality_scale="1", skip_invalid=True).skipped == 1
    assert len(stored(database)) == 1
