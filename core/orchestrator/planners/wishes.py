"""What a request names to be kept to: networks, audience, limits of length. Rules read it; what they miss stays unread.

The planner plans by it and the form is held against it, so both mean the same.
"""

import re
from dataclasses import dataclass

from core.orchestrator.material.wording import STOP_WORDS, sentences
from core.orchestrator.plans import Request

#: The most characters of one post, by network; None: more than anybody writes there, or no limit that is known.
NETWORKS: dict[str, int | None] = {
    "LinkedIn": 3000, "Instagram": 2200, "TikTok": 2200, "Facebook": None, "Twitter": 280, "X": 280, "YouTube": 5000,
    "Mastodon": 500, "Bluesky": 300, "Reddit": None, "Pinterest": 500, "Threads": 500, "Snapchat": 250,
    "WhatsApp": None, "Telegram": 4096, "Discord": 2000, "Xing": None, "Nextdoor": None, "Weibo": None, "WeChat": None,
    "Tumblr": None, "Quora": None, "Medium": None, "Substack": None, "Twitch": 500, "Slack": None,
}  # fmt: skip
#: Also words or letters of their own: a network only where something is said to be put there.
_ORDINARY = ("X", "Threads", "Medium", "Slack", "Discord", "Signal")
_SAME = {"twitter": "x"}

#: What a payload can say, so that a wish beyond it is brought to it: least and most words and characters, platforms.
WORDS, CHARACTERS, MOST_PLATFORMS = (20, 3_000), (40, 20_000), 12

_LIMIT = (
    r"(?:\b(?:under|below|at most|no more than|no longer than|not more than|up to|within|max(?:imum)?\.?(?: of)?"
    r"|limit(?:ed to| of)|keep (?:it|this|each) (?:to|under|below))|<|≤)\s*(\d[\d,.]*)\s*-?(?:{unit})"
    r"|\b(\d[\d,.]*)\s*-?(?:{unit})\s*(?:or (?:less|fewer|shorter)|at most|max(?:imum)?\b|limit)"
)
_WORDS = re.compile(_LIMIT.format(unit=r"words?\b"), re.IGNORECASE)
_CHARACTERS = re.compile(_LIMIT.format(unit=r"(?:characters?|chars?|signs|letters)\b"), re.IGNORECASE)

_SAID = re.compile(r"\b(?:meant for|aimed at|written for|addressed to|audience:?)\s+([^.,;:\n]{3,80})", re.IGNORECASE)
#: "for CFOs", "for busy shop owners": the words after "for", of which up to the first one for people is taken.
_FOR = re.compile(r"\bfor ((?:[\w’'-]+ ){0,4}[\w’'-]+)")
_ENDS_AS_PEOPLE = re.compile(
    r"(?:ers|ors|ists|ants|ians|eers|men|women|clients|parents|students|people|teams|kids|children|families"
    r"|nurses|employees|trainees|freelancers|dads|mums|moms|experts|heads|novices)$"
)
#: Behind these, something else is spoken of.
_ENDS_THE_PHRASE = frozenset(
    {"of", "on", "about", "in", "at", "with", "that", "which", "who", "and", "or", "by", "from"}
)
#: End as words for people do.
_THINGS = """
    computers orders offers letters numbers printers newsletters posters stickers containers filters papers covers
    answers corners counters dinners drawers errors flyers folders hammers headers hours layers ladders markers
    meters monitors motors mirrors others powers prices quarters routers rollers scanners screwdrivers sensors
    servers shutters sliders spanners tenders timers trailers towers vouchers winters summers years colours colors
    doors floors indoors outdoors factors vectors plants restaurants variants grants pants calculators
    refrigerators generators radiators tractors projectors chargers heaters coolers boilers planners trackers
    reminders lists webinars blockers buffers rivers borders water matters wonders elevators
"""
_NO_PEOPLE = frozenset(_THINGS.split())
_PLACED = r"\b(?i:posts?|threads?|updates?|stor(?:y|ies)|reels?|videos?|pins?|publish(?:ed)?|teasers?|message)\b"
_UNLISTED = re.compile(rf"{_PLACED}[^.!?\n]{{0,40}}?\b(?:for|on) ((?-i:[A-Z][A-Za-z]+))(?=[\s.,;:!?]|$)(?! [A-Z][a-z])")
_OTHER_NAMES = """
    January February March April May June July August September October November December Monday Tuesday Wednesday
    Thursday Friday Saturday Sunday Christmas Easter Ramadan Hanukkah Diwali Halloween Thanksgiving Valentine
    Spring Summer Autumn Winter Google Amazon Microsoft Europe Germany England Britain America France
"""
_NO_NETWORK = frozenset(_OTHER_NAMES.split())


