"""The planner without a model: the intent by rules, the steps by intent, the reasons from the context's own figures.

It cannot understand a request; it recognises the kind of work and does what usually helps. It says so in the note.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import NotUnderstood
from core.orchestrator.material.context import FEW, Context
from core.orchestrator.material.wording import holds, plural, sentences
from core.orchestrator.planners import intents, wishes
from core.orchestrator.planners.wishes import MOST_PLATFORMS, Wishes
from core.orchestrator.plans import MOST_REASON, Plan, Request, Shape, Step, parse, to_json

NOTE = (
    "Planned by rules over the words of the request, without a model. The rules recognise the kind of work; they "
    "cannot see what is specific to this request."
)
_TAKEN_AS = "Taken as "
_MONEY = re.compile(r"[$€£]\s?(\d[\d,]*(?:\.\d+)?)\s?([kK])?")
_WRITING = ("draft", "social_variants")
_ABOUT = re.compile(r"\b(?:about|on|explains?|around|with a view to|comment on)\s+(.+)$", re.IGNORECASE)
_LEGAL = re.compile(
    r"\b(?:legal|liability|data protection|gdpr|terms of service|consent|claims?|privacy)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Told:
    """What the request says, as far as rules can read it."""

    request: Request
    context: Context
    topic: str
    audience: str
    platforms: tuple[str, ...]
    tone: str
    words: int
    characters: int
    money: float | None
    is_legal: bool
    #: What the request names and the plan cannot keep, in sentences.
    unkept: tuple[str, ...] = ()

    def text_payload(self, format_: str, **more: Any) -> dict[str, Any]:
        """Return the payload of a text; what the request does not say is left out."""
        said: dict[str, Any] = {"audience": self.audience, "tone": self.tone, "words": self.words}
        said |= {"characters": self.characters, **more}
        return {"topic": self.topic, "format": format_, **{name: value for name, value in said.items() if value}}


def plan(request: Request, context: Context, shape: Shape) -> Plan:
    """Return a plan of the agents in `shape`. The intent that was asked for stands; else rules find it.

    Raises `NotUnderstood` for a request whose kind of work nobody can tell.
    """
    detected = intents.detect(request.text, context.similar, context.topic.name)
    if not request.intent and not detected.is_known:
        raise NotUnderstood("no word of it says what kind of work is wanted.", kinds=intents.KNOWN)
    intent = request.intent or detected.intent
    told = _read(request, context)
    kind = intent if intent in _STEPS else detected.intent
    steps = _within(_STEPS[kind](told), shape)
    steps = _naming(steps, told, kind)
    why = "it was asked for" if request.intent else detected.why
    taken = f" {_TAKEN_AS}{kind.replace('_', ' ')}, because {why}."
    first = replace(steps[0], reason=f"{steps[0].reason[: MOST_REASON - len(taken)]}{taken}")
    return parse(to_json(Plan(intent, (first, *steps[1:]))), shape)


def taken_as(plan: Plan) -> str:
    """Return the sentence that says by which rule the kind of work was found; "" where the plan has none."""
    before, found, after = plan.steps[0].reason.rpartition(_TAKEN_AS)
    return f"{_TAKEN_AS}{after}" if found and ", because " in after and (not before or before.endswith(" ")) else ""


def _naming(steps: Sequence[Step], told: Told, kind: str) -> list[Step]:
    """Return the steps, of which the one that writes names the wishes that it cannot keep. Reasons are cut to fit."""
    unkept = list(told.unkept)
    if kind != "social_post" and told.platforms:
        unkept.append(f"One text is written; none of its own for {', '.join(told.platforms)}.")
    said = " ".join(["", *unkept])
    return [
        replace(step, reason=(step.reason + said if step.action in _WRITING else step.reason)[:MOST_REASON])
        for step in steps
    ]


def _within(steps: Sequence[Step], shape: Shape) -> list[Step]:
    """Return the steps that some agent can do; what depended on others no longer does."""
    kept = [step for step in steps if step.action in shape.get(step.agent, {})]
    there = {step.id for step in kept}
    return [replace(step, depends_on=tuple(id_ for id_ in step.depends_on if id_ in there)) for step in kept]


def _read(request: Request, context: Context) -> Told:
    text = f"{request.text} {request.constraints}"
    money, tone = (pattern.search(text) for pattern in (_MONEY, wishes.TONE))
    wished = wishes.read(request, known=context.platforms.asked)
    topic = context.topic.name or _topic(request.text, wished.audience)
    return Told(
        request=request,
        context=context,
        topic=topic,
        audience=wished.audience,
        platforms=wished.platforms[:MOST_PLATFORMS],
        tone=tone[1].lower() if tone else "",
        words=_within_bounds(wished.words, wishes.WORDS),
        characters=_within_bounds(wished.characters, wishes.CHARACTERS),
        money=float(money[1].replace(",", "")) * (1000 if money[2] else 1) if money else None,
        is_legal=bool(_LEGAL.search(f"{text} {topic}")),
        unkept=tuple(_unkept(wished)),
    )


def _within_bounds(wished: int, bounds: tuple[int, int]) -> int:
    """Return the limit as a payload can say it; 0 where none is named."""
    return min(max(wished, bounds[0]), bounds[1]) if wished else 0


def _unkept(wished: Wishes) -> Iterator[str]:
    """Yield what is named and cannot be kept to, so that whoever approves the plan knows."""
    for name in wished.unknown:
        yield f"{name} is in no list of networks here, so nothing is known of its limits; look at its text."
    if len(wished.platforms) > MOST_PLATFORMS:
        left = ", ".join(wished.platforms[MOST_PLATFORMS:])
        yield f"Not written for {left}: one step writes for {MOST_PLATFORMS} at most."
    if 0 < wished.words < wishes.WORDS[0] or 0 < wished.characters < wishes.CHARACTERS[0]:
        yield "The limit is shorter than any text here; it is made as short as can be, and may be longer."
    if wished.unread:
        yield f"No rule reads this, so look whether it is kept: “{' '.join(wished.unread)[:600]}”"


def _topic(text: str, audience: str) -> str:
    """Return what the first sentence says it is about, without reader and limits; without such words, the sentence
    itself.
    """
    head = re.split(r",? (?:meant for|aimed at|written for)\b", sentences(text)[0].rstrip(".?!"))[0]
    head = wishes.without_limits(head)
    if audience:
        head = re.sub(rf",? for {re.escape(audience)}\b", "", head)
    about = _ABOUT.search(head)
    topic = re.sub(r"\s+(?:for|on)\s+[A-Z]\w+$", "", about[1]) if about else head
    return topic.strip()[:300] or "the request"


# Reasons, from what is known.


def _because_similar(told: Told) -> str:
    similar, past = told.context.similar, told.context.past
    said = similar.note
    if similar.average_score is not None:
        few = ", few enough to be indicative only" if similar.scored < FEW else ""
        said = (
            f"{plural(similar.n, 'similar request')} averaged {similar.average_score:.2f} (n {similar.scored}{few}); "
            "the best of them are what it is composed from."
        )
    return f"{said} {past.note}" if past.n else said


def _because_figure(told: Told, name: str) -> str:
    figure = told.context.figures.named(name)
    if figure is None:
        return f"The request is about money; {name.replace('_', ' ')} is not recorded, and the step will say so."
    said = f"{figure.period}: {figure.sentence}; one month says little alone (n {figure.n} months are recorded)."
    return " ".join([said, *told.context.business.about(name)])


def _performed(told: Told, by: str, id_: str = "performed", **only: str) -> Step:
    reason = told.context.topic.note if by == "topic" and told.context.topic.n else told.context.platforms.note
    return Step(id_, "market_insight", "what_performed", {"by": by, "months": 12, **only}, f"See what worked: {reason}")


def _checks(told: Told, on: str, *, also: Sequence[str] = ()) -> list[Step]:
    """Claims always; banned words too; what else the kind of text calls for."""
    legal = " The topic is a legal one, so nothing goes out unread." if told.is_legal else ""
    reasons = {
        "claims": f"Every number needs a source.{legal}",
        "banned_words": "The workspace's list of banned words applies to everything that goes out.",
        "personal_data": "No address or number of a person may leave with it.",
        "disclosures": "Offers, outlooks and legal topics need a sentence beside them.",
    }
    actions = [
        "claims",
        "banned_words",
        *also,
        *(["disclosures"] if told.is_legal and "disclosures" not in also else []),
    ]
    payload = {"platform": told.platforms[0]} if told.platforms else {}
    return [Step(action, "compliance", action, payload, reasons[action], (on,)) for action in actions]


# Plans by intent.


def _content(told: Told) -> list[Step]:
    return [
        _performed(told, "platform"),
        Step(
            "outline", "content", "outline", told.text_payload("article", characters=0), "Agree on the structure first."
        ),
        Step(
            "draft", "content", "draft", told.text_payload("article"), _because_similar(told), ("performed", "outline")
        ),
        *_checks(told, "draft"),
        Step("seo", "content", "seo_fields", {"topic": told.topic}, "So that it is found.", ("draft",)),
    ]


def _social(told: Told) -> list[Step]:
    known = tuple(item.name for item in told.context.platforms.items)
    platforms = told.platforms or known[:2] or ("social media",)
    is_thread = holds(told.request.text, "thread")
    payload = {"topic": told.topic, "platforms": list(platforms), "format": "thread" if is_thread else "post"}
    payload |= {name: value for name, value in (("audience", told.audience), ("tone", told.tone)) if value}
    payload |= {name: value for name, value in (("words", told.words), ("characters", told.characters)) if value}
    reason = f"{told.context.platforms.note} {_because_similar(told)}"
    return [
        _performed(told, "topic", **({"platform": platforms[0]} if platforms[0] in known else {})),
        Step("posts", "content", "social_variants", payload, reason, ("performed",)),
        *_checks(told, "posts", also=("disclosures",)),
    ]


def _email(told: Told) -> list[Step]:
    return [
        _performed(told, "topic"),
        Step("email", "content", "draft", told.text_payload("email"), _because_similar(told), ("performed",)),
        *_checks(told, "email", also=("personal_data", "disclosures")),
    ]


def _report(told: Told) -> list[Step]:
    steps = [
        Step("revenue", "financial", "trend", {"metric": "revenue", "months": 6}, _because_figure(told, "revenue")),
        Step("costs", "financial", "trend", {"metric": "costs", "months": 6}, _because_figure(told, "costs")),
        Step("growth", "financial", "growth", {"metric": "customers", "months": 6}, _because_figure(told, "customers")),
        Step("value", "financial", "acquisition_cost", {"months": 3}, _because_figure(told, "ad_spend")),
    ]
    return [*steps, *_summed_up(told, "report", steps)]


def _budget(told: Told) -> list[Step]:
    spend = {} if told.money is None else {"spend": told.money}
    asked = "" if told.money is None else f" The request names a sum of {told.money:,.0f}."
    steps = [
        Step("cash", "financial", "trend", {"metric": "cash", "months": 6}, _because_figure(told, "cash")),
        Step(
            "outlook",
            "financial",
            "forecast",
            {"metric": "cash", "months": 6, **spend},
            f"What would be left after half a year.{asked}",
        ),
        Step("value", "financial", "acquisition_cost", {"months": 3}, "Whether customers are worth what they cost."),
    ]
    return [*steps, *_summed_up(told, "memo", steps)]


def _research(told: Told) -> list[Step]:
    topic = {"topic": told.context.topic.name} if told.context.topic.n else {}
    steps = [
        _performed(told, "topic", "topics"),
        replace(_performed(told, "platform", "platforms", **topic), reason=f"Where: {told.context.platforms.note}"),
    ]
    return [*steps, *_summed_up(told, "report", steps)]


def _rivals(told: Told) -> list[Step]:
    steps = [
        replace(
            _performed(told, "topic", "ours"),
            reason="Nothing is stored about other companies, so only our own side can be shown: "
            f"{told.context.topic.note}",
        )
    ]
    gap = "Nothing is stored about other companies, so nothing is said of what they do now."
    return [*steps, *_summed_up(told, "memo", steps, gaps=[gap])]


def _compliance(told: Told) -> list[Step]:
    checks = [
        replace(step, payload={**step.payload, "topic": told.topic}, depends_on=())
        for step in _checks(told, "", also=("personal_data", "disclosures"))
    ]
    return [*checks, *_summed_up(told, "review", checks, checked=False)]


def _summed_up(
    told: Told, format_: str, steps: Sequence[Step], *, checked: bool = True, gaps: Sequence[str] = ()
) -> list[Step]:
    ids = tuple(step.id for step in steps)
    payload = told.text_payload(format_, gaps=list(gaps))
    draft = Step(format_, "content", "draft", payload, f"One text of what was found. {_because_similar(told)}", ids)
    return [draft, *(_checks(told, format_) if checked else [])]


_STEPS: dict[str, Callable[[Told], list[Step]]] = {
    "content_generation": _content,
    "social_post": _social,
    "email_campaign": _email,
    "financial_report": _report,
    "budget_review": _budget,
    "market_research": _research,
    "competitor_watch": _rivals,
    "compliance_check": _compliance,
}
