"""The documentation names everything there is, and nothing that is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from api import rest
from core.__main__ import registered
from core.datasets.rendering import FORMATS
from core.db.tables import metadata
from core.examples.filters import PARAMETERS
from core.examples.importing import FIELDS
from core.examples.importing.converting.shapes import SHAPES
from core.examples.tags import BUILT_IN
from core.settings import Settings, variables

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def navigation() -> dict[str, str]:
    """Title and script of each page, read from the router, which would run if it were imported."""
    calls = (node for node in ast.walk(ast.parse(text("ui/entry/router.py"))) if isinstance(node, ast.Call))
    pages = {}
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "Page" and not always_hidden(call):
            (title,) = (word.value for word in call.keywords if word.arg == "title")
            # A title that counts what waits there is a call, with the plain title first.
            plain = title.args[0] if isinstance(title, ast.Call) else title
            pages[ast.literal_eval(plain)] = ast.literal_eval(call.args[0])
    return pages


def always_hidden(page: ast.Call) -> bool:
    """Whether it only leads from an old address to another page."""
    return any(word.arg == "visibility" and ast.unparse(word.value) == "'hidden'" for word in page.keywords)


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below `command`, by its words."""
    if hasattr(command, "commands"):
        for word, inner in command.commands.items():
            yield from commands(inner, f"{name} {word}".strip())
    else:
        yield name, command


COMMANDS = dict(commands(get_command(registered())))


@pytest.mark.parametrize("command", ["python3 start.py", "python3 start.py test"])
def test_the_readme_has_both_commands_alone_on_a_line_of_a_code_block(command: str) -> None:
    assert re.search(rf"^```\n{re.escape(command)}\n```$", text("README.md"), flags=re.MULTILINE)


def test_the_readme_names_every_setting() -> None:
    table = text("README.md").partition("| setting |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {name for field in Settings.model_fields.values() for name in variables(field)} == listed


def test_the_readme_lists_the_pages_of_the_navigation_and_no_others() -> None:
    table = text("README.md").partition("| page |")[2].partition("\n\n")[0]
    listed = [row.split("|")[1].strip() for row in table.splitlines()[2:]]
    assert sorted(listed) == sorted(navigation())


def test_every_page_of_the_navigation_exists() -> None:
    assert [path for path in navigation().values() if not (ROOT / "ui" / "entry" / path).resolve().is_file()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_with_all_its_options(name: str) -> None:
    page = text("docs/command-line.md")
    common = page.partition("\n## ")[0]
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    options = [word for each in COMMANDS[name].params for word in each.opts if word.startswith("--")]
    assert section
    assert [word for word in options if word not in section and f"`{word}" not in common] == []


def test_no_section_is_about_a_command_that_is_not_there() -> None:
    assert set(re.findall(r"^## (.+)$", text("docs/command-line.md"), flags=re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_lists_every_command(name: str) -> None:
    assert re.search(rf"^\| `python3 start\.py core {name}[ `]", text("README.md"), flags=re.MULTILINE)


def test_every_route_has_its_section_and_no_section_is_about_another() -> None:
    paths = rest.application().openapi()["paths"]
    routes = {f"{method.upper()} /api{path}" for path, methods in paths.items() for method in methods}
    assert set(re.findall(r"^## `(.+)`$", text("docs/api.md"), flags=re.MULTILINE)) == routes


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("docs/datasets.md", FORMATS),
        ("docs/import.md", FIELDS),
        ("docs/import.md", {sign for shape in SHAPES for sign in shape.signs}),
        ("docs/examples.md", [*PARAMETERS, *PARAMETERS.values()]),
        ("docs/examples.md", BUILT_IN),
        ("docs/architecture.md", metadata.tables),
    ],
    ids=["formats", "fields", "shapes", "filters", "tags", "tables"],
)
def test_a_page_names_all_of_them(page: str, words: list[str]) -> None:
    assert [word for word in words if f"`{word}`" not in text(page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(file: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_picture_is_shown_and_small() -> None:
    shown = {name for page in PAGES for name in re.findall(r"images/([\w-]+\.png)", page.read_text(encoding="utf-8"))}
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").glob("*.png")}
    assert set(pictures) == shown
    assert [name for name, size in pictures.items() if size > 200_000] == []
