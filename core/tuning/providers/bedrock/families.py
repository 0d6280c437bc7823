"""Families of models on Bedrock: what their lines look like, what can be set, and how they answer afterwards.

Claude: AWS user guide of model customisation, 2026; lines as in Anthropic's cookbook. Nova: AWS user guide, 2026, which
says that tools stand in the format and are not learned: "Adding tool sections might cause your job to fail."
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from core.errors import TuningRefused
from core.tuning.providers.data import Form
from core.tuning.providers.protocol import Setting

Hosting = Literal["provisioned", "deployment"]


@dataclass(frozen=True)
class Family:
    """Bases whose data and settings are the same."""

    prefix: str
    title: str
    #: A line of the export to the family's own form. Raises `TuningRefused` with what is wrong with one it does not
    #: take.
    line: Callable[[Any], Mapping[str, Any]]
    settings: tuple[Setting, ...]
    #: Our settings' names at AWS.
    names: Mapping[str, str]
    hosting: Hosting
    #: What answering costs, in a sentence.
    hosting_words: str


def of(base_model: str) -> Family | None:
    """Return the family of a base; None for one whose form of data is not known here."""
    plain = base_model.rpartition("/")[2]
    return next((each for each in FAMILIES if plain.startswith(each.prefix)), None)


def _alternating(line: Any) -> Sequence[Mapping[str, str]]:
    messages = line["messages"]
    if "tools" in line or not all(isinstance(each["content"], str) for each in messages):
        raise TuningRefused("tools or calls of tools, which it does not learn")
    roles = [each["role"] for each in messages]
    expected = ["user", "assistant"] * (len(roles) // 2)
    if not roles or roles != expected:
        raise TuningRefused("turns that do not alternate from user to assistant")
    if not all(each["content"].strip() for each in messages):
        raise TuningRefused("an empty turn")
    return messages


def _claude_line(line: Any) -> Mapping[str, Any]:
    messages = [{"role": each["role"], "content": each["content"]} for each in _alternating(line)]
    return {**({"system": line["system"]} if line.get("system") else {}), "messages": messages}


def _nova_line(line: Any) -> Mapping[str, Any]:
    messages = [{"role": each["role"], "content": [{"text": each["content"]}]} for each in _alternating(line)]
    system = {"system": [{"text": line["system"]}]} if line.get("system") else {}
    return {"schemaVersion": "bedrock-conversation-2024", **system, "messages": messages}


def _epochs(most: int) -> Setting:
    return Setting(
        "epochs", "Epochs", "How often the model sees every example; the cost grows with it.", 2, "integer", 1, most
    )


_CLAUDE = Family(
    prefix="anthropic.",
    title="Claude",
    line=_claude_line,
    settings=(
        _epochs(10),
        Setting(
            "batch_size",
            "Batch size",
            "Examples between two updates of the model; Bedrock's default is 32.",
            32,
            "integer",
            4,
            256,
            is_advanced=True,
        ),
        Setting(
            "learning_rate_multiplier",
            "Learning rate multiplier",
            "How strongly each update changes the model; Bedrock's default is 1.",
            1.0,
            "number",
            0.1,
            2,
            is_advanced=True,
        ),
    ),
    names={"epochs": "epochCount", "batch_size": "batchSize", "learning_rate_multiplier": "learningRateMultiplier"},
    hosting="provisioned",
    hosting_words="Answering needs provisioned throughput, which AWS charges by the hour, asked or not, until it is "
    "ended here. The price by the hour is on AWS's price page of Bedrock; it is not known here.",
)

_NOVA = Family(
    prefix="amazon.nova-",
    title="Amazon Nova",
    line=_nova_line,
    settings=(
        _epochs(5),
        Setting(
            "learning_rate",
            "Learning rate",
            "How strongly each update changes the model; Bedrock's default is 0.00001.",
            1e-5,
            "number",
            1e-6,
            1e-4,
            is_advanced=True,
        ),
        Setting(
            "warmup_steps",
            "Warm-up steps",
            "Updates until the learning rate is reached; Bedrock's default is 10.",
            10,
            "integer",
            0,
            100,
            is_advanced=True,
        ),
    ),
    names={"epochs": "epochCount", "learning_rate": "learningRate", "warmup_steps": "learningRateWarmupSteps"},
    hosting="deployment",
    hosting_words="Answering needs a deployment of the model. AWS charges what is asked of it, and may charge for "
    "keeping the model; look at its price page of Bedrock, and end the deployment here when it is not needed.",
)

FAMILIES = (_CLAUDE, _NOVA)


def hyperparameters(family: Family, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings by AWS's names, as text. Raises `TuningRefused` naming the setting that is wrong."""
    unknown = sorted(set(settings) - set(family.names))
    if unknown:
        raise TuningRefused(
            f"There is no setting {unknown[0]!r} for {family.title}; there are: {', '.join(family.names)}."
        )
    return {
        family.names[each.name]: _text(_checked(each, settings.get(each.name, each.default)))
        for each in family.settings
    }


def _checked(setting: Setting, value: Any) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    assert setting.least is not None
    assert setting.most is not None
    is_whole = is_number and float(value).is_integer()
    if not is_number or (setting.kind == "integer" and not is_whole) or not setting.least <= value <= setting.most:
        raise TuningRefused(
            f"{setting.label} is {value!r}; it has to be a {'whole ' if setting.kind == 'integer' else ''}number from "
            f"{setting.least:g} to {setting.most:g}."
        )
    return int(value) if setting.kind == "integer" else float(value)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.10f}".rstrip("0").rstrip(".")


def written(family: Family, line: bytes) -> bytes:
    """Return a line of the export in the family's own form. Raises `TuningRefused` with what is wrong with it."""
    try:
        return orjson.dumps(family.line(orjson.loads(line)), option=orjson.OPT_APPEND_NEWLINE)
    except (KeyError, TypeError, orjson.JSONDecodeError):
        raise TuningRefused("no record that can be read") from None


def form(family: Family | None) -> Form:
    """How the family's files are made of an export."""
    if family is None:
        return Form("bedrock")
    return Form("bedrock", f"{family.title.lower().replace(' ', '-')}-1", lambda _split, line: written(family, line))
