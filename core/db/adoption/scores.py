"""Scores: one scale for the whole table."""

from core.db.adoption.moving import EXAMPLES, Moving


def bring_to_scale(moving: Moving) -> None:
    """One scale for the whole column: nobody gives 0.7 on a scale of 10 or 100, and a 7 means nothing beside many 0.7.

    What does not lie on the scale that most scores are on is left unknown. What was there is kept in `source_score`.
    """
    total, above, fractions, hundred = moving.run(
        "SELECT count(quality_score), count(*) FILTER (WHERE quality_score > 1 AND quality_score <= 100),"
        " count(*) FILTER (WHERE quality_score > 0 AND quality_score < 1),"
        " count(*) FILTER (WHERE quality_score > 10 AND quality_score <= 100) FROM {}",
        EXAMPLES,
    ).fetchone() or (0, 0, 0, 0)
    if not total:
        return
    moving.run("UPDATE {} SET quality_score = NULL WHERE quality_score = 'NaN'", EXAMPLES)
    if above > fractions:
        moving.scale = 100 if hundred else 10
    its = f"quality_score BETWEEN 0 AND {moving.scale}"
    if moving.scale != 1 and fractions:
        # Nobody knows on which scale those fractions are, nor a 1 beside them.
        its = f"(quality_score = 0 OR quality_score > 1 AND quality_score <= {moving.scale})"
    changed = f"NOT ({its})" if moving.scale == 1 else "quality_score IS NOT NULL"
    moved = moving.run(
        f"CREATE TEMP TABLE moving_scores ON COMMIT DROP AS SELECT id, quality_score FROM {{}} WHERE {changed}",
        EXAMPLES,
    )
    moving.rescaled = max(moved.rowcount, 0)
    if moving.rescaled:
        moving.run("ANALYZE moving_scores")
        moving.run(
            f"UPDATE {{}} SET quality_score = CASE WHEN {its} THEN quality_score / {moving.scale} END WHERE {changed}",
            EXAMPLES,
        )
        moving.changes.append(f"{EXAMPLES}.quality_score: read as 0 to {moving.scale}; {moving.rescaled} rows changed")
