"""Every parameter of every command, given what no program expects: an exit code and one sentence, never a traceback."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from core.__main__ import main, registered
from core.datasets import snapshots
from core.datasets.recipes import Recipe
from core.datasets.splits import Split
from core.db import Database
from core.examples.filters import Filter
from tests.served import add, serving

SEED = 20261130
NUMBERS = (
    "-1", "0", "-0", str(2**31), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(10**40), str(-(10**40)),
    "9" * 5_000, "1e999", "NaN", "inf", "", " ", "0x10", "1_000", "٣", "1.5", "a\0b", "\udcff", "💣",
)  # fmt: skip
TEXTS = (
    "", " ", "-", "\0", "a\0b", "\udcff", "\ud800", "../../etc/passwd", "/dev/null", "/", "%00", "a\r\nb", "'", '"',
    "{}", "[]", "null", "{", '{"quality_min": 1e999}', '{"quality_min": "NaN"}', '{"ids": [1e40]}', "[" * 5_000,
    "x" * 20_000, "\u202e", "💣" * 300, "=", "a=", "=b", "plans@0", "plans@-1", f"plans@{2**63}", f"plans@{10**40}",
    "plans@NaN", "@", str(2**63), str(10**40), "1e999", "NaN", "-1/0/101", f"{10**40}/0/0", "NaN/NaN/NaN", "public",
    "pg_catalog", "information_schema",
)  # fmt: skip
#: What a person types where nothing is attacked, so that a command gets beyond it.
BELIEVABLE = {
    "label": "plans@1", "verb": "ADD", "tags": "GOOD", "filter_json": "{}", "which": "1", "text": "Write a post.",
    "dataset": "plans@1", "provider": "openai", "base": "gpt-4.1-nano-2025-04-14", "device": "tpu",
    "call_name": "ollama:qwen3:4b", "name": "plans", "file": "none.csv",
}  # fmt: skip
#: So many of the cases of text are tried each time, drawn anew by the seed.
DRAWN = 400
#: These go on for ever, install gigabytes, or remove them, where they are given what they understand.
NOT_RUN = {"worker": ("threads",), "trainer install": ("device",), "trainer remove": (), "trainer status": ()}


def commands(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Of the command line itself, so that one that is added tomorrow is attacked tomorrow."""
    if hasattr(node, "commands"):
        for name, below in node.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, node


#: Made once: making all of it takes longer than most commands.
PROGRAM = typer.main.get_command(registered())
EVERY = tuple(commands(PROGRAM))


def takes_number(parameter: Any) -> bool:
    return "int" in str(parameter.type_descriptor.annotation) or "float" in str(parameter.type_descriptor.annotation)


def line(path: tuple[str, ...], command: Any, attacked: Any, value: str, out: Path) -> list[str]:
    """The whole command line with one parameter attacked, and every other that is needed believable."""
    options, arguments = [], []
    for parameter in command.params:
        mine = parameter is attacked
        if not (mine or parameter.required):
            continue
        given = value if mine else "1" if takes_number(parameter) else BELIEVABLE.get(parameter.name, str(out / "x"))
        if parameter.param_type_name == "argument":
            arguments.append(given)
        else:
            options.append(f"{parameter.opts[0]}={given}")
    return [*path, *options, "--", *arguments]


def cases() -> Iterator[tuple[str, tuple[str, ...], Any, Any, str]]:
    for path, command in EVERY:
        name = " ".join(path)
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name not in NOT_RUN.get(name, (parameter.name,)):
                continue
            for value in NUMBERS if takes_number(parameter) else TEXTS:
                yield name, path, command, parameter, value


def drawn(seed: int) -> list[tuple[str, tuple[str, ...], Any, Any, str]]:
    """Every case of a number, and some of text."""
    found = list(cases())
    texts = [case for case in found if not takes_number(case[3])]
    return [case for case in found if takes_number(case[3])] + random.Random(seed).sample(texts, DRAWN)


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """The exit code, and what stands on standard error. Anything but an exit is a traceback, and fails the test."""
    monkeypatch.setattr(sys, "argv", ["core", *arguments])
    monkeypatch.setattr("core.__main__.registered", lambda _command: PROGRAM)
    with pytest.raises(SystemExit) as end:
        main()
    code = end.value.code
    return (0 if code is None else int(code)), capsys.readouterr().err


def test_numbers_and_texts_are_attacked() -> None:
    found = drawn(SEED)
    assert len([each for each in found if takes_number(each[3])]) >= 10 * len(NUMBERS)
    assert {each[3].name for each in found} >= {"change", "seed", "limit", "examples", "job_id", "first", "workspace"}


@pytest.mark.timeout(300)
def test_no_parameter_of_any_command_leads_to_a_traceback(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(database, *({} for _ in range(40)))
    snapshots.create(database, "plans", filter=Filter(), recipe=Recipe(), split=Split(), actor="ada")
    monkeypatch.chdir(tmp_path)
    wrong: list[str] = []
    with serving(database, monkeypatch, WHETSTONE_HOME=str(tmp_path / "home")):
        for name, path, command, parameter, value in drawn(SEED):
            code, told = said(capsys, monkeypatch, *line(path, command, parameter, value, tmp_path))
            vague = "The database refused this" in told or "stopped answering" in told or "Traceback" in told
            if vague or code not in (0, 1, 2) or (code and not told.strip()):
                wrong.append(f"{name} {parameter.name}={value[:60]!r}: {code} {told[:300]}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("undo-tag", str(10**40)), "is beyond any number here"),
        (("job", str(2**63)), "is beyond any number here"),
        (("dataset", "create", "plans", f"--seed={2**63}"), "is beyond any number here"),
        (("tag", "ADD", "GOOD", "--filter={}", "--reason=a\0b"), "holds a NUL character"),
        (("import", "a\0b.csv"), "embedded null byte"),
        (("tag", "ADD", "GO\0OD", "--filter={}"), "holds a NUL character"),
        (("stats", "--workspace="), "A workspace has a name"),
        (("migrate", "--workspace=information_schema"), "There is no workspace"),
        (("worker", "--workspace=none"), "There is no workspace 'none' to work for; there are: public."),
    ],
)
def test_what_nothing_can_have_is_told(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    with serving(database, monkeypatch):
        code, told = said(capsys, monkeypatch, *arguments)
    assert code in (1, 2)
    assert words in told
    assert len(told.strip().splitlines()) == 1
