"""The form of an execution: a rubric that anyone can work out again from what is stored. It is never the score.

Each part is 0.0 to 1.0, with its weight, its formula and the reason for its value. A part that does not apply is left
out, and says so. A model's judgement stands beside the parts, with no weight among them: it is the score by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.orchestrator.agents.scanning import everything
from core.orchestrator.agents.tasks import BUILT_IN
from core.orchestrator.material.wording import capital, key_words, plural, sentences, stem, words_of
from core.orchestrator.planners.wishes import read as asked_for
from core.orchestrator.plans import Plan, Request, Step
from core.orchestrator.scoring import faults as seen
from core.orchestrator.scoring.faults import Fault


@dataclass(frozen=True)
class Part:
    """One part of the score. `score` None: it could not be judged, and its weight goes to the others."""

    name: str
    score: float | None
    weight: float
    reason: str
    formula: str
    cost_usd: str | None = None
    #: What rules see to be wrong, by name: `thin`, `off-topic` and so on; the reason says what shows it.
    faults: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


#: How much each part of the form counts.
WEIGHTS = {
    "completeness": 0.20, "substance": 0.20, "relevance": 0.20, "wishes": 0.10, "structure": 0.10,
    "readability": 0.10, "policy": 0.10,
}  # fmt: skip
#: The part that each fault takes away altogether.
_PART_OF = {
    "empty": "substance", "thin": "substance", "nonsense": "substance", "off-topic": "relevance",
    "wrong platform": "wishes", "over the limit": "wishes",
}  # fmt: skip
#: The name of a model's judgement among the parts.
JUDGE = "judge"
#: Relevance counts as full when this share of the request's words is taken up: nobody repeats all of them.
_ENOUGH_WORDS = 0.6
_EASY, _HARD = 60.0, 0.0
_LONG_SENTENCE = 30
#: What one finding of compliance takes away, by its rule.
PENALTIES = {
    "personal data": 0.5,
    "banned word": 0.5,
    "missing disclosure": 0.25,
    "claim": 0.15,
    "unsourced number": 0.1,
}


@dataclass(frozen=True)
class Done:
    """What became of one step: its status, and its result if it completed."""

    step: Step
    status: str
    result: Mapping[str, Any]

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    @property
    def has_delivered(self) -> bool:
        """Whether there is more than an empty text, or one that only says that nothing is recorded.

        What an agent works out by rules rests on as many rows as it says; a model's text is judged by its words alone.
        """
        by_rules = self.result.get("source", BUILT_IN) == BUILT_IN
        rests_on_nothing = by_rules and self.result.get("n") == 0 and bool(self.result.get("missing"))
        return self.is_completed and not rests_on_nothing and bool(str(self.result.get("text", "")).strip())


def rubric(request: Request, plan: Plan, done: Sequence[Done], text: str, banned: Sequence[str]) -> list[Part]:
    """All parts of the form, in the order of `WEIGHTS`."""
    found = seen.of(request, text, _format(done) or _format_planned(plan), _placed(plan))
    return [
        completeness(done),
        substance(text, found),
        relevance(request.text, text, found),
        wishes(request, found),
        structure(plan, done, text),
        readability(text),
        policy(done, text, banned),
    ]


def faults(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all faults in the parts as they are stored, each once."""
    return list(dict.fromkeys(str(name) for part in parts for name in part.get("faults") or ()))


def _placed(plan: Plan) -> tuple[str, ...]:
    """Return the networks that the plan writes for."""
    written = [step.payload for step in plan.steps if step.action == "social_variants"]
    return tuple(dict.fromkeys(str(name) for payload in written for name in payload.get("platforms", ())))


def substance(text: str, found: Sequence[Fault]) -> Part:
    """Whether the text says anything: 0 where it is empty, thin, or in no language."""
    formula = "1, or 0 where rules see that it is empty, thin or nonsense"
    said = f"{plural(len(words_of(text)), 'word')}, and no rule finds it empty, thin or nonsense."
    return _faulted("substance", 1.0, said, formula, found)


