"""ZIP archives: the files in them come in as several files do; what cannot be unpacked, or should not, is told why."""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from core.db import Database
from core.errors import ImportRefused
from core.examples import importing
from core.examples.importing.reading import archives
from tests.examples.importing.files import as_csv, as_jsonl, as_parquet, imported, stored

ONE, TWO, THREE = ([{"question": f"What is {number}?", "answer": f"It is {number}."}] for number in (1, 2, 3))


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def written(folder: Path, content: bytes, name: str = "rows.zip") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(database: Database, path: Path) -> str:
    """The same sentence by looking, by previewing and by importing."""
    said = set()
    for act in (importing.inspect, lambda it: importing.preview(database, it), lambda it: imported(database, it)):
        with pytest.raises(ImportRefused) as error:
            act(path)
        said.add(str(error.value))
    assert len(said) == 1
    assert stored(database) == []
    return said.pop()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_files_of_an_archive_are_one_import(database: Database, tmp_path: Path, temporary: Path, method: int) -> None:
    files = {
        "deep/in/folders/rows.csv": as_csv(ONE),
        "rows.jsonl": as_jsonl(TWO),
        "train/data.parquet": as_parquet(THREE),
        "train/dataset_info.json": b"{}",
        "__MACOSX/._rows.jsonl": b"\0\5\26\7",
        "train/.hidden.csv": b"nothing",
        ".git/rows.csv": b"nothing",
        "README.md": b"# Rows",
    }
    path = written(tmp_path, zipped(files, method))
    assert importing.inspect(path).rows == tuple(ONE)
    foreseen = importing.preview(database, path)
    assert (foreseen.rows, foreseen.new, foreseen.format) == (3, 3, "csv, jsonl, parquet")
    result = imported(database, path)
    assert (result.new, result.format) == (3, "csv, jsonl, parquet")
    assert [row["execution_result"] for row in stored(database)] == ["It is 1.", "It is 2.", "It is 3."]
    assert [each.file_name for each in importing.imports(database)] == ["rows.zip"]
    assert imported(database, path).same == 3
    assert list(temporary.iterdir()) == []


def test_archives_stand_beside_other_files_and_may_have_any_name(database: Database, tmp_path: Path) -> None:
    one = written(tmp_path, zipped({"a.csv": as_csv(ONE)}), "one")
    two = written(tmp_path, as_jsonl(TWO), "two.jsonl")
    three = written(tmp_path, zipped({"a.csv": as_csv(THREE), "a.csv/": b""}), "three.zip")
    result = importing.run(database, [one, two, three], actor="ada")
    assert result.new == 3
    assert [each.file_name for each in importing.imports(database)] == ["3 files: one, two.jsonl, three.zip"]


@pytest.mark.parametrize("name", ["export", "export.txt"])
def test_a_single_file_may_have_any_ending(database: Database, tmp_path: Path, name: str) -> None:
    assert imported(database, written(tmp_path, zipped({name: as_csv(ONE), "._x": b""}))).new == 1


def test_a_failing_row_is_named_with_its_file(database: Database, tmp_path: Path) -> None:
    files = {"a/good.csv": as_csv(ONE), "b/bad.jsonl": as_jsonl([*TWO, {"question": "", "answer": "?"}])}
    with pytest.raises(ImportRefused, match=r"^Row 2, field user_request .*of bad\.jsonl: '' is not a text"):
        imported(database, written(tmp_path, zipped(files)))


def _with_central(content: bytes, place: int, value: bytes) -> bytes:
    """The archive with other bytes in its list of files, of its first file."""
    at = content.index(b"PK\x01\x02") + place
    return content[:at] + value + content[at + len(value) :]


WHOLE = zipped({"rows.csv": as_csv(ONE * 50)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped({}), "The ZIP archive 'rows.zip' is empty: it holds no file."),
        (zipped({"folder/": b""}), "The ZIP archive 'rows.zip' is empty: it holds no file."),
        (zipped({"a.md": b"#", "b.png": b"x"}), "holds no file to import: none ends in .csv,"),
        (zipped({"__MACOSX/a.csv": b"#", ".b.csv": b"x"}), "holds no file to import: none ends in .csv,"),
        (zipped({"a.csv": as_csv(ONE), "in/more.ZIP": WHOLE}), "holds another archive, 'in/more.ZIP'; unpack that"),
        (zipped({"a.csv": as_csv(ONE), "more.tar": b"x"}), "holds another archive, 'more.tar'; unpack that"),
        (zipped({"more.csv": WHOLE}), "The file 'more.csv' is a ZIP archive or an Excel workbook"),
        (zipped({"../../rows.csv": b"x"}), "is not safe to unpack: it names '../../rows.csv', a place outside of it."),
        (zipped({"/etc/rows.csv": b"x"}), "is not safe to unpack: it names '/etc/rows.csv', a place outside of it."),
        (zipped({"a\\..\\..\\rows.csv": b"x"}), "is not safe to unpack"),
        (zipped({"C:rows.csv": b"x"}), "is not safe to unpack: it names 'C:rows.csv'"),
        (_with_central(WHOLE, 8, b"\x01\x00"), "is encrypted: 'rows.csv' needs a password. Unpack it"),
        (
            _with_central(WHOLE, 24, b"\xff\xff\xff\xf0"),
            "unpacks to 3,855 MiB, and 1,024 MiB are allowed for one of its",
        ),
        (_with_central(WHOLE, 24, b"\x10\0\0\0"), "is a ZIP archive and cannot be unpacked: Bad CRC-32"),
        (_with_central(WHOLE, 10, b"\x63\0"), "cannot be unpacked: That compression method is not supported"),
        (WHOLE[:-30], "is a ZIP archive and cannot be unpacked: File is not a zip file. Is it cut?"),
        (WHOLE[:60] + b"\xff" * 40 + WHOLE[100:], "is a ZIP archive and cannot be unpacked: "),
        (
            WHOLE[: WHOLE.rindex(b"PK\x05\x06") + 12] + b"\0\0\0\x10" + WHOLE[-6:],
            "holds more than 10,000 files; import a folder of them",
        ),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/sheet.xml": b"<x/>"}), "an Excel workbook; save the sheet as CSV"),
    ],
)
def test_what_cannot_be_unpacked_or_should_not_is_a_sentence(
    database: Database, tmp_path: Path, temporary: Path, content: bytes, said: str
) -> None:
    found = refusal(database, written(tmp_path, content))
    assert said in found
    assert list(temporary.iterdir()) == []
    assert not (tmp_path.parent / "rows.csv").exists()


def test_an_archive_of_very_many_files_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_MOST_FILES", 2)
    path = written(tmp_path, zipped({f"{number}.csv": as_csv(ONE) for number in range(3)}))
    assert "holds more than 2 files" in refusal(database, path)


def test_links_are_passed_over(database: Database, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("passwords.csv")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("rows.csv", as_csv(ONE))
    assert imported(database, written(tmp_path, buffer.getvalue())).new == 1


@pytest.mark.parametrize("place", range(0, len(WHOLE), 9))
def test_an_archive_that_is_cut_or_broken_anywhere_is_a_sentence(
    database: Database, tmp_path: Path, place: int
) -> None:
    for number, content in enumerate((WHOLE[:place], WHOLE[:place] + b"\xff\x7f" + WHOLE[place + 2 :])):
        path = written(tmp_path, content, f"{number}.zip")
        with suppress(ImportRefused):  # anything else is a bug
            importing.preview(database, path)
