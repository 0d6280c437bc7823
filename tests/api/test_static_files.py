"""Streamlit's own files are compressed once, for those who take gzip, and never otherwise changed."""

import gzip
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from api import static_files
from api.static_files import CompressedFiles, accepts_gzip

SCRIPT = b"export const lamp = 1;\n" * 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "static/js/index.abc.js": SCRIPT,
        "static/js/tiny.js": b"1",
        "static/media/letters.woff2": SCRIPT,
        "secret.js": SCRIPT,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> TestClient:
    plain = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    return TestClient(CompressedFiles(plain, folder))


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip; q=1.000", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=0.000, *;q=1", False),
        ("gzip;q=nan", False),
        ("gzip;q=-1", False),
        ("gzip;q=1e9", False),
        ("gzip;q=", False),
        ("gzip;;;q=1", False),
        ("xgzip", False),
        ("gzipx", False),
        ("\xff\xfe,gzip\x00", False),
        ("," * 60_000, False),
        ("gzip;" * 10_000, False),
        (";q=" * 20_000 + ",gzip", True),
    ],
)
def test_gzip_is_used_only_where_it_is_taken(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_a_script_comes_compressed_to_the_letter_and_is_kept_by_the_browser(client: TestClient) -> None:
    answer = client.get("/static/js/index.abc.js", headers={"accept-encoding": "gzip"})

    assert answer.content == SCRIPT  # unpacked by the client
    assert int(answer.headers["content-length"]) < len(SCRIPT) / 10
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, immutable, max-age=31536000"


def test_who_takes_no_gzip_gets_the_file_as_it_is(client: TestClient) -> None:
    for accepted in ("identity", "br", "gzip;q=0"):
        answer = client.get("/static/js/index.abc.js", headers={"accept-encoding": accepted})
        assert answer.content == SCRIPT
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"


def test_the_two_forms_have_two_tags_and_a_known_one_is_not_sent_again(client: TestClient) -> None:
    packed = client.get("/static/js/index.abc.js", headers={"accept-encoding": "gzip"}).headers["etag"]
    plain = client.get("/static/js/index.abc.js", headers={"accept-encoding": "identity"}).headers["etag"]
    assert packed != plain

    again = client.get("/static/js/index.abc.js", headers={"accept-encoding": "gzip", "if-none-match": packed})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-encoding" not in again.headers


def test_a_part_of_a_file_is_one_of_the_file_as_it_is(client: TestClient) -> None:
    answer = client.get("/static/js/index.abc.js", headers={"accept-encoding": "gzip", "range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, SCRIPT[:10])


@pytest.mark.parametrize(
    "path", ["/static/js/tiny.js", "/static/media/letters.woff2", "/secret.js", "/static/%2e%2e/secret.js"]
)
def test_what_does_not_compress_or_lies_elsewhere_is_left_to_streamlit(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


def test_other_methods_are_left_to_streamlit(client: TestClient) -> None:
    assert client.post("/static/js/index.abc.js", headers={"accept-encoding": "gzip"}).status_code == 405
    head = client.head("/static/js/index.abc.js", headers={"accept-encoding": "gzip"})
    assert int(head.headers["content-length"]) < len(SCRIPT) / 10


def test_a_file_is_compressed_once_however_many_ask_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    compress = gzip.compress

    def counted(*arguments: Any, **options: Any) -> bytes:
        made.append(1)
        return compress(*arguments, **options)

    monkeypatch.setattr(static_files.gzip, "compress", counted)
    files = CompressedFiles(Starlette(), folder)
    answers: list[bytes] = []

    def ask() -> None:
        answers.append(TestClient(files).get("/static/js/index.abc.js", headers={"accept-encoding": "gzip"}).content)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [SCRIPT] * 8
    assert made == [1]


def test_every_script_that_the_first_page_names_is_compressed() -> None:
    """A release of Streamlit that moves its files would bring back the megabytes without a word."""
    page = (static_files.FOLDER / "index.html").read_text(encoding="utf-8")
    client = TestClient(CompressedFiles(Starlette()))
    for name in ("index.", "protobuf."):
        start = page.index(f"static/js/{name}")
        path = "/" + page[start : page.index('"', start)]
        assert client.get(path, headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
