"""Three conversations by which two templates, or the trainer and a server, are compared."""

from collections.abc import Mapping

#: With a system prompt, with a former answer, and with what a template could trim, escape or take for a mark.
CONVERSATIONS: Mapping[str, list[dict[str, str]]] = {
    "with a system prompt": [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "with a former answer": [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "And of Japan?"},
    ],
    "with special characters": [
        {"role": "user", "content": "  Größe: 3 × 5 µm,\n\n\t\"naïve\" & <b>'bold'</b> {x} 日本語 🙂 \\n"},
    ],
}
