"""Calls of the API as a test writes them down, and what was answered, for the examples in its description."""

import re
from typing import Any

from starlette.testclient import TestClient

#: Lists in examples are shown with so many rows.
_ROWS = 2


class Caller:
    """Speaks to the app. Every call that is no refusal becomes the example of its operation, unless that has one."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self.recorded: dict[str, dict[str, Any]] = {}

    def __call__(
        self,
        operation: str,
        *values: Any,
        query: str = "",
        body: Any = None,
        status: int = 200,
        is_enveloped: bool = True,
        **headers: str,
    ) -> Any:
        """The `data` of the answer to `POST /path/{id}`, whose braces take `values`; its text, where it is no JSON.

        Where it is not enveloped, because somebody else says of which form it is: the whole answer.
        """
        method, template = operation.split(" ", 1)
        rest = iter(values)
        path = re.sub(r"\{[^}]*\}", lambda _: str(next(rest)), template)
        address = f"/api{path}{'?' if query else ''}{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.request(method, address, json=body, headers=named)
        assert answer.status_code == status, f"{operation}: {answer.status_code} {answer.text[:1_000]}"
        is_json = (
            "attachment" not in answer.headers.get("content-disposition", "")
            and "json" in answer.headers["content-type"]
        )
        if status < 400:
            self._record(operation, query, body, answer.json() if is_json else answer.text)
        if not is_json:
            return answer.text
        told = answer.json()
        if not is_enveloped:
            return told
        assert set(told) == {"success", "data", "error", "message"}
        assert told["success"] is (status < 400)
        return told["data"] if status < 400 else told

    def _record(self, operation: str, query: str, body: Any, answer: Any) -> None:
        example: dict[str, Any] = {"query": query} if query else {}
        example |= {} if body is None else {"body": body}
        example["answer"] = answer[:400] if isinstance(answer, str) else shortened(answer)
        self.recorded.setdefault(operation, example)


def shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        rows = value[:_ROWS] if value and isinstance(value[0], dict) else value
        return [shortened(each) for each in rows]
    return value
