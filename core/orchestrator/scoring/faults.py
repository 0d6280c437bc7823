"""What rules can see to be wrong with a result: nothing in it, too little, no language, another topic, another network.

A fault is a question to who judges, and none is no praise: rules see letters, words and marks. Sentences that read well
and mean nothing, that are false, or that fill a page without a thought, they let through.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.orchestrator.material.wording import STOP_WORDS, key_words, listed, plural, sentences, stem, words_of
from core.orchestrator.planners import wishes
from core.orchestrator.planners.wishes import Wishes, networks_in, same_network
from core.orchestrator.plans import Request

Name = Literal["empty", "thin", "nonsense", "off-topic", "wrong platform", "over the limit"]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, by its name, and what shows it."""

    name: Name
    sentence: str


def of(request: Request, text: str, format_: str, placed: tuple[str, ...] = ()) -> list[Fault]:
    """All faults of a result. `placed`: the networks that its steps were told to write for."""
    fault = _empty(text)
    if fault:
        return [fault]
    wished = wishes.read(request)
    found = [*_nonsense(request, text), *_thin(request, text, format_, wished), *_off_topic(request, text)]
    return [*found, *_wrong_platform(request, text, wished, placed), *_over_limit(text, wished)]


# Empty.

#: How a sentence says that there is nothing to say.
_ABSENT = re.compile(
    r"\b(?:not|nothing|none|no \w+(?: \w+){0,4}) (?:is |are |was |were |has been |have been )?"
    r"(?:recorded|found|available|stored|known|given|provided|delivered|published|collected|there)\b"
    r"|\bno (?:data|figures?|records?|results?|information|content|text|answer)\b"
    r"|\b(?:i am|i'm|we are|we're) (?:sorry|unable|not able)"
    r"|\b(?:cannot|can't|could not) (?:help|write|create|provide|do)"
    r"|\bas an? (?:ai|language model)\b|\blorem ipsum\b|\b(?:tbd|todo|n/a|to be (?:done|written|added))\b"
    r"|\bplaceholder\b"
    r"|\b(?:text|content|draft|details?) (?:will )?(?:follows?|comes?|goes|to follow) (?:here|later|soon)",
    re.IGNORECASE,
)
#: Headings, labels, rules and links say nothing by themselves.
_FRAME = re.compile(r"^(?:#+ .*|[-*_=]{3,}|[\w /]{1,30}:|subject:.*|hello[\w ]*,|dear [\w ]+,|\W+)$", re.IGNORECASE)
_BLANK = re.compile(r"\[[^\]\n]{0,60}\]|<[a-z_ ]{2,40}>|\{\{?[^}\n]{0,40}\}?\}|…|\.{3}", re.IGNORECASE)


def _said(text: str) -> list[str]:
    """Return the sentences that say something; frames, blanks to fill in and what says that there
    is nothing are none.
    """
    lines = [line for line in text.splitlines() if not _FRAME.match(line.strip())]
    parts = [_BLANK.sub(" ", part) for part in sentences("\n".join(lines))]
    return [part for part in parts if len(re.findall(r"[^\W\d_]{2,}", part)) >= 2 and not _ABSENT.search(part)]


def _empty(text: str) -> Fault | None:
    if not text.strip():
        return Fault("empty", "There is no text.")
    if any(sign.isalpha() and ord(sign) > 0x2E7F for sign in text):
        return None  # written without spaces between words: nothing here can count them
    if not _said(text):
        return Fault("empty", "No sentence of it says anything: it has headings, blanks, or that nothing is recorded.")
    return None


# Nonsense.

#: The small words of six languages: prose holds many of them, and heaps of words hardly any.
_SMALL_WORDS = """
    der die das und ist nicht ein eine einen den dem mit von zu auf für sie wir ihr im es auch als bei nach wie so
    le la les et est pas un une des de du en que qui pour dans sur vous nous avec ce au il elle plus par
    el los las no una del con por para se su al lo como más y gli che di non per sono si da nel alla come più
    het een van niet met voor op te dat zijn aan ook maar wij u s t re ll ve don
"""
_SMALL = STOP_WORDS | frozenset(_SMALL_WORDS.split())
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ERROR = re.compile(
    r"^(?:traceback \(most|error:|exception\b|\w+(?:error|exception): )|^\s*[{<](?:\"|/?\w+>)", re.IGNORECASE
)
_FEW_WORDS, _MOST_WORDS_SALAD, _GIBBERISH, _ONE_WORD = 12, 0.15, 0.2, 0.25