def wishes(request: Request, found: Sequence[Fault]) -> Part:
    """Whether the networks and limits that the request names are kept to."""
    formula = "1, or 0 where it is for another network than was asked for, or longer"
    wished = asked_for(request)
    named = [*wished.platforms, *(f"at most {most:,} {unit}" for most, unit in wished.limits if most)]
    if not named and not _of(found, "wishes"):
        return _part("wishes", None, "The request names no network and no limit.", formula)
    return _faulted("wishes", 1.0, f"Asked for: {', '.join(named)}; no rule finds it otherwise.", formula, found)


def _of(found: Sequence[Fault], part: str) -> list[Fault]:
    return [fault for fault in found if _PART_OF[fault.name] == part]


def _faulted(name: str, score: float | None, reason: str, formula: str, found: Sequence[Fault]) -> Part:
    """Return the part, or 0 with its faults by name where rules see any."""
    its = _of(found, name)
    if not its:
        return _part(name, score, reason, formula)
    said = " ".join(f"{capital(fault.name)}: {fault.sentence}" for fault in its)
    return replace(_part(name, 0.0, said, formula), faults=tuple(dict.fromkeys(fault.name for fault in its)))


def completeness(done: Sequence[Done]) -> Part:
    """Return steps that delivered, divided by all steps; a step whose result says that something is missing counts
    half.
    """
    finished = [each for each in done if each.has_delivered]
    partial = [each for each in finished if each.result.get("missing")]
    score = (len(finished) - 0.5 * len(partial)) / len(done) if done else 0.0
    reason = f"{len(finished)} of {plural(len(done), 'step')} gave a result"
    reason += f", {len(partial)} of them with something missing." if partial else "."
    return _part("completeness", score, reason, "(delivered − ½ · with something missing) ÷ steps")


def relevance(request: str, text: str, found: Sequence[Fault] = ()) -> Part:
    """Return the share of the request's key words that the result takes up, endings aside; 60 % of
    them are full marks.
    """
    wanted = {stem(word) for word in key_words(request)}
    there = {stem(word) for word in words_of(text)}
    formula = f"min(1, share of the request's key words in the result ÷ {_ENOUGH_WORDS})"
    if not wanted:
        return _part("relevance", None, "The request has no word that carries meaning by itself.", formula)
    taken = wanted & there
    left = sorted(wanted - there)[:5]
    reason = f"{len(taken)} of {len(wanted)} key words are taken up" + (f"; not: {', '.join(left)}." if left else ".")
    return _faulted("relevance", min(1.0, len(taken) / len(wanted) / _ENOUGH_WORDS), reason, formula, found)


#: What a text of each format should show: a name for it, and how it is recognised.
_SECTIONS = ("two sections", r"(?s)^## .*^## ")
_CALL = r"\?|(?i:try|read|see|ask|write|look|let|start)"
_MARKS: dict[str, tuple[tuple[str, str], ...]] = {
    "article": (("a title", r"^# "), _SECTIONS, ("a list", r"^- "), ("a next step", r"(?i)next step")),
    "report": (("a title", r"^# "), _SECTIONS, ("figures", r"\d"), ("what it rests on", r"(?i)rests on")),
    "email": (
        ("a subject", r"^Subject:"),
        ("a greeting", r"(?i)^(hello|dear|hi)\b"),
        ("a way out", r"(?i)unsubscribe"),
    ),
    "thread": (("a first post", r"^1/"), ("a second post", r"^2/")),
    "post": (("one sentence at least", r"[.!?…]"), ("a question or a call", _CALL)),
    "": (("sentences", r"[.!?]"), ("more than one line", r"\n")),
}
_SAME = {"memo": "report", "review": "report"}


def structure(plan: Plan, done: Sequence[Done], text: str) -> Part:
    """Return the share of the marks that a text of its format has, such as title and sections, or
    subject and greeting.
    """
    format_ = _format(done) or _format_planned(plan)
    marks = _MARKS[_SAME.get(format_, format_)]
    missing = [name for name, pattern in marks if not re.search(pattern, text, re.MULTILINE)]
    reason = f"Has every mark of a text of the format {format_ or 'plain'}." if not missing else ""
    reason = reason or f"As {format_ or 'plain text'} it lacks {', '.join(missing)}."
    return _part("structure", 1 - len(missing) / len(marks), reason, "marks of its format that it has ÷ all marks")


