"""The window Help: guides without pictures and links, which would lead nowhere."""

import re

import pytest

from tests.test_docs import navigation
from ui import help as help_window


@pytest.mark.parametrize("name", sorted({*help_window.GUIDES.values(), *help_window._OTHERS}))
def test_a_guide_has_a_title_and_leads_nowhere(name: str) -> None:
    title, text = help_window.guide_text(name)
    assert title
    assert not title.startswith("#")
    assert "](" not in re.sub(r"`[^`]*`", "", text)
    assert "![" not in text


def test_every_page_with_work_in_it_has_a_guide() -> None:
    titles = {"".join(each.lower().split("-")[-1:]) for each in navigation()} - {"start", "activity"}
    assert titles <= set(help_window.GUIDES)
