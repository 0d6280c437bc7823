"""The forms a text can have, and how each is composed from sentences of past work and findings of earlier steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.orchestrator.agents.composing import Material, PastResult, bullets, cut, quoted, within
from core.orchestrator.agents.tasks import Before
from core.orchestrator.material.wording import capital, sentences

#: Most characters of one post on a social platform.
POST_LIMIT = 280


@dataclass(frozen=True)
class Piece:
    """A text to be: what it is about, and what there is to say."""

    topic: str
    audience: str
    platform: str
    format: str
    #: At most so many; 0: as many as there are.
    words: int
    request: str
    material: Material
    #: The works themselves, for texts that quote instead of adapting.
    sources: tuple[PastResult, ...] = ()
    #: What is known to be missing, in sentences.
    gaps: tuple[str, ...] = ()
    before: tuple[Before, ...] = ()
    #: At most so many, of each post; 0: as its format has.
    characters: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """What can be said, the best first; without past work, only what the request itself says."""
        return self.material.sentences or (self.fallback,)

    @property
    def fallback(self) -> str:
        for_whom = f" for {self.audience}" if self.audience else ""
        return f"This is about {self.topic}{for_whom}."

    @property
    def limit(self) -> int:
        return self.words or _USUAL_WORDS.get(self.format, 250)

    @property
    def post_limit(self) -> int:
        """The most characters of one post."""
        return min(POST_LIMIT, self.characters or POST_LIMIT)


_USUAL_WORDS = {"article": 450, "guide": 450, "email": 180, "post": 45, "thread": 160}


def first_sentence(text: str) -> str:
    """Return the first sentence of a text that is one, not a heading or a label."""
    return next(
        (line for line in sentences(text) if len(line.split()) >= 5 and not line.startswith(("#", "-", "Title:"))), ""
    )


def _found(piece: Piece) -> list[Before]:
    """Return what earlier steps found, apart from texts of this agent."""
    return [before for before in piece.before if before.agent != "content" and before.text]


def _figures(piece: Piece) -> list[Before]:
    """Return what concerns readers too. Which posts performed guides who writes, and is nothing to print."""
    return [before for before in _found(piece) if before.agent == "financial"]


def article(piece: Piece) -> str:
    """Write an article, with what the figures say apart."""
    lines = within(piece.lines, piece.limit)
    opening, rest = lines[:3], lines[3:]
    parts = [f"# {capital(piece.topic)}", " ".join(opening)]
    figures = [before.text for before in _figures(piece)]
    parts += ["## What our figures say\n" + "\n".join(figures)] if figures else []
    parts += [f"## What helps\n{bullets(rest)}"] if rest else []
    reader = capital(piece.audience) if piece.audience else "Readers"
    next_step = f"{reader} can begin with one case of {piece.topic} this week and write down what changes."
    return "\n\n".join([*parts, f"## Next step\n{next_step}"])


def report(piece: Piece) -> str:
    """Write findings first, one section each; then what past reports said, quoted and dated; then what it rests on."""
    found = _found(piece)
    parts = [f"# {capital(piece.topic)}"]
    parts += [_summary(found)] if found else [piece.fallback]
    parts += [f"## {_heading(before)}\n{before.text}" for before in found]
    said = [quote for source in piece.sources[:2] if (quote := quoted(source))]
    parts += [f"## From earlier work\n{bullets(said)}"] if said else []
    parts += [f"## What this rests on\n{_rests_on(piece)}"]
    return "\n\n".join(parts)


def _summary(found: Sequence[Before]) -> str:
    """Return the first sentence of each finding; of a list, its head."""
    heads = [sentences(before.text)[0] for before in found]
    return " ".join(head if head.endswith((".", "!", "?")) else f"{head.rstrip(':')}." for head in heads)


def _heading(before: Before) -> str:
    names = {
        "acquisition_cost": "Cost of acquisition against lifetime value",
        "what_performed": f"What performed, by {(before.result.get('data') or {}).get('by', 'topic')}",
    }
    metric = str((before.result.get("data") or {}).get("metric", "")).replace("_", " ")
    return names.get(before.action) or capital(f"{before.action} of {metric}" if metric else before.action).replace(
        "_", " "
    )


def _rests_on(piece: Piece) -> str:
    counted = [f"{_heading(before)}: n {before.result['n']}" for before in _found(piece) if before.result.get("n")]
    missing = [str(sentence) for before in piece.before for sentence in before.result.get("missing", ())]
    return bullets([*counted, *dict.fromkeys([*missing, *piece.gaps])] or ["No figure was found for it."])


def email(piece: Piece) -> str:
    """Write an email with subject, greeting and the way to unsubscribe."""
    lines = within(piece.lines, piece.limit)
    hello = f"Hello {piece.audience}," if piece.audience else "Hello,"
    found = f"\n\nFrom our figures: {_summary(_figures(piece))}" if _figures(piece) else ""
    subject = cut(f"Subject: {capital(piece.topic)}", 70)
    return f"{subject}\n\n{hello}\n\n{' '.join(lines)}{found}\n\nUnsubscribe: one click on the link below."


def post(piece: Piece) -> str:
    """As many sentences as fit into one post, on the topic by name."""
    most = piece.post_limit
    lines = [line for line in piece.lines if len(line) <= most] or [cut(piece.lines[0], most)]
    kept = ""
    for line in lines:
        longer = f"{kept} {line}".strip()
        if len(longer) > most or (len(longer.split()) > max(piece.limit, 12) and kept):
            break
        kept = longer
    if piece.topic.lower() not in kept.lower() and len(piece.topic) + 2 + len(kept) <= most:
        kept = f"{capital(piece.topic)}: {kept}"
    return kept


def thread(piece: Piece) -> str:
    """Numbered posts, one thought each; the first names the topic."""
    lines = within(piece.lines, piece.limit)[:8]
    if piece.topic.lower() not in lines[0].lower():
        lines[0] = f"{capital(piece.topic)}. {lines[0]}"
    return "\n".join(cut(f"{number}/ {line}", piece.post_limit) for number, line in enumerate(lines, start=1))


FORMATS: dict[str, Callable[[Piece], str]] = {
    "article": article,
    "post": post,
    "thread": thread,
    "email": email,
    "report": report,
    "memo": report,
    "review": report,
}


REPORTS = ("report", "memo", "review")


def draft(piece: Piece) -> str:
    """Return the text in its format; with a limit of characters, of as many sentences as fit."""
    written = FORMATS[piece.format](piece)
    while piece.characters and len(written) > piece.characters and len(piece.material.sentences) > 1:
        fewer = replace(piece.material, sentences=piece.material.sentences[:-1])
        piece = replace(piece, material=fewer)
        written = FORMATS[piece.format](piece)
    return written


def counted(piece: Piece) -> list[Before]:
    """Return the findings that the text prints and that rest on rows."""
    printed = (
        _found(piece) if piece.format in REPORTS else _figures(piece) if piece.format in ("article", "email") else []
    )
    return [before for before in printed if before.result.get("n")]


_HEADINGS = {
    "article": ("Why it matters", "What our figures say", "What helps", "Next step"),
    "email": ("Subject", "What it is about", "What to do"),
    "post": ("First sentence", "One thought", "Question"),
    "thread": ("First post", "One thought a post", "Question"),
}
_REPORT_HEADINGS = ("Summary", "Findings", "From earlier work", "What this rests on")


def outline(piece: Piece) -> str:
    """Return the headings of the format, each with a point that there is something to say on."""
    headings = _HEADINGS.get(piece.format, _REPORT_HEADINGS)
    points = [*piece.material.sentences[: len(headings)], *(sentences(before.text)[0] for before in _found(piece))]
    points += [piece.fallback] * (len(headings) - len(points))
    parts = [f"## {heading}\n- {point}" for heading, point in zip(headings, points, strict=False)]
    return "\n\n".join([f"# {capital(piece.topic)}", *parts])


def variants(piece: Piece, platforms: Sequence[str]) -> list[tuple[str, str]]:
    """Return a text for each platform; each begins with another sentence, so that none repeats another."""
    made = []
    for place, platform in enumerate(platforms):
        lines = piece.lines[place % len(piece.lines) :] + piece.lines[: place % len(piece.lines)]
        turned = replace(piece, platform=platform, material=replace(piece.material, sentences=lines))
        made.append((platform, FORMATS[piece.format](turned)))
    return made
