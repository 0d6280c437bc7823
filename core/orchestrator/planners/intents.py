"""What kind of work a request asks for, by rules over its words; past requests decide where the words do not."""

import re
from dataclasses import dataclass

from core.history.enrichment import SimilarWork


@dataclass(frozen=True)
class Rule:
    """Words that speak for an intent, and how loudly."""

    intent: str
    weight: float
    words: re.Pattern[str]


def _rule(intent: str, weight: float, *words: str) -> Rule:
    return Rule(intent, weight, re.compile("|".join(rf"\b(?:{word})\b" for word in words), re.IGNORECASE))


RULES = (
    _rule("social_post", 3, "thread", "tweets?", "followers", "social posts?", "linkedin", "instagram", "tiktok"),
    _rule("social_post", 2, "(?:short|social) posts?", "announce", "hashtags?", "teaser"),
    # More than a "write" before it, which says only that it is a text.
    _rule("social_post", 1.5, "(?<!blog )(?<!newsletter )posts?"),
    _rule("email_campaign", 3, "e-?mails?", "newsletter", "subject lines?", "mailing", "drip campaign"),
    _rule("content_generation", 3, "blog posts?", "articles?", "guides?", "case (?:story|study|stories|studies)"),
    _rule("content_generation", 3, "white ?papers?", "landing page", "tutorials?", "how-to"),
    _rule("content_generation", 1, "write", "draft", "explains?", "content"),
    _rule("financial_report", 3, "monthly report", "figures", "revenue", "profit", "cash ?flow", "mrr", "arr"),
    _rule("financial_report", 2, "costs", "forecast", "financials?", "quarter(?:ly)?", "earnings", "ltv", "cac"),
    _rule("budget_review", 4, "budget for", "can (?:we|i) (?:spend|afford)", r"spend \$", "afford"),
    _rule("budget_review", 3, "review the budget", r"campaign of \$", "against our cash", "spending plan"),
    _rule("budget_review", 1, "budget", "spend", "runway"),
    _rule("market_research", 3, "what the market", "market research", "demand", "readers respond", "what our readers"),
    _rule("market_research", 2, "research", "market", "audience insights?", "what (?:works|performed)", "trends?"),
    _rule("competitor_watch", 4, "competitors?", "rivals?", "ahead of us", "compare our offer", "competition"),
    _rule("competitor_watch", 4, r"what did \w+ publish"),
    _rule("compliance_check", 4, "claims that we cannot prove", "in line with our policy", "compliance", "compliant"),
    _rule("compliance_check", 3, "review our wording", "before it goes out", "check the (?:draft|text|wording)"),
    _rule("compliance_check", 2, "claims?", "legal review", "gdpr", "policy", "disclosures?", "personal data"),
)
#: The first sentence says what is asked for; what follows is detail, and counts a quarter.
_DETAIL = 0.25
#: Past requests decide between equals, and never outweigh a plain word.
_PAST = 0.5
DEFAULT = "content_generation"
#: Those that any plan can be made for.
KNOWN = (
    "content_generation", "social_post", "email_campaign", "financial_report", "budget_review", "market_research",
    "competitor_watch", "compliance_check",
)  # fmt: skip


@dataclass(frozen=True)
class Detected:
    """The intent, and why it was taken for that. `is_known` False: no word says what kind of work it is."""

    intent: str
    why: str
    is_known: bool = True


def detect(request: str, past: SimilarWork, topic: str = "") -> Detected:
    """Return the intent with most weight of words in the request, apart from its topic; among equals, that of past
    work.
    """
    apart = re.sub(re.escape(topic), "…", request, flags=re.IGNORECASE) if topic else request
    head, _, details = apart.partition(". ")
    weights: dict[str, float] = {}
    said: dict[str, list[str]] = {}
    for rule in RULES:
        for text, share in ((head, 1.0), (details, _DETAIL)):
            match = rule.words.search(text)
            if match:
                weights[rule.intent] = weights.get(rule.intent, 0.0) + rule.weight * share
                said.setdefault(rule.intent, []).append(f"“{match[0].lower()}”")
    usual = past.usual_intent if past.usual_intent in KNOWN else ""
    if usual:
        weights[usual] = weights.get(usual, 0.0) + _PAST
    if not weights:
        return Detected(DEFAULT, "no rule fits the words", is_known=False)
    intent = max(KNOWN, key=lambda name: weights.get(name, 0.0))
    reasons = [f"the request says {', '.join(dict.fromkeys(said[intent]))}"] if intent in said else []
    reasons += ["similar requests were mostly that"] if intent == usual else []
    return Detected(intent, " and ".join(reasons))
