"""A small set of agents for tests of plans."""

from core.orchestrator.plans import ActionShape, Plan, Shape, Step

_TOPIC = {"type": "string", "minLength": 1, "maxLength": 80, "description": "What it is about."}

SHAPE: Shape = {
    "content": {
        "outline": ActionShape(
            "Outlines a text.",
            {
                "type": "object",
                "properties": {"topic": _TOPIC, "points": {"type": "integer", "minimum": 1, "maximum": 9}},
                "required": ["topic"],
                "additionalProperties": False,
            },
            {"topic": "barcode labels"},
        ),
        "draft": ActionShape(
            "Writes a text.",
            {
                "type": "object",
                "properties": {
                    "topic": _TOPIC,
                    "format": {"enum": ["post", "email"]},
                    "keywords": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                },
                "required": ["topic", "format"],
                "additionalProperties": False,
            },
            {"topic": "barcode labels", "format": "post"},
        ),
    },
    "compliance": {
        "check": ActionShape(
            "Checks a text for claims and banned words.",
            {
                "type": "object",
                "properties": {"strict": {"type": "boolean"}},
                "required": [],
                "additionalProperties": False,
            },
            {},
        ),
    },
}

PLAN = Plan(
    "content_generation",
    (
        Step("outline", "content", "outline", {"topic": "barcode labels"}, "A text needs an order."),
        Step(
            "draft",
            "content",
            "draft",
            {"topic": "barcode labels", "format": "post"},
            "It is what was asked for.",
            ("outline",),
        ),
        Step("check", "compliance", "check", {}, "Nothing goes out unchecked.", ("draft",)),
    ),
)
