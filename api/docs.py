"""The page at /api/docs: the description of the API for people. Without a script, and with nothing from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any

from api.openapi import operations

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d8dedb, #333d3a); --soft: light-dark(#f3f5f4, #1c2322);
        --link: light-dark(#0b5f58, #6ccabe); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem;
       background: light-dark(#fff, #121716); color: light-dark(#1c2422, #e6ebe9); }
a { color: var(--link); } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: .5rem .9rem; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4.2rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: var(--soft); border-radius: 8px;
      overflow: auto; max-height: 24rem; padding: .7rem; } table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
"""


def page(document: dict[str, Any]) -> str:
    """Return the whole page as HTML."""
    found = sorted(operations(document), key=lambda each: _tag(each[2]))
    sections = [(tag, list(those)) for tag, those in groupby(found, key=lambda each: _tag(each[2]))]
    body = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>'
        + "".join(_operation(*each, document) for each in those)
        for tag, those in sections
    )
    contents = " · ".join(f'<a href="#{escape(tag)}">{escape(tag.capitalize())}</a>' for tag, _ in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(document['info']['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(document['info']['title'])}</h1><p>{escape(document['info'].get('description', ''))} "
        "A token goes into the header <code>Authorization: Bearer …</code>. "
        f'The same for programs: <a href="openapi.json">openapi.json</a>.</p><p>{contents}</p>{body}</body></html>'
    )


def _tag(operation: dict[str, Any]) -> str:
    return (operation.get("tags") or ["other"])[0]


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    title = f"<b>{method.upper()}</b> <code>/api{escape(path)}</code> {escape(operation.get('summary', ''))}"
    return f"<details><summary>{title}</summary>{''.join(_inside(method, path, operation, document))}</details>"


def _inside(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(operation.get('description', ''))}</p><p>{_needs(operation['x-role'])}</p>"
    yield _table("Parameters", [_parameter(each) for each in operation.get("parameters", ())])
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if body:
        yield _table("Body", list(_fields(body.get("schema", {}), document)))
    yield "<p>Example</p>" + _pre(_curl(method, path, operation, body.get("example")))
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if status < "400" and "example" in content:
                told = content["example"]
                yield f"<p>{status}, {escape(kind)}</p>" + _pre(told if isinstance(told, str) else _json(told))


def _needs(role: str | None) -> str:
    return f"Role: <b>{escape(role)}</b>" if role else "Open to all: no token is needed."


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
        for name, kind, text in rows
    )
    return f"<table><tr><th>{title}</th><th>Type</th><th></th></tr>{cells}</table>"


def _parameter(each: dict[str, Any]) -> tuple[str, str, str]:
    needed = "needed. " if each.get("required") else ""
    return each["name"], _kind(each["schema"]), f"{needed}{each.get('description', '')}"


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from _fields(choice, document)
    if "items" in schema:
        yield from _fields(schema["items"], document)
    for name, each in schema.get("properties", {}).items():
        needed = "needed. " if name in schema.get("required", ()) else ""
        yield name, _kind(each), f"{needed}{each.get('description', '')}"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema and schema.get("title") != "Any JSON":
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    if schema.get("type") == "array":
        items: dict[str, Any] | bool = schema.get("items", True)
        return "list" if isinstance(items, bool) else f"list of {_kind(items)}"
    return schema.get("type") or schema.get("title") or str(schema.get("const", "any"))


def _curl(method: str, path: str, operation: dict[str, Any], body: Any) -> str:
    query = operation.get("x-example-query", "")
    lines = [f"curl -X {method.upper()} 'http://127.0.0.1:8501/api{path}{'?' if query else ''}{query}'"]
    if body is not None:
        lines += ["  -H 'Content-Type: application/json'", "  -d '" + _json(body).replace("'", "'\\''") + "'"]
    return " \\\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
