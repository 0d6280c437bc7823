"""The content agent: outline, draft, variants for social platforms, fields for search engines.

Without a model it composes from the company's best past work and the figures of the steps before; with one, the model
writes from the same material. If the model cannot be used, the composed text stands, with a note that says why.
"""

import re
from typing import Any

from core.orchestrator.agents import layouts
from core.orchestrator.agents.composing import Target, best_work, bullets, cut, material
from core.orchestrator.agents.layouts import FORMATS, Piece
from core.orchestrator.agents.tasks import Action, Findings, Task
from core.orchestrator.material.prompts import RULE, fenced
from core.orchestrator.material.wording import capital, key_words
from core.orchestrator.planners import wishes
from core.orchestrator.plans import ActionShape

_TOPIC = {"type": "string", "minLength": 1, "maxLength": 300, "description": "What it is about."}
_AUDIENCE = {"type": "string", "maxLength": 300, "description": "Who reads it."}
_TONE = {"type": "string", "maxLength": 100, "description": "Such as friendly, plain, technical."}
_WORDS = {
    "type": "integer",
    "minimum": wishes.WORDS[0],
    "maximum": wishes.WORDS[1],
    "description": "At most so many words.",
}
_CHARACTERS = {
    "type": "integer",
    "minimum": wishes.CHARACTERS[0],
    "maximum": wishes.CHARACTERS[1],
    "description": "At most so many characters; of several posts, each.",
}
_FORMAT = {"enum": list(FORMATS), "description": "What kind of text."}
_GAPS = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": 500},
    "maxItems": 6,
    "description": "What could not be found out, in sentences; the text says so.",
}
_PLATFORM = {"type": "string", "maxLength": 100, "description": "Where it appears."}


def _payload(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SHAPE = {
    "outline": ActionShape(
        "Headings and points of a text, before it is written.",
        _payload(["topic", "format"], topic=_TOPIC, format=_FORMAT, audience=_AUDIENCE, tone=_TONE, words=_WORDS),
        {"topic": "waiting times at the counter", "format": "article"},
    ),
    "draft": ActionShape(
        "The text that was asked for, with the findings of the steps it depends on.",
        _payload(
            ["topic", "format"], topic=_TOPIC, format=_FORMAT, audience=_AUDIENCE, tone=_TONE, words=_WORDS,
            characters=_CHARACTERS, platform=_PLATFORM, gaps=_GAPS,
        ),
        {"topic": "waiting times at the counter", "format": "article", "words": 400},
    ),
    "social_variants": ActionShape(
        "One version of a post for each platform.",
        _payload(
            ["topic", "platforms"],
            topic=_TOPIC,
            platforms={
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 100},
                "minItems": 1,
                "maxItems": wishes.MOST_PLATFORMS,
                "description": "Where it appears.",
            },
            format={"enum": ["post", "thread"], "description": "One post, or several in a row."},
            audience=_AUDIENCE,
            tone=_TONE,
            words=_WORDS,
            characters=_CHARACTERS,
        ),
        {"topic": "waiting times at the counter", "platforms": ["forum"], "format": "post"},
    ),
    "seo_fields": ActionShape(
        "Title, description, keywords and address for search engines.",
        _payload(["topic"], topic=_TOPIC, audience=_AUDIENCE),
        {"topic": "waiting times at the counter"},
    ),
}  # fmt: skip

_SEO_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 5, "maxLength": 60},
        "description": {"type": "string", "minLength": 20, "maxLength": 160},
        "keywords": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 8},
    },
    "required": ["title", "description", "keywords"],
    "additionalProperties": False,
}
_NOTHING = (
    "No imported or approved work of this kind on this topic scored well enough to adapt; the text rests on the "
    "request and the figures."
)
_SYSTEM = f"""You write for a company.

- Use only the facts, figures and sentences that you are given; invent no number, name, quote or source.
- Past work is there for its manner. What it says of another topic need not hold for this one.
- Keep to the format that is asked for. Give the text alone, without any remark about it.
- {RULE}
"""


def outline(task: Task) -> Findings:
    """Headings of the format; under each the point that past work or a step before has for it."""
    piece, findings = _piece(task)
    findings.text = layouts.outline(piece)
    return _better(task, findings, "Write an outline: headings, and under each one or two points.")


def draft(task: Task) -> Findings:
    """Return the text in its format."""
    piece, findings = _piece(task)
    findings.text = layouts.draft(piece)
    # Figures that a report prints are what it rests on; without past work it lacks nothing then.
    figures = layouts.counted(piece)
    findings.n = (findings.n or 0) + len(figures)
    if figures and piece.format in layouts.REPORTS and _NOTHING in findings.missing:
        findings.missing.remove(_NOTHING)
    return _better(task, findings, f"Write the {piece.format} itself, for publication.")


