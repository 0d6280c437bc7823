-- Each line of the audit log gets a place in a chain: its hash is made of the line and of the hash before it. The
-- triggers refuse changes; who gets around them, with the rights of the server's owner, is found by this.
-- A line gets its place when its act has been committed. If acts extended the chain themselves, each would wait until
-- the one before it is committed, and one that takes minutes would stop all others.
CREATE TABLE audit_chain (
    place    bigint PRIMARY KEY,
    audit_id bigint NOT NULL UNIQUE,
    hash     bytea NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the audit log only grows');

-- Lines without a place yet.
CREATE TABLE audit_unchained (
    audit_id bigint PRIMARY KEY
);
INSERT INTO audit_unchained SELECT id FROM audit_log;
CREATE FUNCTION wait_for_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unchained SELECT id FROM new_lines;
    RETURN NULL;
END $$;
CREATE TRIGGER waits_for_its_place AFTER INSERT ON audit_log REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_place();

-- The hash of a line after another. Microseconds, and jsonb's own text, which no setting of a session changes.
CREATE FUNCTION audit_hash(previous bytea, line audit_log) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
        line.id, (extract(epoch FROM line.at) * 1000000)::bigint, line.actor, line.action, line.subject,
        line.subject_id, line.before, line.after, line.reason, line.row_count)::text, 'UTF8'))
$$;

-- Give up to `most` lines their place; how many it were. Others who do the same wait.
-- A plan that was made while hardly a line waited would read all that wait for each of them.
CREATE FUNCTION extend_audit_chain(most bigint) RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    line  audit_log;
    last  bytea;
    here  bigint;
    added bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM audit_unchained) THEN RETURN 0; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('audit chain ' || current_schema(), 9));
    SELECT place, hash INTO here, last FROM audit_chain ORDER BY place DESC LIMIT 1;
    here := coalesce(here, 0);
    last := coalesce(last, '');
    FOR line IN
        WITH first AS MATERIALIZED (
            SELECT a.id FROM audit_unchained u JOIN audit_log a ON a.id = u.audit_id ORDER BY a.id LIMIT most
        ), taken AS (
            DELETE FROM audit_unchained USING first WHERE audit_id = first.id RETURNING audit_id
        )
        SELECT a.* FROM audit_log a JOIN taken ON taken.audit_id = a.id ORDER BY a.id
    LOOP
        here := here + 1;
        last := audit_hash(last, line);
        INSERT INTO audit_chain VALUES (here, line.id, last);
        added := added + 1;
    END LOOP;
    RETURN added;
END $$;
