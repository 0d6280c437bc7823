"""Our schemas against llama.cpp itself: its grammar is made from them, and a model of random weights has to obey.

Needs `xllamacpp` and `gguf`, in this environment or in the one whose Python WHETSTONE_TEST_LLAMA names.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from core.errors import ModelUnavailable
from core.llm import Model, complete, schemas
from core.orchestrator.plans import plan_schema
from core.orchestrator.scoring.judge import SCHEMA
from core.settings import Settings
from tests.orchestrator.shapes import SHAPE

PYTHON = os.environ.get("WHETSTONE_TEST_LLAMA", sys.executable)
MODEL = Model("openai", "tiny")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    missing = subprocess.run([PYTHON, "-c", "import xllamacpp, gguf"], capture_output=True, check=False).returncode
    if missing:
        pytest.skip("xllamacpp and gguf are not installed: python -m pip install xllamacpp gguf")
    program = Path(__file__).with_name("tiny.py")
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    process = subprocess.Popen(
        [PYTHON, program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        lines = (line.split() for line in process.stdout)
        address = next((words[1] for words in lines if words[:1] == ["address"]), None)
        assert address, "the server did not start"
        yield Settings(_env_file=None, OPENAI_BASE_URL=f"{address}/v1")  # pyright: ignore[reportCallIssue]
        process.terminate()


def test_text_is_answered_and_counted(served: Settings) -> None:
    with pytest.raises(ModelUnavailable) as cut:
        complete(MODEL, system="Be short.", prompt="Hello.", settings=served, max_tokens=20)
    assert cut.value.reason == "cut"  # random weights do not know when to stop
    assert cut.value.answer.tokens_out == 20
    assert cut.value.answer.tokens_in > 10


def test_values_of_a_closed_schema_are_exact(served: Settings) -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["post", "email"]},
            "agent": {"const": "content"},
            "is_short": {"type": "boolean"},
            "note": {"enum": ["a", "b"]},
            "parts": {"type": "array", "items": {"anyOf": [{"enum": ["x"]}, {"enum": ["y"]}]}},
        },
        "required": ["kind", "agent", "is_short"],
        "additionalProperties": False,
    }
    answer = complete(MODEL, system="", prompt="Go.", schema=schema, settings=served, max_tokens=2_000)
    assert jsonschema.Draft202012Validator(schema).is_valid(answer.data)
    assert answer.cost_usd is None


@pytest.mark.parametrize("schema", [plan_schema(SHAPE), SCHEMA], ids=["plan", "judgement"])
def test_plans_and_judgements_keep_their_shape(served: Settings, schema: dict) -> None:
    """Lengths and ranges are not part of what the server is held to, so the answer need not fit all of the schema."""
    try:
        answer = complete(MODEL, system="", prompt="Go.", schema=schema, settings=served, max_tokens=12_000)
    except ModelUnavailable as failure:
        assert failure.reason == "bad_answer"  # noqa: PT017
        answer = failure.answer
    assert jsonschema.Draft202012Validator(schemas.plain(schema)).is_valid(json.loads(answer.text))
