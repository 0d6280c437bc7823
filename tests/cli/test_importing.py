"""`python -m core import` and `undo-import`."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from core.cli import app, importing
from core.db import Database
from core.examples.importing import imports, run
from tests.examples.importing.files import execution, fingerprint, only, stored, written


@pytest.fixture(autouse=True)
def _this_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "database", lambda workspace="public": database)


def called(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments: object) -> dict[str, Any]:
    result = called(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_file_is_imported_and_taken_back(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, quality_score="7.5")])
    done = answer("import", path, "--tag", "TEST", "--tag", "FIRST")
    assert (done["new"], done["scale_used"], done["errors"]) == (2, "mixed", [])
    assert stored(database)[0]["tags"] == ["FIRST", "PRODUCTION", "TEST"]
    said = called("undo-import", done["import_id"])
    assert f"Import {done['import_id']}: 2 rows withdrawn, 0 changed rows restored" in said.stdout
    assert stored(database) == []
    assert answer("undo-import", done["import_id"], "--redo")["rows"] == 2


def test_an_archive_is_imported_as_the_files_in_it(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"{number}/runs.csv", written(tmp_path, "runs.csv", [execution(number)]).read_bytes())
    assert answer("import", path)["new"] == 2
    assert [each.file_name for each in imports(database)] == ["runs.zip"]
    path.write_bytes(path.read_bytes()[:-30])
    said = called("import", path)
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert "'runs.zip' is a ZIP archive and cannot be unpacked" in said.stderr


def test_a_dry_run_says_what_would_happen_and_writes_nothing(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, quality_score="7.5")])
    before = fingerprint(database)
    said = called("import", path, "--dry-run")
    assert said.exit_code == 0
    assert "2 rows (csv, executions): 2 new, 0 changed, 0 already there" in said.stdout
    assert "Two scales are mixed" in said.stdout
    seen = answer("import", path, "--dry-run", "--quality-scale", "10")
    assert {effect["scale"]: effect["changed"] for effect in seen["scale"]["effects"]}["mixed"] == 1
    assert fingerprint(database) == before


def test_a_dry_run_that_fails_still_prints_one_json_object(tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, success="perhaps")])
    result = called("import", path, "--dry-run", "--json")
    assert result.exit_code == 1
    assert [error["row"] for error in json.loads(result.stdout)["errors"]] == [2]


def test_a_file_whose_name_is_no_text_is_imported(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "l\udce4ufe.csv"
    written(tmp_path, "runs.csv", [execution(1)]).rename(path)
    run(database, path, actor="me")
    assert [each.file_name for each in imports(database)] == ["l\\udce4ufe.csv"]


def test_columns_are_mapped(database: Database, tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", [{"Frage": "1+2?", "Antwort": "3"}])
    answer("import", path, "--map", "user_request=Frage", "--map", "execution_result=Antwort")
    assert only(database)["execution_result"] == "3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "Frage"], "'Frage' is not a mapping; write FIELD=COLUMN"),
        (["--map", "wish=intent"], "'wish' in the mapping is not a field"),
        (
            ["--quality-scale", "7 stars"],
            "'7 stars' is not a quality scale; use auto, 1, thumbs, 1-5, 5, 10, 100, mixed, or a range",
        ),
        (["--tag", "bad tag"], "'bad tag' is not a tag"),
        ([], "Row 2, field success: 'perhaps' is not t, f, true"),
        (["--dry-run"], "Row 2, field success: 'perhaps' is not t, f, true"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    database: Database, tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, success="perhaps")])
    before = fingerprint(database)
    result = called("import", path, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert fingerprint(database) == before


def test_the_text_says_what_the_json_says(database: Database, tmp_path: Path) -> None:
    rows = [execution(1, execution_result="success", execution_plan="", tags="Blog Post"), execution(2), execution(2)]
    path = written(tmp_path, "runs.csv", [row | {"topic": "x"} for row in (*rows, execution(3, success="perhaps"))])
    for arguments in (["--dry-run", "--skip-invalid"], ["--skip-invalid"]):
        seen = answer("import", path, "--dry-run", "--skip-invalid")
        said = called("import", path, *arguments).stdout
        assert f"{seen['new']} new" in said
        assert f"{seen['duplicates']} repeated" in said
        assert f"{seen['failing']} failing" in said
        assert f"nothing a model could learn: {seen['nothing_to_learn']}. They are not trainable" in said
        assert "Not used: topic (3 rows)" in said
        assert "Blog Post is BLOG_POST" in said


def test_a_refusal_says_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(business_state="busy")])
    said = called("import", path).stderr
    assert "Row 1, field business_state: 'busy' is not a JSON object" in said
    assert "leave such rows out with --skip-invalid, or the column with --map business_state=." in said
    path = written(tmp_path, "rows.csv", [{"My Number": "1", "User Input": "1+2?", "The Answer": "3"}])
    assert '--map user_request="User Input"' in called("import", path).stderr


def test_columns_that_are_not_used_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", [{"question": "1+2?", "answer": "3", "topic": "sums"}])
    for arguments in (["--dry-run"], []):
        assert "Not used: topic (1 row)" in called("import", path, *arguments).stdout


def test_failing_rows_can_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "runs.csv", [execution(1), execution(2, success="perhaps")])
    said = called("import", path, "--skip-invalid")
    assert said.exit_code == 0
    assert "1 failing row was left out:\n  Row 2, field success" in said.stdout


def test_an_import_that_does_not_exist_cannot_be_undone() -> None:
    result = called("undo-import", 7)
    assert (result.exit_code, result.stderr) == (1, "There is no import 7.\n")
