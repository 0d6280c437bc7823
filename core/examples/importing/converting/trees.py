"""Conversations of Open Assistant, which branch: as trees, and as tables of which every row is one message."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.examples.importing.models import RowError

Raw = Mapping[str, Any]

#: What every message of such a table has. Those of one tree stand together.
_SIGNS = {"message_id", "parent_id", "message_tree_id", "role", "text"}
#: So many messages one tree may have; the largest public one has some hundreds.
_MOST = 10_000


def of_tree(row: Raw) -> Iterator[Raw]:
    """Yield the ways through a tree, each to an answer that no other answer follows.

    Deleted messages, and all below them, are passed over; the ways beside them count them.
    """
    beside = {name: each for name, each in row.items() if name != "prompt"}
    waiting: list[tuple[list[Raw], Any]] = [([], row.get("prompt"))]
    while waiting:
        before, node = waiting.pop()
        if not isinstance(node, dict):
            continue
        message = {name: each for name, each in node.items() if name not in ("text", "replies", "deleted")}
        way = [*before, {**message, "content": node.get("text")}]
        every = _objects(node.get("replies"))
        replies = [each for each in every if not _is_deleted(each)]
        if len(every) > len(replies):
            beside["deleted replies"] = beside.get("deleted replies", 0) + len(every) - len(replies)
        waiting += [(way, reply) for reply in reversed(replies)]
        if node.get("role") == "assistant" and not any(_answers(reply) for reply in replies):
            yield {**beside, "messages": way} | ({"replies without an answer": len(replies)} if replies else {})


def _objects(value: Any) -> list[Raw]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _answers(reply: Raw) -> list[Raw]:
    return [each for each in _objects(reply.get("replies")) if not _is_deleted(each)]


def _is_deleted(message: Raw) -> bool:
    return message.get("deleted") is True or str(message.get("deleted")).lower() in ("true", "t", "1")


def is_message(row: Raw) -> bool:
    """Whether the row is one message of a tree."""
    return row.keys() >= _SIGNS


def gathered(rows: Iterator[tuple[int, Raw | RowError]]) -> Iterator[tuple[int, Raw | RowError]]:
    """Yield the trees of a table of messages, and the rows that belong to none of them."""
    held: list[tuple[int, Raw]] = []
    done: set[Any] = set()
    for number, row in rows:
        if isinstance(row, RowError):
            yield number, row
            continue
        tree = row.get("message_tree_id")
        if held and tree != held[0][1].get("message_tree_id"):
            yield from _tree(held)
            done.add(held[0][1].get("message_tree_id"))
            held = []
        if tree in done or tree in (None, "") or len(held) >= _MOST:
            expected = f"the id of a tree whose messages stand together, at most {_MOST:,}; sort the table by it"
            yield number, RowError(number, "message_tree_id", repr(tree), expected)
        else:
            held.append((number, row))
    yield from _tree(held)


def _tree(held: list[tuple[int, Raw]]) -> Iterator[tuple[int, Raw | RowError]]:
    """Yield the tree of these messages, behind those that do not lead to its first message."""
    nodes: dict[str, dict[str, Any]] = {}
    for number, row in held:
        if row.get("message_id") in (None, "") or str(row["message_id"]) in nodes:
            yield number, RowError(number, "message_id", repr(row.get("message_id")), "an id of its own")
        else:
            nodes[str(row["message_id"])] = {**row, "replies": [], "row": number, "parent_id": _parent(row)}
    roots = [node for node in nodes.values() if node["parent_id"] is None]
    first = {node["row"] for node in roots}
    for node in nodes.values():
        if node["row"] not in first and node["parent_id"] in nodes:
            nodes[node["parent_id"]]["replies"].append(node)
    reached, waiting = set(first), list(roots)
    while waiting:
        replies = waiting.pop()["replies"]
        reached.update(reply["row"] for reply in replies)
        waiting += replies
    for node in nodes.values():
        number, parent = node.pop("row"), node.pop("parent_id")
        del node["message_id"], node["message_tree_id"]
        if number not in reached:
            yield number, RowError(number, "parent_id", repr(parent), "the id of a message of the same tree")
    yield from ((number, {"prompt": root}) for number, root in zip(sorted(first), roots, strict=True))


def _parent(row: Raw) -> str | None:
    parent = row.get("parent_id")
    return None if parent in (None, "") or parent != parent else str(parent)
