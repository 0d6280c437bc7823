"""A line of the audit log as a sentence, and the page that shows the thing it is about."""

from collections.abc import Mapping
from typing import Any

from core.audit import Entry
from ui.parts import addresses
from ui.parts.formatting import count

#: What a thing is called, and of which one of many: the subject of the log → words.
_THINGS = {
    "execution": "run",
    "job": "job",
    "commands": "command",
    "dataset": "dataset",
    "history": "history import",
    "import": "import",
}
#: Verb (and subject, where it matters) → the words around the thing.
_SAID = {
    "planning": "requested {}",
    "pending_approval": "planned {}, awaiting approval",
    "approved": "approved {}",
    "rejected": "rejected {}",
    "executing": "started {}",
    "completed": "completed {}",
    "failed": "stopped {}: it failed",
    "cancelled": "cancelled {}",
    "validating": "created {}",
    "submit_unknown": "sent {} without an answer",
    "succeeded": "finished {}",
    "edit plan": "edited the plan of {}",
    "say kind": "named the kind of work of {}",
    "score": "scored {}",
    "edit": "edited {}",
    "capture": "captured {}",
    "create": "requested {}",
    "freeze": "froze {}",
    "export": "exported {}",
    "create token": "made {}",
    "revoke token": "revoked {}",
    "use": "trained on {}",
    "no longer use": "released {}",
    "register": "registered {}",
    "deploy": "deployed {}",
    "undeploy": "undeployed {}",
    "evaluate": "started {}",
    "cancel evaluation": "cancelled {}",
    "resume evaluation": "resumed {}",
    "save": "saved {}",
    "delete": "deleted {}",
    "remove": "removed {}",
    "import": "imported {}",
    "undo import": "undid {}",
    "redo import": "restored {}",
    "backfill": "filled in missing results",
    "undo backfill": "took filled-in results back",
    "undo tags": "undid tags on {}",
    "setting": "changed the setting {}",
    "load demo": "loaded the demo company",
    "drop demo": "removed the demo company",
    "mine": "mined patterns",
    "adopt": "took over {}",
    "bring to form": "normalised {}",
    "resume": "resumed {}",
    "pause": "paused {}",
    "cancel": "cancelled {}",
    "retry": "retried {}",
    "rename": "renamed {}",
    "archive": "archived {}",
    "restore": "restored {}",
    "retire": "retired {}",
    "accepted": "accepted {}",
    "unaccepted": "withdrew {}",
    "retired": "retired {}",
    "restored": "restored {}",
}
_SHORT_ID = 8


def sentence(line: Entry) -> str:
    """What was done, without who: the column beside it says that."""
    after = line.after if isinstance(line.after, dict) else {}
    verb = line.verb
    if verb.endswith(" tags") and verb != "undo tags":
        tags = ", ".join(map(str, after.get("tags", ())))
        done = "removed" if verb.startswith("remove") else "added"
        return f"{done} {tags} {'from' if done == 'removed' else 'to'} {_rows(line, 'example')}"
    if line.action == "tuning" and "asked" in after:
        return f"asked {_thing(line)} to {after['asked']}"
    said = _SAID.get(verb, f"{verb.replace('_', ' ')}: {{}}").format(_thing(line))
    return f"{said}{_more(line, after)}"


def _thing(line: Entry) -> str:
    after = line.after if isinstance(line.after, dict) else {}
    if line.subject in ("examples", "commands") and (line.row_count or 0) != 1:
        return _rows(line, line.subject.removesuffix("s"))
    if line.subject == "dataset" and "name" in after:
        return f"dataset {after['name']} v{after.get('version', '')}".rstrip(" v")
    if line.subject in ("import", "history") and (name := after.get("file") or after.get("name")):
        return str(name)
    if line.subject == "token" and "name" in after:
        return f"the token {after['name']}"
    if line.subject == "deployment":
        return str(after.get("name") or f"model {(line.before or {}).get('model', '')}").strip()
    if line.subject == "setting":
        return line.subject_id.replace("_", " ")
    word = _THINGS.get(line.subject, line.subject)
    return f"{word} {short(line.subject_id)}".strip()


def _rows(line: Entry, word: str) -> str:
    return count(line.row_count or 0, word)


def _more(line: Entry, after: Mapping[str, Any]) -> str:
    if line.subject == "import" and "new" in after:
        return f" · {after['new']:,} new, {after.get('changed', 0):,} changed"
    if line.subject == "setting" and "value" in after:
        return (
            f" to {'on' if after['value'] is True else 'off' if after['value'] is False else after['value'] or 'none'}"
        )
    if line.action == "score" and line.subject == "example" and after.get("quality_score") is not None:
        return f" · {after['quality_score']:.2f}"
    if line.subject == "evaluation" and "rows" in after:
        return f" · {count(after['rows'], 'record')}"
    if line.action == "mine":
        return f" · {after.get('discovered', 0):,} found"
    if line.verb == "freeze" and line.row_count is not None:
        return f" · {count(line.row_count, 'record')}"
    return ""


def short(name: str) -> str:
    """The beginning of a long id; of a short one, or of a word, all of it."""
    return name[:_SHORT_ID] if len(name) > 24 and name.count("-") >= 4 else name


def target(line: Entry) -> tuple[str, addresses.Query] | None:
    """The page that shows the thing, and what to ask it for; None where no page does."""
    own = addresses.workspace()
    number = int(line.subject_id) if line.subject_id.isdecimal() and len(line.subject_id) < 19 else None
    if line.subject == "execution" and line.subject_id:
        return addresses.ORCHESTRATOR, {"run": line.subject_id, **own}
    if line.subject == "dataset":
        return addresses.DATASETS, {**own}
    if line.subject == "pattern" and line.subject_id:
        return addresses.INSIGHTS, {addresses.PATTERN: line.subject_id, **own}
    if number is None:
        return None
    if line.subject == "example":
        return addresses.DATA, addresses.example(number)
    if line.subject == "job":
        return addresses.FINE_TUNING, {**addresses.job(number)}
    if line.subject == "model":
        return addresses.FINE_TUNING, {addresses.PART: "models", addresses.MODEL: line.subject_id, **own}
    if line.subject == "import":
        return addresses.IMPORTING, {**own}
    return None
