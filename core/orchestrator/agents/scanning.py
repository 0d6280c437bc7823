"""What a text must not say, or must: claims without a source, banned words, personal data, disclosures.

Rules over words, in English. They find what is written plainly and miss what is only meant; a finding is a question to
a person, and no finding is not a clearance.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.orchestrator.material.wording import holds, sentences


@dataclass(frozen=True)
class Finding:
    """One thing to look at: where it stands (`quote`), why, and what would do."""

    rule: str
    quote: str
    reason: str
    suggestion: str

    @property
    def sentence(self) -> str:
        return f"“{self.quote}” — {self.reason} {self.suggestion}"


_ABSOLUTE = {
    "guaranteed": "promises more than anyone can keep", "guarantee": "promises more than anyone can keep",
    "always": "allows no exception", "never": "allows no exception", "best": "compares with everybody",
    "number one": "compares with everybody", "no. 1": "compares with everybody", "the only": "compares with everybody",
    "leading": "compares with everybody", "fastest": "compares with everybody", "cheapest": "compares with everybody",
    "risk-free": "denies every risk", "no risk": "denies every risk", "100%": "allows no exception",
    "100 %": "allows no exception", "proven": "needs the proof beside it", "instantly": "allows no exception",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<!\w)(?:[$€£]\s?\d[\d,.]*|\d[\d,.]*\s?(?:%|percent|per cent|times|x|hours?|minutes?|customers|users))(?!\w)",
    re.IGNORECASE,
)
_MONTH = r"January|February|March|April|May|June|July|August|September|October|November|December|Q[1-4]\s?\d{4}|20\d\d"
#: What makes a number one that can be looked up.
_SOURCED = re.compile(
    rf"\b(?:according to|source|measured|survey|reported|our own figures|n ?=? ?\d+|interval|on average|{_MONTH})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Disclosure:
    """Something that has to stand beside what `when` finds, on `platforms` (none named: on all)."""

    name: str
    when: re.Pattern[str]
    present: re.Pattern[str]
    sentence: str
    platforms: tuple[str, ...] = ()


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{word}\b" for word in words), re.IGNORECASE)


DISCLOSURES = (
    Disclosure(
        "paid content", _any("sponsored", "sponsor", "affiliate", "paid partnership", "commission"),
        _any("advertisement", "#ad", "paid partnership", "we earn a commission", "ad:"),
        "Advertisement: we earn a commission on purchases made through this link.",
    ),
    Disclosure(
        "end of subscription", re.compile(r"^subject:", re.IGNORECASE | re.MULTILINE),
        _any("unsubscribe", "stop these e-?mails"),
        "Unsubscribe: one click on the link below ends these emails.",
    ),
    Disclosure(
        "terms of an offer", _any("free trial", "discount", "% off", "special offer", "referral offer"),
        _any("terms", "conditions", "until", "ends on", "cancel any time"),
        "Terms apply; say until when the offer runs and what it costs afterwards.",
    ),
    Disclosure(
        "outlook", _any("forecast", "we expect", "will grow", "will reach", "projected"),
        _any("interval", "not a promise", "may differ", "estimate"),
        "This is an estimate from past figures and not a promise; the result may differ.",
    ),
    Disclosure(
        "legal information", _any("liability", "legal obligation", "data protection", "gdpr", "terms of service"),
        _any("not legal advice", "no legal advice"),
        "This is general information and not legal advice.",
    ),
)  # fmt: skip


def claims(text: str) -> list[Finding]:
    """Absolute words, and numbers that name no source, month or sample."""
    return [finding for sentence in sentences(text) for finding in _claims_of(sentence)]


def _claims_of(sentence: str) -> Iterator[Finding]:
    for phrase, reason in _ABSOLUTE.items():
        if holds(sentence, phrase):
            yield Finding("claim", _short(sentence), f"“{phrase}” {reason}.", "Say what was seen, where and when.")
            break
    number = _NUMBER.search(sentence)
    if number and not _SOURCED.search(sentence):
        yield Finding(
            "unsourced number", _short(sentence), f"“{number[0]}” has no source.", "Name the source and the month."
        )


def banned_words(text: str, words: Sequence[str]) -> list[Finding]:
    """Every banned word or phrase that the text holds."""
    return [
        Finding("banned word", word, "The workspace's list bans it.", "Leave it out or say it in other words.")
        for word in words
        if holds(text, word)
    ]


def personal_data(text: str) -> list[Finding]:
    """Addresses, numbers and ids of persons; quoted with all but their ends hidden."""
    taken: list[tuple[int, int]] = []
    found = []
    for kind, pattern, is_real in _PERSONAL:
        for match in pattern.finditer(text):
            overlaps = any(match.start() < end and start < match.end() for start, end in taken)
            if not overlaps and is_real(match[0]):
                taken.append(match.span())
                found.append(
                    Finding("personal data", _masked(match[0]), f"It looks like a person's {kind}.", "Take it out.")
                )
    return found


def disclosures(text: str, platform: str = "") -> list[Finding]:
    """Disclosures that the text makes necessary and does not hold."""
    return [
        Finding("missing disclosure", rule.name, "The text calls for it and it is not there.", f"Add: {rule.sentence}")
        for rule in DISCLOSURES
        if (not rule.platforms or platform in rule.platforms)
        and rule.when.search(text)
        and not rule.present.search(text)
    ]


def everything(text: str, words: Sequence[str]) -> list[Finding]:
    """All four checks."""
    return [*claims(text), *banned_words(text, words), *personal_data(text), *disclosures(text)]


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 120 else f"{sentence[:119]}…"


def _masked(value: str) -> str:
    return f"{value[:2]}…{value[-2:]}"


def _passes_luhn(value: str) -> bool:
    digits = [int(sign) for sign in value if sign.isdigit()][::-1]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_iban(value: str) -> bool:
    plain = value.replace(" ", "")
    number = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
    return 15 <= len(plain) <= 34 and int(number) % 97 == 1


def _is_address(value: str) -> bool:
    return all(int(part) <= 255 for part in value.split(".")) and value not in ("127.0.0.1", "0.0.0.0")  # noqa: S104


_PERSONAL: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), lambda _: True),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), _is_iban),
    ("card number", re.compile(r"\b(?:\d[ -]?){12,18}\d\b"), _passes_luhn),
    (
        "phone number",
        re.compile(r"(?<![\w.,])(?<!\d )(?:\+|00)[1-9]\d{0,2}(?:[ ./()-]{0,2}\d{2,5}){2,5}(?!\w)"),
        lambda _: True,
    ),
    ("national id", re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"), lambda _: True),
    ("IP address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), _is_address),
)
