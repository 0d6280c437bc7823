"""Which types of an original system's columns become which of ours, without a guess.

`%` stands for the column. What converts nowhere raises in PostgreSQL, or has no entry, and is refused by name.
"""

from typing import Literal

Family = Literal["text", "uuid", "int", "number", "money", "bool", "json", "moment", "array", "interval", "other"]

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "citext", "name"), "text"),
    **dict.fromkeys(("int2", "int4", "int8"), "int"),
    **dict.fromkeys(("float4", "float8", "numeric"), "number"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    **dict.fromkeys(("timestamp", "timestamptz", "date"), "moment"),
    "uuid": "uuid",
    "money": "money",
    "bool": "bool",
    "interval": "interval",
}
#: Durations are measured, so what is below their unit may be rounded; a count that is no whole number is none.
_DURATIONS = {"execution_time_ms": 1_000, "duration_seconds": 1, "avg_session_duration": 1}

#: A default value that PostgreSQL brings along by itself when it changes the type.
KEEPS_DEFAULT = {
    ("text", "text"), ("int", "int8"), ("int", "int4"), ("int", "float8"), ("number", "float8"),
    ("moment", "timestamptz"), ("array", "_text"),
}  # fmt: skip

#: In the schema for temporary things: they end with the connection.
FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION pg_temp.filled(given text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(btrim(given, E' \t\n\r'), '')
$$;
CREATE OR REPLACE FUNCTION pg_temp.whole(given numeric) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF given <> round(given) THEN RAISE EXCEPTION '% is not a whole number', given; END IF;
    RETURN given::bigint;
END $$;
CREATE OR REPLACE FUNCTION pg_temp.moment(given text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF pg_temp.filled(given) !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN
        RAISE EXCEPTION '“%” is not written as in 2026-03-31 12:00:00', given;
    END IF;
    RETURN pg_temp.filled(given)::timestamptz;
END $$;
CREATE OR REPLACE FUNCTION pg_temp.epoch(given double precision) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(CASE WHEN abs(given) >= 1e11 THEN given / 1000 ELSE given END)
$$;
CREATE OR REPLACE FUNCTION pg_temp.list(given text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    trimmed text := pg_temp.filled(given);
BEGIN
    IF trimmed IS NULL OR trimmed = 'null' THEN RETURN NULL; END IF;
    IF trimmed LIKE '[%' THEN RETURN ARRAY(SELECT jsonb_array_elements_text(trimmed::jsonb)); END IF;
    IF trimmed LIKE '{%}' THEN RETURN trimmed::text[]; END IF;
    IF trimmed LIKE '"%"' THEN trimmed := trimmed::jsonb #>> '{}'; END IF;
    RETURN ARRAY(SELECT btrim(part) FROM unnest(string_to_array(trimmed, ',')) AS part WHERE btrim(part) <> '');
END $$;
"""

_USING: dict[str, dict[Family, str]] = {
    "text": {
        **dict.fromkeys(("text", "uuid", "int", "number", "bool", "json", "moment", "interval"), "%::text"),
        "array": "to_json(%)::text",
    },
    "jsonb": {"json": "%::jsonb", "text": "pg_temp.filled(%::text)::jsonb", "array": "to_jsonb(%)"},
    "float8": {
        **dict.fromkeys(("int", "number"), "%::float8"),
        "money": "%::numeric::float8",
        "text": "pg_temp.filled(%::text)::float8",
    },
    "numeric": {"money": "%::numeric", "text": "pg_temp.filled(%::text)::numeric"},
    "int8": {
        "int": "%::int8",
        "number": "pg_temp.whole(%::numeric)",
        "text": "pg_temp.whole(pg_temp.filled(%::text)::numeric)",
    },
    "bool": {
        **dict.fromkeys(("int", "text"), "pg_temp.filled(%::text)::boolean"),
        "number": "trim_scale(%::numeric)::text::boolean",
    },
    "_text": {**dict.fromkeys(("text", "json"), "pg_temp.list(%::text)"), "array": "%::text[]"},
    "timestamptz": {
        "moment": "%::timestamptz",
        "text": "pg_temp.moment(%::text)",
        **dict.fromkeys(("int", "number"), "pg_temp.epoch(%::float8)"),
    },
    "date": {"moment": "%::date", "text": "pg_temp.moment(%::text)::date"},
}
_USING["int4"] = {name: f"{using}::int4" for name, using in _USING["int8"].items()}


def family(base: str, kind: str) -> Family:
    """Return what a type of PostgreSQL is like; `kind` is its `typtype`."""
    if base.startswith("_"):
        return "array"
    return "text" if kind == "e" else _FAMILIES.get(base, "other")


def converting(column: str, base: str, kind: str, wanted: str) -> str | None:
    """Return SQL that makes the wanted type of a column of another; None where there is none."""
    its = family(base, kind)
    if column in _DURATIONS and wanted == "int8":
        if its == "interval":
            return f"round(extract(epoch FROM %) * {_DURATIONS[column]})::int8"
        if its == "number":
            return "round(%::numeric)::int8"
        if its == "text":
            return "round(pg_temp.filled(%::text)::numeric)::int8"
    if (base, wanted) == ("float4", "float8"):
        return "%::text::float8"  # a plain cast makes 0.20000000298 of 0.2
    return _USING.get(wanted, {}).get(its)