def _format(done: Sequence[Done]) -> str:
    """Return the format of the last text that was written."""
    written = [each.step for each in done if each.is_completed and each.step.action in ("draft", "social_variants")]
    return str(written[-1].payload.get("format") or "post") if written else ""


def _format_planned(plan: Plan) -> str:
    written = [step for step in plan.steps if step.action in ("draft", "social_variants")]
    return str(written[-1].payload.get("format") or "post") if written else ""


def readability(text: str) -> Part:
    """Flesch's reading ease, 206.835 − 1.015 · words/sentences − 84.6 · syllables/words: 60 is 1.0, 0 is 0.0.

    Less the share of sentences over 30 words. Written for English; syllables are counted by groups of vowels.
    """
    lines = [line for line in sentences(text) if len(line.split()) > 1]
    words = [word for line in lines for word in words_of(line) if not word[0].isdigit()]
    formula = "Flesch reading ease ÷ 60, within 0 and 1, less the share of sentences over 30 words"
    if not words:
        return _part("readability", None, "There is no text to read.", formula)
    ease = 206.835 - 1.015 * len(words) / len(lines) - 84.6 * sum(map(_syllables, words)) / len(words)
    long = sum(len(line.split()) > _LONG_SENTENCE for line in lines) / len(lines)
    score = min(max((ease - _HARD) / (_EASY - _HARD), 0.0), 1.0) - long
    return _part("readability", score, f"Reading ease {ease:.0f}; {long:.0%} of the sentences are long.", formula)


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1
    return max(groups - silent, 1)


def policy(done: Sequence[Done], text: str, banned: Sequence[str]) -> Part:
    """1, less a penalty for each finding of compliance: personal data and banned words ½, disclosures ¼, claims 0.15.

    By the compliance steps of the plan; a plan without any has its result checked here by the same rules.
    """
    checks = [each for each in done if each.is_completed and each.step.agent == "compliance"]
    if checks:
        rules = [
            str(finding["rule"]) for each in checks for finding in (each.result.get("data") or {}).get("findings", ())
        ]
        by = plural(len(checks), "compliance step")
    else:
        rules, by = [finding.rule for finding in everything(text, banned)], "the check of the result"
    score = 1 - sum(PENALTIES.get(rule, 0.1) for rule in rules)
    counted = ", ".join(f"{rules.count(rule)} × {rule}" for rule in dict.fromkeys(rules))
    formula = "1 − Σ penalties (" + ", ".join(f"{name} {value}" for name, value in PENALTIES.items()) + "), at least 0"
    return _part("policy", score, f"By {by}: {counted or 'nothing found'}.", formula)


def judged(score: float, reason: str, model: str, cost_usd: str | None) -> Part:
    """Return a model's judgement: the score itself, no part of the form."""
    return Part(JUDGE, _rounded(score), 0.0, f"{model}: {reason}", "as the model judges it, 0 to 1", cost_usd)


def unjudged(why: str) -> Part:
    """Return the place of a judgement that could not be had."""
    return Part(JUDGE, None, 0.0, why, "as the model judges it, 0 to 1", "0")


def form(parts: Sequence[Part]) -> tuple[float | None, list[Part]]:
    """Return the weighted mean of the parts that apply, and the parts with the weights that they got in the end."""
    own = sum(part.weight for part in parts if part.score is not None)
    weighed = [
        Part(**{**asdict(part), "weight": 0.0 if part.score is None else round(part.weight / own, 4)}) for part in parts
    ]
    mean = sum((part.score or 0.0) * part.weight for part in weighed)
    return (min(max(round(mean, 3), 0.0), 1.0) if own else None), weighed


def _part(name: str, score: float | None, reason: str, formula: str) -> Part:
    return Part(name, _rounded(score), WEIGHTS[name], reason, formula)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(min(max(score, 0.0), 1.0), 3)