@dataclass(frozen=True)
class Wishes:
    """What is asked to be kept to. 0 and "": the request does not say."""

    #: As the request writes them, or by their usual names.
    platforms: tuple[str, ...] = ()
    #: Those among them that are in no list of networks here: how a text has to be made there is not known.
    unknown: tuple[str, ...] = ()
    audience: str = ""
    words: int = 0
    characters: int = 0
    #: Sentences of the constraints that no rule reads.
    unread: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[tuple[int, str], ...]:
        """Both limits with their units; 0 where none is named."""
        return (self.words, "words"), (self.characters, "characters")


def read(request: Request, *, known: tuple[str, ...] = ()) -> Wishes:
    """Return what the request and its constraints name. `known`: platforms by name that the company publishes on."""
    text = f"{request.text}\n{request.constraints}"
    named = tuple(dict.fromkeys(request.platforms)) or _named(request.text, known)
    there = {name.lower() for name in (*NETWORKS, *known)}
    return Wishes(
        platforms=named,
        unknown=tuple(name for name in named if name.lower() not in there),
        audience=(request.audience or audience_in(text))[:300],
        words=_least(_WORDS, text),
        characters=_least(_CHARACTERS, text),
        unread=tuple(each for each in sentences(request.constraints) if not _is_read(each)),
    )


def same_network(one: str, other: str) -> bool:
    """Whether both names mean one network, whatever their case; Twitter and X are one."""
    return _SAME.get(one.lower(), one.lower()) == _SAME.get(other.lower(), other.lower())


def networks_in(text: str) -> tuple[str, ...]:
    """Return the networks of the list that a text names."""
    return tuple(name for name in NETWORKS if _names(text, name))


def limit_of(network: str) -> int | None:
    """Return the most characters of one post there, where that is known."""
    return next((most for name, most in NETWORKS.items() if name.lower() == network.lower()), None)


def without_limits(text: str) -> str:
    """Return the text without the limits of length that it names."""
    for pattern in (_WORDS, _CHARACTERS):
        text = re.sub(rf",?\s*(?:in |of |with )?(?:{pattern.pattern})", "", text, flags=re.IGNORECASE)
    return text


def _named(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    listed = networks_in(text)
    more = [name for name in known if not any(same_network(name, each) for each in listed)]
    unlisted = [
        match[1]
        for match in _UNLISTED.finditer(text)
        if match[1] not in _NO_NETWORK and not any(same_network(match[1], each) for each in (*listed, *more))
    ]
    # Beside a network that is known, another capital word is rather a name.
    return (*more, *listed) or tuple(dict.fromkeys(name for name in unlisted if not name.isupper()))


def _names(text: str, network: str) -> bool:
    if network in _ORDINARY:
        return re.search(rf"\b(?:on|for|to|and|or|,) {network}\b(?! [A-Z])", text) is not None
    return re.search(rf"\b{network}\b", text, re.IGNORECASE) is not None


def audience_in(text: str) -> str:
    """Return the readers that a text names: after "meant for" and its like, or after "for" where a word for people
    follows.
    """
    said = _SAID.search(text)
    if said:
        return said[1].strip()
    for match in _FOR.finditer(text):
        words = match[1].split()
        for place, word in enumerate(words, start=1):
            if _is_people(word):
                return " ".join(words[:place])
            if word.lower() in _ENDS_THE_PHRASE:
                break
    return ""


def _is_people(word: str) -> bool:
    """Recognise initials in the plural, such as CFOs, or a word that ends as words for people do."""
    is_initials = re.fullmatch(r"[A-Z]{2,4}s", word) is not None
    return is_initials or (_ENDS_AS_PEOPLE.search(word) is not None and word.lower() not in _NO_PEOPLE)


def _least(pattern: re.Pattern[str], text: str) -> int:
    """Return the strictest limit that is named."""
    found = [int(re.sub(r"\D", "", one or other)) for one, other in pattern.findall(text)]
    return min((number for number in found if number), default=0)


#: A manner that payloads have a field for.
TONE = re.compile(r"\b(friendly|plain|professional|playful|technical|formal|casual)(?:,? \w+)? tone\b", re.IGNORECASE)


def _is_read(sentence: str) -> bool:
    """Whether a rule here reads the sentence; that it reads all of it, nobody can say."""
    left = sentence
    for pattern in (_WORDS, _CHARACTERS, TONE, _SAID):
        left = pattern.sub("", left)
    return left != sentence and not [word for word in re.findall(r"[a-z]{4,}", left.lower()) if word not in STOP_WORDS]
