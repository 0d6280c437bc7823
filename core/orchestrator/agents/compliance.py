"""The compliance agent: claims, banned words, personal data, disclosures, each with what to write instead."""

from collections.abc import Sequence
from typing import Any

from core.orchestrator.agents import scanning
from core.orchestrator.agents.scanning import Finding
from core.orchestrator.agents.tasks import Action, Findings, Task
from core.orchestrator.plans import ActionShape
from core.orchestrator.wording import plural

_PAYLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "maxLength": 100_000,
            "description": "The text to check; without it, the texts of the steps this one depends on.",
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


def claims(task: Task) -> Findings:
    """Absolute words, and numbers that name no source, month or sample."""
    text, of = _text(task)
    return _report("claims", of, scanning.claims(text))


def banned_words(task: Task) -> Findings:
    """The workspace's own list; the settings show it."""
    text, of = _text(task)
    words = task.preferences.banned_words
    findings = _report("banned words", of, scanning.banned_words(text, words))
    findings.data["words"] = len(words)
    if not words:
        findings.missing.append("The workspace bans no words, so there was nothing to look for.")
    return findings


def personal_data(task: Task) -> Findings:
    """Addresses, numbers and ids of persons; what is found is quoted with its middle hidden."""
    text, of = _text(task)
    return _report("personal data", of, scanning.personal_data(text))


def disclosures(task: Task) -> Findings:
    """What has to stand beside offers, outlooks, paid content, legal information and in emails."""
    text, of = _text(task)
    return _report("disclosures", of, scanning.disclosures(text, str(task.payload.get("platform", ""))))


ACTIONS: dict[str, Action] = {
    "claims": claims,
    "banned_words": banned_words,
    "personal_data": personal_data,
    "disclosures": disclosures,
}


def _text(task: Task) -> tuple[str, str]:
    """The text to check, and what it is."""
    given = str(task.payload.get("text") or "").strip()
    if given:
        return given, "the given text"
    written = [before for before in task.before if before.agent == "content"] or list(task.before)
    if written:
        return "\n\n".join(before.text for before in written), f"step {', '.join(before.step for before in written)}"
    return task.request.text, "the request itself"


def _report(what: str, of: str, found: Sequence[Finding]) -> Findings:
    findings = Findings(
        f"Checked {of} for {what}: {plural(len(found), 'finding') if found else 'nothing found'}.",
        {"passed": not found, "findings": [vars(finding) for finding in found], "checked": of},
        len(found),
    )
    findings.text += "".join(f"\n- {finding.sentence}" for finding in found[:_SHOWN])
    if len(found) > _SHOWN:
        findings.text += f"\n- and {len(found) - _SHOWN:,} more"
    if of == "the request itself":
        findings.missing.append(f"No draft was given, so the request itself was checked for {what}.")
    return findings