def _nonsense(request: Request, text: str) -> Iterator[Fault]:
    if _ERROR.search(text.strip()):
        yield Fault("nonsense", "It is the output of a program, such as an error or markup, and no text.")
        return
    words = words_of(text)
    broken = [word for word in words if _is_gibberish(word)]
    if words and len(broken) / len(words) >= _GIBBERISH:
        yield Fault("nonsense", f"{len(broken)} of {plural(len(words), 'word')} are no words: {listed(broken[:3])}.")
        return
    if text.count("\N{REPLACEMENT CHARACTER}") + len(re.findall(r"Ã.|â€", text)) > len(words) / 20 + 1:
        yield Fault("nonsense", "Its letters were lost on the way: it was read in another encoding.")
        return
    plain = [word for word in words if not word[0].isdigit()]
    if len(plain) < _FEW_WORDS:
        return
    word, times = Counter(word for word in plain if word not in _SMALL).most_common(1)[0] if plain else ("", 0)
    if times > len(plain) * _ONE_WORD and times > 3:
        yield Fault("nonsense", f"“{word}” is {times} of its {len(plain)} words.")
        return
    small = sum(word in _SMALL for word in plain) / len(plain)
    # Of a language that is not among the six there may be none at all; most of those have letters of their own.
    is_of_these = small > 0 or all(sign.isascii() for sign in text if sign.isalpha())
    if small < _MOST_WORDS_SALAD and is_of_these and _is_prose(text) and _in_english(request.text):
        yield Fault("nonsense", f"Only {small:.0%} of its words are small ones such as “the” and “of”: no sentences.")


def _is_gibberish(word: str) -> bool:
    """No vowel, six consonants or three times the same letter in a row, or keys that lie side by side."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return False
    return (
        any(word in row for row in _ROWS)
        or re.search(r"^[^aeiouy]+$|[bcdfghjklmnpqrstvwxz]{6}|(\w)\1\1", word) is not None
    )


def _is_prose(text: str) -> bool:
    """Whether it is written in lines of words, and is no table or list of names."""
    lines = [line for line in text.splitlines() if line.strip()]
    return sum(len(line.split()) for line in lines) / len(lines) >= 6


def _in_english(text: str) -> bool:
    words = words_of(text)
    return sum(word in STOP_WORDS for word in words) >= max(1, len(words) // 8)


# Thin.

#: Under so many words, a text of the format has hardly said anything.
LEAST_WORDS = {"article": 120, "report": 40, "memo": 40, "review": 30, "email": 35, "thread": 40, "post": 8}
#: What is counted in a request: "five tips".
_NUMBERS: dict[str, int] = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_COUNTED = re.compile(
    rf"\b({'|'.join(_NUMBERS)}|[2-9]|1[0-2])(?: [\w-]+)? (?:tips|ideas|(?:subject )?lines|reasons|steps|questions|ways"
    r"|points|examples|options|versions|variants|headlines|titles|slogans|posts|rules|mistakes|answers|names)\b",
    re.IGNORECASE,
)
_LEAST_NEW, _LEAST_DIFFERENT, _MOST_ABSENT = 0.4, 0.6, 0.5


def _thin(request: Request, text: str, format_: str, wished: Wishes) -> Iterator[Fault]:
    said = _said(text)
    words = [word for part in said for word in words_of(part)]
    least = LEAST_WORDS.get(format_, 8)
    if wished.words:
        least = min(least, wished.words // 2)
    if wished.characters:
        least = min(least, wished.characters // 12)
    if len(words) < least:
        yield Fault("thin", f"It says {plural(len(words), 'word')}; {format_ or 'a text'} needs {least} at least.")
        return
    blanks = len(_BLANK.findall(re.sub(r"…|\.{3}", "", text)))
    everything = [part for part in sentences(text) if len(words_of(part)) >= 3]
    absent = sum(1 for part in everything if _ABSENT.search(part))
    if absent >= len(everything) * _MOST_ABSENT:
        yield Fault("thin", f"{absent} of {plural(len(everything), 'sentence')} say that something is not there.")
    elif blanks >= 3 and blanks * 15 > len(words):
        yield Fault("thin", f"{blanks} places of it are left blank for somebody to fill in.")
    different = {" ".join(words_of(part)) for part in said}
    if len(different) < len(said) * _LEAST_DIFFERENT:
        yield Fault("thin", f"It says {plural(len(different), 'different sentence')} in {len(said)}.")
    meant = {stem(word) for word in words if word not in STOP_WORDS}
    new = meant - {stem(word) for word in words_of(request.text)}
    if meant and len(new) < len(meant) * _LEAST_NEW:
        yield Fault("thin", "It says the request over again: few of its words are new.")
    yield from _too_few(request, text)


def _too_few(request: Request, text: str) -> Iterator[Fault]:
    match = _COUNTED.search(request.text)
    if not match:
        return
    wanted = _NUMBERS.get(match[1].lower()) or int(match[1])
    there = max(len([line for line in text.splitlines() if len(line.split()) >= 2]), len(sentences(text)))
    if there < wanted:
        yield Fault("thin", f"The request asks for {match[0].lower()}; there are {there} lines and sentences.")


# Off-topic.

#: What a request calls the work itself, which the work does not repeat.
_WORK_WORDS = """
    article articles blog post posts thread tweet email e-mail emails newsletter mailing memo report reports review
    guide tutorial update story case study reply answer comment text copy draft page landing press release
    announcement announce summary summarise summarize outline script caption captions hashtags hashtag headline
    headlines subject line lines tips ideas reasons steps questions points paragraph sentence sentences characters
    short long brief friendly plain simple new readers followers customers audience social media network website
    list prepare compare research explains explaining telling tell says send create compose whether against good
    great monthly weekly quarterly two three four five six seven eight nine ten first last next latest month quarter
    week year today
