"""What a text must not say, or must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.deployments.preferences import set_banned_words
from core.orchestrator.agents import scanning
from tests.orchestrator.driving import ask
from tests.orchestrator.test_market_insight import post


def rules(found: list[scanning.Finding]) -> list[str]:
    return [finding.rule for finding in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We are the best workshop software.", ["claim"]),
        ("Results are GUARANTEED.", ["claim"]),
        ("It saves 30 % of your time.", ["unsourced number"]),
        ("The only tool that saves 3 hours a week.", ["claim", "unsourced number"]),
        ("In March 2026 our customers saved 30 % of their time.", []),
        ("It saves 2 hours, according to a survey of ours.", []),
        ("Write it down once, look at it every morning.", []),
        ("The bestiary is not a superlative, and neither is nevertheless.", []),
        ("Revenue was $4,000 (n 12).", []),
        ("", []),
    ],
)
def test_absolute_words_and_numbers_without_a_source_are_claims(text: str, expected: list[str]) -> None:
    assert rules(scanning.claims(text)) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to ada.lovelace@example.org today.", "e-mail address"),
        ("Call +44 20 7946 0958.", "phone number"),
        ("Pay to DE89 3704 0044 0532 0130 00 please.", "IBAN"),
        ("Card 4111 1111 1111 1111 was used.", "card number"),
        ("Her number is 123-45-6789.", "national id"),
        ("From 203.0.113.7 at night.", "IP address"),
    ],
)
def test_personal_data_is_found_and_quoted_masked(text: str, kind: str) -> None:
    (finding,) = scanning.personal_data(text)
    assert kind in finding.reason
    assert len(finding.quote) == 5
    assert "…" in finding.quote


@pytest.mark.parametrize(
    "text",
    ["Card 4111 1111 1111 1112.", "DE88 3704 0044 0532 0130 00", "Version 999.1.2.3",
     "In 2026 we had 12,345,678 views.", "At 10:30 on 2026-11-24.", "Order 0000 0000 0000 0000", "a @ b", "127.0.0.1"],
)  # fmt: skip
def test_what_only_looks_like_personal_data_is_left_alone(text: str) -> None:
    assert scanning.personal_data(text) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Subject: News\n\nHello.", ["end of subscription"]),
        ("Subject: News\n\nHello. Unsubscribe below.", []),
        ("Start your free trial now.", ["terms of an offer"]),
        ("Start your free trial now; terms apply.", []),
        ("We expect 12 new shops.", ["outlook"]),
        ("This post is sponsored.", ["paid content"]),
        ("Your liability ends here.", ["legal information"]),
        ("Tidy shelves save walking.", []),
    ],
)
def test_disclosures_that_a_text_calls_for(text: str, missing: list[str]) -> None:
    assert [finding.quote for finding in scanning.disclosures(text)] == missing


def test_every_disclosure_that_is_asked_for_satisfies_its_own_rule() -> None:
    for rule in scanning.DISCLOSURES:
        assert rule.present.search(rule.sentence), rule.name


@given(st.text(max_size=300))
def test_any_text_can_be_checked(text: str) -> None:
    for finding in scanning.everything(text, ["x", "(", "a b"]):
        assert finding.sentence


def test_the_workspaces_own_words_are_banned(database: Database) -> None:
    assert ask(database, "compliance", "banned_words", text="A miracle of a tool.")["data"]["passed"] is False
    set_banned_words(database, ["Cheap", "  game changer "], actor="ada", reason="style")
    found = ask(database, "compliance", "banned_words", text="A Game  Changer? A game changer, not cheaper.")
    assert [finding["quote"] for finding in found["data"]["findings"]] == ["game changer"]
    set_banned_words(database, [], actor="ada", reason="none")
    nothing = ask(database, "compliance", "banned_words", text="A miracle.")
    assert (nothing["data"]["passed"], len(nothing["missing"])) == (True, 1)


def test_without_a_draft_the_latest_post_on_the_topic_is_checked_or_else_the_request(database: Database) -> None:
    post(database, "p1", "tools", "blog", 10)
    found = ask(database, "compliance", "claims", topic="tools")
    assert found["data"]["checked"].startswith("the latest post on the topic (p1, ")
    assert [finding["rule"] for finding in found["data"]["findings"]] == ["claim"]
    bare = ask(database, "compliance", "claims", topic="nothing known")
    assert bare["missing"] == [
        "No draft was given and no post on the topic is recorded: the request itself was checked."
    ]


def test_many_findings_are_counted_and_the_first_are_shown(database: Database) -> None:
    found = ask(database, "compliance", "claims", text="Always. " * 20)
    assert found["n"] == 20
    assert "- and 12 more" in found["text"]
