"""The compliance agent: claims, banned words, personal data, disclosures, each with what to write instead."""

import re
from collections.abc import Sequence
from typing import Any

from core.history import latest_post
from core.orchestrator.agents import scanning
from core.orchestrator.agents.scanning import Finding
from core.orchestrator.agents.tasks import Action, Findings, Task
from core.orchestrator.material.wording import plural
from core.orchestrator.plans import ActionShape

_PAYLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "maxLength": 100_000,
            "description": "The text to check; without it, the texts of the steps this one depends on.",
        },
        "topic": {
            "type": "string",
            "maxLength": 300,
            "description": "Without a text and such steps: the latest post on this topic is checked.",
        },
        "platform": {"type": "string", "maxLength": 100, "description": "Where it is to appear."},
    },
    "required": [],
    "additionalProperties": False,
}
_EXAMPLE = {"platform": "blog"}

SHAPE = {
    "claims": ActionShape("Finds absolute claims, and numbers without a source.", _PAYLOAD, _EXAMPLE),
    "banned_words": ActionShape("Finds words and phrases that the workspace bans.", _PAYLOAD, _EXAMPLE),
    "personal_data": ActionShape("Finds addresses, numbers and ids of persons.", _PAYLOAD, _EXAMPLE),
    "disclosures": ActionShape("Finds disclosures that the text calls for and does not hold.", _PAYLOAD, _EXAMPLE),
}
_SHOWN = 8
_REQUEST = "the request itself"
_QUOTED = re.compile(r"[“\"]([^”\"]{40,})[”\"]")


def claims(task: Task) -> Findings:
    """Absolute words, and numbers that name no source, month or sample."""
    checked, of = _text(task)
    return _report("claims", of, scanning.claims(checked))


def banned_words(task: Task) -> Findings:
    """Return the workspace's own list; the settings show it."""
    checked, of = _text(task)
    words = task.preferences.banned_words
    findings = _report("banned words", of, scanning.banned_words(checked, words))
    findings.data["words"] = len(words)
    if not words:
        findings.missing.append("The workspace bans no words, so there was nothing to look for.")
    return findings


def personal_data(task: Task) -> Findings:
    """Addresses, numbers and ids of persons; what is found is quoted with its middle hidden."""
    checked, of = _text(task)
    return _report("personal data", of, scanning.personal_data(checked))


def disclosures(task: Task) -> Findings:
    """Return what has to stand beside offers, outlooks, paid content, legal information and in emails."""
    checked, of = _text(task)
    return _report("disclosures", of, scanning.disclosures(checked, str(task.payload.get("platform", ""))))


ACTIONS: dict[str, Action] = {
    "claims": claims,
    "banned_words": banned_words,
    "personal_data": personal_data,
    "disclosures": disclosures,
}


def _text(task: Task) -> tuple[str, str]:
    """Return the text to check, and what it is: as given, of the steps before, in quotes in the request, the latest
    post.
    """
    given = str(task.payload.get("text") or "").strip()
    if given:
        return given, "the given text"
    written = [before for before in task.before if before.agent == "content"] or list(task.before)
    if written:
        return "\n\n".join(before.text for before in written), f"step {', '.join(before.step for before in written)}"
    quoted = _QUOTED.search(task.request.text)
    if quoted:
        return quoted[1], "the text in quotes"
    post = latest_post(task.db, str(task.payload.get("topic") or ""), as_of=task.as_of)
    if post:
        return post.content, f"the latest post on the topic ({post.post_id}, {post.at:%Y-%m-%d})"
    return task.request.text, _REQUEST


def _report(what: str, of: str, found: Sequence[Finding]) -> Findings:
    findings = Findings(
        f"Checked {of} for {what}: {plural(len(found), 'finding') if found else 'nothing found'}.",
        {"passed": not found, "findings": [vars(finding) for finding in found], "checked": of},
        len(found),
    )
    findings.text += "".join(f"\n- {finding.sentence}" for finding in found[:_SHOWN])
    if len(found) > _SHOWN:
        findings.text += f"\n- and {len(found) - _SHOWN:,} more"
    if of == _REQUEST:
        findings.missing.append(f"No draft was given and no post on the topic is recorded: {of} was checked.")
    return findings