"""
_OF_WORK = frozenset(_WORK_WORDS.split())
#: Few enough that other words for the same do not count as another topic; a topic of one or two words says too little.
_LEAST_SHARED, _LEAST_TOPIC = 0.15, 3


def topic_words(request: str) -> set[str]:
    """Return the words of a request that say what it is about, without endings: no network,
    audience or kind of text.
    """
    reader = wishes.audience_in(request)
    apart = {word for name in (*networks_in(request), reader) for word in words_of(name)}
    return {stem(word) for word in key_words(request) if word not in _OF_WORK and word not in apart}


def _off_topic(request: Request, text: str) -> Iterator[Fault]:
    wanted = topic_words(request.text)
    there = {stem(word) for word in words_of(text)}
    # A compound may be written apart, and a word have an ending that is not known: its beginning will do.
    shared = {word for word in wanted if word in there or any(_akin(word, each) for each in there)}
    if len(wanted) >= _LEAST_TOPIC and _in_english(request.text) and len(shared) < len(wanted) * _LEAST_SHARED:
        missing = listed(sorted(wanted - shared)[:4])
        yield Fault("off-topic", f"It takes up {len(shared)} of {len(wanted)} words of the topic; not: {missing}.")


def _akin(one: str, other: str) -> bool:
    return len(one) >= 5 and len(other) >= 5 and one[:5] == other[:5]


# Wrong platform.

#: Ways to speak that belong to one network, whoever else is told so.
_IDIOMS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\blinks? in (?:our |the |my )?bio\b", re.IGNORECASE), ("Instagram", "TikTok", "Threads")),
    (
        re.compile(r"\bswipe (?:up|left|through)\b|\bdouble[- ]tap\b", re.IGNORECASE),
        ("Instagram", "TikTok", "Snapchat"),
    ),
    (re.compile(r"\bretweet|\btweets?\b|\bquote-tweet", re.IGNORECASE), ("Twitter", "X")),
    (re.compile(r"\b(?:up|down)vote|\br/\w+|\bsubreddit\b", re.IGNORECASE), ("Reddit",)),
    (re.compile(r"\bduet\b|\bstitch this\b|#fyp\b|#foryou", re.IGNORECASE), ("TikTok",)),
    (
        re.compile(r"\bhit (?:the|that) bell\b|\bsubscribe to (?:our|the|my) channel\b", re.IGNORECASE),
        ("YouTube", "Twitch"),
    ),
    (re.compile(r"\b(?:re)?pin this\b|\bsave (?:this|the) pin\b", re.IGNORECASE), ("Pinterest",)),
    (re.compile(r"\btoots?\b|\bboosts? (?:this|welcome|appreciated)", re.IGNORECASE), ("Mastodon",)),
    (re.compile(r"\bi(?:'m| am) (?:thrilled|humbled) to announce\b|#opentowork", re.IGNORECASE), ("LinkedIn",)),
)
_LABEL = re.compile(r"^\W*(?:for )?([A-Z]\w+)(?: (?:post|version|thread|caption|story))?\W*:", re.MULTILINE)
_GREETED = re.compile(r"\b(?:hello|hi|hey|dear|good morning),? (\w+)\b", re.IGNORECASE)
_MADE_AS = (
    ("email", re.compile(r"^Subject:", re.MULTILINE)),
    ("thread", re.compile(r"^1/", re.MULTILINE)),
    ("article", re.compile(r"(?s)^#{1,2} .*^## ", re.MULTILINE)),
    ("post", re.compile(r"(?:#[A-Za-z]\w+\W*){3,}\s*$")),
)
_ASKED_AS = (
    ("email", re.compile(r"\be-?mails?\b|\bnewsletter\b|\bmailing\b", re.IGNORECASE)),
    (
        "article",
        re.compile(r"\bblog\b|\barticles?\b|\bcase stud|\bguide\b|\bwhite ?paper|\bpress release", re.IGNORECASE),
    ),
    ("thread", re.compile(r"\bthread\b", re.IGNORECASE)),
    ("post", re.compile(r"\bposts?\b|\btweets?\b|\bcaptions?\b", re.IGNORECASE)),
)


def _wrong_platform(request: Request, text: str, wished: Wishes, placed: tuple[str, ...]) -> Iterator[Fault]:
    asked = wished.platforms
    labels = [name for name in _LABEL.findall(text) if networks_in(f"on {name}") or name in placed]
    written_for = list(dict.fromkeys([*labels, *(placed if not labels else ())]))
    if asked and written_for:
        without = [name for name in asked if not _among(name, written_for)]
        others = [name for name in written_for if not _among(name, asked)]
        if without or others:
            yield Fault("wrong platform", f"Asked for {listed(asked)}; written for {listed(written_for)}.")
            return
    found = [(match[0], homes) for pattern, homes in _IDIOMS if (match := pattern.search(text))]
    greeted = [(match[0], (match[1],)) for match in _GREETED.finditer(text) if networks_in(f"on {match[1]}")]
    speaks = [*found, *greeted]
    networks = [name for name in asked if networks_in(f"on {name}")]
    foreign = [phrase for phrase, homes in speaks if networks and not any(_among(name, homes) for name in networks)]
    if foreign:
        yield Fault("wrong platform", f"Asked for {listed(asked)}; “{foreign[0]}” belongs to another network.")
    yield from _wrong_form(request, text, networks)
    yield from _too_long_for(text, networks, written_for)


def _among(name: str, others: tuple[str, ...] | list[str]) -> bool:
    return any(same_network(name, other) for other in others)


def _wrong_form(request: Request, text: str, networks: list[str]) -> Iterator[Fault]:
    made = next((name for name, pattern in _MADE_AS if pattern.search(text)), "")
    head = sentences(request.text)[0] if request.text.strip() else ""
    asked = [name for name, pattern in _ASKED_AS if pattern.search(head)]
    if not made or not (asked or networks) or made in asked:
        return
    wanted = listed(networks) if networks else listed(asked)
    # Several in a row are posts too, and a network may be asked for beside something longer.
    is_long = made in ("email", "article") and not {"email", "article"} & set(asked)
    is_other = made != "article" and bool(asked) and "post" not in asked and not networks
    if (is_long and (networks or "post" in asked)) or is_other or (made == "article" and asked == ["email"]):
        yield Fault("wrong platform", f"Asked for {wanted}; it is made as {made}.")


def _too_long_for(text: str, networks: list[str], written_for: list[str]) -> Iterator[Fault]:
    """Against the limit of each network, post by post: a text of several has a label before each, a thread numbers."""
    parts = _posts(text) if written_for or re.search(r"^1/", text, re.MULTILINE) else [text]
    longest = max((len(part) for part in parts), default=0)
    for name in networks:
        most = wishes.limit_of(name)
        if most is not None and longest > most and (len(networks) == 1 or not written_for):
            yield Fault("wrong platform", f"{name} takes {most:,} characters a post; this has {longest:,}.")


def _posts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?m)^(?:\d+/|[A-Z]\w+(?: \w+)?:\s*$)", text) if part.strip()]


# Limits.


def _over_limit(text: str, wished: Wishes) -> Iterator[Fault]:
    posts = _posts(text)
    words = max((len(part.split()) for part in posts), default=0)
    longest = max((len(part) for part in posts), default=0)
    if wished.words and words > wished.words:
        yield Fault("over the limit", f"At most {wished.words:,} words were asked for; there are {words:,}.")
    if wished.characters and longest > wished.characters:
        yield Fault(
            "over the limit", f"At most {wished.characters:,} characters were asked for; there are {longest:,}."
        )
