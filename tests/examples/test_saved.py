"""Filters under a name."""

import pytest

from core import audit
from core.db import Database
from core.errors import InvalidFilter
from core.examples import saved
from core.examples.filters import Filter

POOR = Filter(quality_max=0.5)


def test_a_saved_filter_comes_back_as_it_was(database: Database) -> None:
    saved.save_filter(database, "  the  poor ones ", POOR, actor="ada", reason="often needed")

    (kept,) = saved.list_filters(database)
    assert (kept.name, kept.filter, kept.actor) == ("the poor ones", POOR, "ada")
    (line,) = audit.entries(database)
    assert (line.action, line.subject, line.subject_id, line.reason) == (
        "save",
        "filter",
        "the poor ones",
        "often needed",
    )


def test_saving_again_replaces_and_the_audit_log_keeps_what_was(database: Database) -> None:
    saved.save_filter(database, "mine", POOR, actor="ada", reason="")
    saved.save_filter(database, "mine", Filter(success=False), actor="ben", reason="")

    (kept,) = saved.list_filters(database)
    assert kept.filter == Filter(success=False)
    assert audit.entries(database)[0].before == POOR.canonical()


def test_deleting_returns_the_filter_for_undo(database: Database) -> None:
    saved.save_filter(database, "mine", POOR, actor="ada", reason="")

    gone = saved.delete_filter(database, "mine", actor="ben", reason="not needed")

    assert gone.filter == POOR
    assert saved.list_filters(database) == []
    with pytest.raises(InvalidFilter, match="no saved filter"):
        saved.delete_filter(database, "mine", actor="ben", reason="")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\0b"])
def test_an_unusable_name_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidFilter, match="1 to 80 characters"):
        saved.save_filter(database, name, POOR, actor="ada", reason="")
