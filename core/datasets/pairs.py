"""Pairs: two answers to one conversation of which one is better. Preference training (DPO) learns from them.

They are found when a version is frozen, from the scores and outcomes of that moment, and are frozen with it: a score
that changes later changes no pair.
"""

from sqlalchemy import Connection

from core.datasets.recipes import Recipe
from core.datasets.rendering import (
    ANY_ORDER,
    IN_ORDER,
    answer_sql,
    asked_sql,
    frozen_content,
    pinned,
    rejected_sql,
    run,
)
from core.datasets.splits import NAMES

#: How much better a score has to be (of 0.0 to 1.0), where success does not decide.
MARGIN = 0.1


def freeze(connection: Connection, dataset_id: int, recipe: Recipe) -> dict[str, int]:
    """Pair the members of a version with the `candidates` they came from; gives the pairs of each split, and of all.

    Of the answers to one conversation the best is preferred to every other that differs from it and is worse: that
    failed where it did not, or has a score lower by `MARGIN`. Best is what succeeded, then what scored highest, then
    what is oldest; what failed, or must not be learned, is never preferred. Conversations are equal when everything
    before the answer is. An answer that came with a worse one in its own row is preferred to that one.
    """
    run(connection, IN_ORDER)
    run(connection, f"CREATE TEMPORARY TABLE answers ON COMMIT DROP AS {_answers(recipe)}")
    run(connection, f"{ANY_ORDER}; ANALYZE answers")
    run(connection, _PAIRS.format(dataset_id=dataset_id, margin=MARGIN))
    run(connection, "DROP TABLE answers")
    found = run(connection, f"SELECT split, count(*) FROM dataset_pairs WHERE dataset_id = {dataset_id:d} GROUP BY 1")
    counts = {NAMES[split]: count for split, count in found}
    return {**{name: counts.get(name, 0) for name in NAMES}, "all": sum(counts.values())}


def _answers(recipe: Recipe) -> str:
    """Only what was asked more than once is rendered: usually little of a version.

    Numbered as the members are, from the `candidates` alone: of members that this transaction has just written the
    planner knows nothing, and a join with them became a loop in a loop.
    """
    repeated = """(
        SELECT example_id, revision, position, split, quality_score
        FROM (SELECT *, row_number() OVER (ORDER BY example_id) AS position,
                     count(*) OVER (PARTITION BY request_key) AS times FROM candidates) AS counted
        WHERE times > 1)"""
    return f"""
        SELECT position, split, quality_score, sha256(convert_to({asked_sql(recipe)}, 'UTF8')) AS asked,
               sha256(convert_to({answer_sql(recipe)}, 'UTF8')) AS answer,
               coalesce(context #> '{{answer,weight}}' = '0', false) AS unlearned,
               (SELECT success FROM orchestrator_training_data AS e WHERE e.id = c.example_id) AS success
        FROM ({pinned(repeated, ("position", "split", "quality_score"))}) AS c"""


#: `other` 0 is the worse answer that came with the preferred one.
_PAIRS = """
INSERT INTO dataset_pairs (dataset_id, position, split, preferred, other)
WITH best AS (
    SELECT DISTINCT ON (split, asked) * FROM answers WHERE success IS NOT FALSE AND NOT unlearned
    ORDER BY split, asked, success DESC NULLS LAST, quality_score DESC NULLS LAST, position
), found AS (
    SELECT other.position AS place, other.split, best.position AS preferred, other.position AS other
    FROM answers AS other JOIN best ON best.split = other.split AND best.asked = other.asked
    WHERE best.answer <> other.answer
      AND (best.success AND other.success IS FALSE OR best.quality_score - other.quality_score >= {margin} - 1e-9)
    UNION ALL
    SELECT position, split, position, 0
    FROM (SELECT *, row_number() OVER (ORDER BY example_id) AS position FROM candidates) AS numbered
    WHERE has_rejected
      AND (SELECT success FROM orchestrator_training_data AS e WHERE e.id = numbered.example_id) IS NOT FALSE
)
SELECT {dataset_id}, row_number() OVER (ORDER BY place, other), split, preferred, other FROM found
ORDER BY place, other"""


def lines_sql(dataset_id: int, recipe: Recipe, condition: str, renderer: int) -> str:
    """Return SQL text whose rows are the pairs as OpenAI's preference training reads them, in order.

    A row is NULL where the content of one of its records is missing. `condition` is about `split`.
    """
    side = (
        "LATERAL (SELECT CASE WHEN user_request IS NOT NULL THEN {shown} END AS shown FROM ({content}) AS c"
        " OFFSET 0) AS {name}"
    )
    answer = answer_sql(recipe, renderer)
    worse = f"CASE pair.other WHEN 0 THEN {rejected_sql()} ELSE {answer} END" if renderer > 1 else answer
    asked, preferred, other = (
        side.format(shown=shown, name=name, content=frozen_content(dataset_id, f"position = {place}"))
        for shown, name, place in (
            (asked_sql(recipe, renderer), "asked", "pair.preferred"),
            (answer, "good", "pair.preferred"),
            (worse, "bad", "coalesce(nullif(pair.other, 0), pair.preferred)"),
        )
    )
    return f"""
        SELECT '{{"input":' || asked.shown || ',"preferred_output":[' || good.shown
               || '],"non_preferred_output":[' || bad.shown || ']}}'
        FROM (SELECT * FROM dataset_pairs WHERE dataset_id = {dataset_id:d} AND {condition}) AS pair,
             {asked}, {preferred}, {other}
        ORDER BY pair.position"""