def social_variants(task: Task) -> Findings:
    """One post, or thread, a platform; each takes another sentence of past work first, so that none repeats another."""
    piece, findings = _piece(task)
    platforms = [str(name) for name in task.payload["platforms"]]
    variants = layouts.variants(piece, platforms)
    findings.data["variants"] = [{"platform": name, "text": text} for name, text in variants]
    findings.text = "\n\n".join(f"{name}:\n{text}" for name, text in variants)
    return _better(task, findings, f"Write one {piece.format} for each of: {', '.join(platforms)}. Name each first.")


def seo_fields(task: Task) -> Findings:
    """Title to 60 characters, description to 160, keywords from the request, an address in small letters."""
    piece, findings = _piece(task)
    written = next((before.text for before in task.before if before.action == "draft"), "")
    about = layouts.first_sentence(written) or (piece.material.sentences or (capital(piece.topic) + ".",))[0]
    fields: dict[str, Any] = {
        "title": cut(capital(piece.topic), 60),
        "description": cut(about, 160),
        "keywords": list(dict.fromkeys([*key_words(piece.topic), *key_words(task.request.text)]))[:8],
    }
    better = _ask(task, findings, "Give title, description and keywords for search engines.", about, _SEO_SCHEMA)
    if better is not None:
        fields = dict(better["data"])
    fields["slug"] = "-".join(re.findall(r"[a-z0-9]+", piece.topic.lower())) or "page"
    findings.data |= fields
    findings.text = "\n".join(
        f"{capital(name)}: {', '.join(value) if isinstance(value, list) else value}" for name, value in fields.items()
    )
    return findings


ACTIONS: dict[str, Action] = {
    "outline": outline,
    "draft": draft,
    "social_variants": social_variants,
    "seo_fields": seo_fields,
}


def _piece(task: Task) -> tuple[Piece, Findings]:
    """Return what there is to write with, and findings that say what it rests on."""
    target = Target(task.topic, task.audience, str(task.payload.get("platform", "")))
    near = list(task.context.similar.ids) if task.context else []
    sources = best_work(task.db, near, task.request.intent or "", target.topic, as_of=task.as_of)
    found = material(sources, target)
    findings = Findings("", {"adapted_from": [source.execution_id for source in found.used]}, len(found.used))
    findings.missing += task.payload.get("gaps", ())
    if not sources:
        findings.missing.append(_NOTHING)
    piece = Piece(
        topic=target.topic,
        audience=target.audience,
        platform=target.platform,
        format=str(task.payload.get("format") or "post"),
        words=int(task.payload.get("words") or 0),
        characters=int(task.payload.get("characters") or 0),
        request=task.request.text,
        material=found,
        sources=tuple(sources),
        gaps=tuple(map(str, task.payload.get("gaps", ()))),
        before=task.before,
    )
    return piece, findings


def _better(task: Task, findings: Findings, wish: str) -> Findings:
    """Return the same in a model's words, where there is a model that answers."""
    answer = _ask(task, findings, wish, findings.text)
    if answer is not None:
        findings.text = answer["text"].strip()
        # It writes by itself, so it lacks no past work to adapt.
        findings.missing = [sentence for sentence in findings.missing if sentence != _NOTHING]
    return findings


def _ask(
    task: Task, findings: Findings, wish: str, composed: str, schema: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the model's answer, None without one; what it took, and why it could not be used,
    stands in the findings.
    """
    model = task.preferences.model_for("write")
    if model is None:
        return None
    from core.orchestrator import model_calls

    task.work.check()
    answer = model_calls.write(
        model,
        system=_SYSTEM,
        prompt=_prompt(task, wish, composed),
        schema=schema,
        max_tokens=max(800, 3 * int(task.payload.get("words") or 700)),
    )
    findings.tokens_in, findings.tokens_out = answer["tokens_in"], answer["tokens_out"]
    findings.cost_usd = answer["cost_usd"]
    if "failed" in answer or not answer["text"].strip():
        why = answer.get("failed", f"{model} gave an empty answer.")
        findings.note = " ".join(filter(None, (f"Composed from past work, for {why}", findings.note)))
        return None
    findings.source, findings.note = answer["model"], ""
    return answer


def _prompt(task: Task, wish: str, composed: str) -> str:
    """Everything that may be said, in sections that are left out where empty."""
    payload = {name: value for name, value in task.payload.items() if value}
    known = task.context.brief() if task.context else {}
    sections: list[tuple[str, Any]] = [
        ("request", task.request.text),
        ("constraints", task.request.constraints),
        ("audience", task.audience),
        ("wanted", payload),
        ("known", bullets(sentence for sentence in known.values() if sentence)),
        ("findings", "\n\n".join(before.text for before in task.before)),
        ("first_version_from_past_work", composed),
    ]
    return "\n\n".join([*(fenced(name, said) for name, said in sections if said), wish])
