-- Examples in their final form, whether 0001 created the table or found one of the original system.

-- An adopted table holds scores on 0-10 or 0-100 beside 0-1, and tags in lower case. What was there stays readable:
-- the score as it was found is kept beside the one on the common scale.
ALTER TABLE orchestrator_training_data
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN execution_id TYPE text,
    ALTER COLUMN intent TYPE text,
    ALTER COLUMN execution_plan TYPE text USING execution_plan::text,
    ALTER COLUMN execution_result TYPE text USING execution_result::text,
    ALTER COLUMN quality_score TYPE double precision,
    ALTER COLUMN quality_score DROP NOT NULL,
    ALTER COLUMN quality_score DROP DEFAULT,
    ALTER COLUMN success DROP NOT NULL,
    ALTER COLUMN success DROP DEFAULT,
    ALTER COLUMN created_at TYPE timestamptz,
    ALTER COLUMN updated_at TYPE timestamptz,
    ALTER COLUMN source_agent TYPE text,
    ALTER COLUMN source_model TYPE text,
    ALTER COLUMN execution_time_ms TYPE bigint,
    -- What the model may see beside the request: an own system prompt, earlier turns, the planner's context.
    ADD COLUMN context jsonb,
    -- Grows by one whenever the content changes; the content before stands in example_revisions.
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD COLUMN import_id bigint,
    -- Set when the import that brought this row was undone: hidden everywhere, restorable.
    ADD COLUMN withdrawn_at timestamptz,
    -- Of the record as its source last gave it; the same record again changes nothing, whatever was edited here since.
    ADD COLUMN source_digest uuid,
    -- The score as its source wrote it, where it was brought to 0-1.
    ADD COLUMN source_score double precision;

UPDATE orchestrator_training_data SET
    source_score = CASE WHEN quality_score NOT BETWEEN 0 AND 1 THEN quality_score END,
    quality_score = CASE
        WHEN quality_score BETWEEN 0 AND 1 THEN quality_score
        WHEN quality_score BETWEEN 1 AND 10 THEN quality_score / 10
        WHEN quality_score BETWEEN 10 AND 100 THEN quality_score / 100
    END,
    tags = ARRAY(
        SELECT DISTINCT left(regexp_replace(upper(t), '[^A-Z0-9_]', '_', 'g'), 64) FROM unnest(tags) AS t WHERE t <> '' ORDER BY 1
    ),
    intent = coalesce(intent, ''),
    source_agent = coalesce(source_agent, ''),
    source_model = coalesce(source_model, ''),
    business_state = coalesce(business_state, '{}'),
    created_at = coalesce(created_at, updated_at, now()),
    updated_at = coalesce(updated_at, created_at, now());

-- Exports of the original system hold rows whose result is just "success": nothing a model could learn.
-- Only ASCII is folded (COLLATE "C"), so that every database agrees with every other and with Python.
CREATE FUNCTION teaches(content text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT content IS NOT NULL
       AND lower(btrim(content, E' \t\n\r\f\v".') COLLATE "C") NOT IN
           ('', 'success', 'successful', 'succeeded', 'ok', 'okay', 'done', 'completed', 'complete', 'failed', 'failure',
            'error', 'none', 'null', 'n/a', 'true', 'false', '{}', '[]')
$$;

-- Requests that differ only in case or white space are one group: a split never parts them.
-- The pattern passes over single spaces, which stay as they are: 3 us a request instead of 20 for a plain [...]+.
CREATE FUNCTION request_group(request text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5(lower(btrim(regexp_replace(request, E'[ \t\n\r\f\v]{2,}|[\t\n\r\f\v]', ' ', 'g')) COLLATE "C"))::uuid
$$;

ALTER TABLE orchestrator_training_data
    ALTER COLUMN intent SET DEFAULT '', ALTER COLUMN intent SET NOT NULL,
    ALTER COLUMN source_agent SET DEFAULT '', ALTER COLUMN source_agent SET NOT NULL,
    ALTER COLUMN source_model SET DEFAULT '', ALTER COLUMN source_model SET NOT NULL,
    ALTER COLUMN business_state SET DEFAULT '{}', ALTER COLUMN business_state SET NOT NULL,
    ALTER COLUMN tags SET DEFAULT '{}', ALTER COLUMN tags SET NOT NULL,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET DEFAULT now(), ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT quality_between_0_and_1 CHECK (quality_score BETWEEN 0 AND 1),
    -- What must not be there, in one pattern: matching the whole form instead took five times as long, and every bulk
    -- tag pays for it.
    ADD CONSTRAINT tags_have_their_form CHECK (
        array_position(tags, NULL) IS NULL
        AND array_to_string(tags, ',') !~ '[^A-Z0-9_,]|[A-Z0-9_]{65}|,,|^,|,$'
    ),
    ADD COLUMN has_plan boolean NOT NULL GENERATED ALWAYS AS (teaches(execution_plan)) STORED,
    ADD COLUMN has_result boolean NOT NULL GENERATED ALWAYS AS (teaches(execution_result)) STORED,
    ADD COLUMN is_trainable boolean NOT NULL GENERATED ALWAYS AS (
        btrim(user_request, E' \t\n\r\f\v') <> '' AND (teaches(execution_plan) OR teaches(execution_result))
    ) STORED,
    ADD COLUMN request_key uuid NOT NULL GENERATED ALWAYS AS (request_group(user_request)) STORED,
    -- What the dashboard groups by, as columns: an expression has no statistics, and the planner then sorts a million rows.
    ADD COLUMN month date NOT NULL GENERATED ALWAYS AS (date_trunc('month', created_at AT TIME ZONE 'UTC')::date) STORED,
    ADD COLUMN quality_bin smallint GENERATED ALWAYS AS (
        CASE WHEN quality_score IS NOT NULL THEN least(width_bucket(quality_score, 0, 1, 20), 20)::smallint END
    ) STORED;

-- The original system's single-column indexes are subsumed by those below, and each would slow every bulk tag.
DROP INDEX IF EXISTS
    idx_orchestrator_training_data_execution_id, idx_orchestrator_training_data_quality_score,
    idx_orchestrator_training_data_intent, idx_orchestrator_training_data_success,
    idx_orchestrator_training_data_created_at, idx_orchestrator_training_data_tags;

-- The dashboard's counts and histograms read this index alone, never the wide rows.
CREATE INDEX examples_dashboard ON orchestrator_training_data (created_at, id)
    INCLUDE (quality_score, quality_bin, month, intent, success, tags, is_trainable, source_agent, source_model)
    WHERE withdrawn_at IS NULL;
CREATE STATISTICS example_groups (ndistinct)
    ON intent, source_agent, source_model, success, month, quality_bin, tags FROM orchestrator_training_data;
-- Every index costs a bulk tag 4 to 18 µs a row, for tags stand in two of them and a new row version enters all. So
-- there is none on intent (pages find their ids in the dashboard index), and the words stand in a table of their own.
CREATE INDEX examples_quality ON orchestrator_training_data (quality_score, id) WHERE withdrawn_at IS NULL;
CREATE INDEX examples_tags ON orchestrator_training_data USING gin (tags);
CREATE INDEX examples_import ON orchestrator_training_data (import_id) WHERE import_id IS NOT NULL;

-- Content that was replaced. The current content stands in the example itself and is its own revision.
CREATE TABLE example_revisions (
    example_id       bigint NOT NULL,
    revision         integer NOT NULL,
    user_request     text NOT NULL,
    intent           text NOT NULL,
    business_state   jsonb NOT NULL,
    context          jsonb,
    execution_plan   text,
    execution_result text,
    replaced_at      timestamptz NOT NULL DEFAULT now(),
    replaced_by      text NOT NULL,
    reason           text NOT NULL,
    PRIMARY KEY (example_id, revision)
);

-- Who did what, to what, from what to what, and why. Append only.
CREATE TABLE audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL CHECK (actor <> ''),
    action     text NOT NULL,
    subject    text NOT NULL,
    subject_id text NOT NULL DEFAULT '',
    before     jsonb,
    after      jsonb,
    reason     text NOT NULL DEFAULT '',
    row_count  bigint
);
CREATE INDEX audit_subject ON audit_log (subject, subject_id, id);
CREATE INDEX audit_at ON audit_log (at);

-- One row a tagging act, with exactly the rows it changed, so that undo touches those and no others.
CREATE TABLE tag_changes (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    actor     text NOT NULL,
    verb      text NOT NULL CHECK (verb IN ('add', 'remove')),
    tags      text[] NOT NULL,
    filter    jsonb,
    reason    text NOT NULL,
    row_count bigint NOT NULL,
    undone_at timestamptz,
    undone_by text
);
-- Rows are grouped by the tags that really changed: a row that already had one of two added tags keeps it on undo.
CREATE TABLE tag_change_rows (
    change_id bigint NOT NULL REFERENCES tag_changes (id),
    tags      text[] NOT NULL,
    ids       bigint[] NOT NULL
);
CREATE INDEX tag_change_rows_change ON tag_change_rows (change_id);

CREATE TABLE imports (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    actor        text NOT NULL,
    file_name    text NOT NULL,
    file_sha256  bytea NOT NULL,
    format       text NOT NULL,
    options      jsonb NOT NULL DEFAULT '{}',
    new_count    bigint NOT NULL,
    changed_count bigint NOT NULL,
    same_count   bigint NOT NULL,
    undone_at    timestamptz,
    undone_by    text
);
-- What an import replaced in rows that were there before, for undo.
CREATE TABLE import_changes (
    import_id       bigint NOT NULL REFERENCES imports (id),
    example_id      bigint NOT NULL,
    revision_before integer NOT NULL,
    revision_after  integer NOT NULL,
    before          jsonb NOT NULL,
    after           jsonb NOT NULL,
    PRIMARY KEY (import_id, example_id)
);

CREATE TABLE saved_filters (
    name   text PRIMARY KEY CHECK (name <> ''),
    filter jsonb NOT NULL,
    actor  text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);

-- One row a statement that changed examples. Pages put (max id, count) into their cache keys: both together change
-- with every commit, even when transactions commit in another order than they began. Prunes itself after an hour.
CREATE TABLE example_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION note_example_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO example_changes DEFAULT VALUES;
    -- SKIP LOCKED: two writers never wait for each other here.
    DELETE FROM example_changes WHERE id IN (
        SELECT id FROM example_changes WHERE at < now() - interval '1 hour' LIMIT 100 FOR UPDATE SKIP LOCKED
    );
    RETURN NULL;
END $$;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE ON orchestrator_training_data
    FOR EACH STATEMENT EXECUTE FUNCTION note_example_change();

-- AFTER, not BEFORE: a BEFORE trigger would make every bulk tag compute all generated columns again. So it cannot count
-- revisions itself; it insists that whoever changes content does, and keeps what was there. UPDATE OF: a bulk tag names
-- none of these columns and never pays.
CREATE FUNCTION keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision <> OLD.revision + 1 THEN
        RAISE EXCEPTION 'UPDATE of example % is refused: new content needs SET revision = revision + 1', OLD.id;
    END IF;
    INSERT INTO example_revisions (example_id, revision, user_request, intent, business_state, context,
                                   execution_plan, execution_result, replaced_by, reason)
    VALUES (OLD.id, OLD.revision, OLD.user_request, OLD.intent, OLD.business_state, OLD.context,
            OLD.execution_plan, OLD.execution_result,
            coalesce(nullif(current_setting('whetstone.actor', true), ''), current_user),
            coalesce(current_setting('whetstone.reason', true), ''));
    RETURN NULL;
END $$;
CREATE TRIGGER keep_revision
    AFTER UPDATE OF user_request, intent, business_state, context, execution_plan, execution_result, revision
    ON orchestrator_training_data FOR EACH ROW
    WHEN ((OLD.user_request, OLD.intent, OLD.business_state, OLD.context, OLD.execution_plan, OLD.execution_result,
           OLD.revision)
          IS DISTINCT FROM
          (NEW.user_request, NEW.intent, NEW.business_state, NEW.context, NEW.execution_plan, NEW.execution_result,
           NEW.revision))
    EXECUTE FUNCTION keep_revision();

-- The words of each request. 'simple' knows no language: no stemming, no stop words, the same in every database.
CREATE TABLE example_words (
    example_id bigint PRIMARY KEY,
    words      tsvector NOT NULL
);
CREATE INDEX example_words_words ON example_words USING gin (words);
INSERT INTO example_words SELECT id, to_tsvector('simple', user_request) FROM orchestrator_training_data;

CREATE FUNCTION keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO example_words SELECT id, to_tsvector('simple', user_request) FROM new_examples;
    ELSE
        UPDATE example_words SET words = to_tsvector('simple', NEW.user_request) WHERE example_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_words_of_new AFTER INSERT ON orchestrator_training_data REFERENCING NEW TABLE AS new_examples
    FOR EACH STATEMENT EXECUTE FUNCTION keep_words();
CREATE TRIGGER keep_words_of_changed AFTER UPDATE OF user_request ON orchestrator_training_data FOR EACH ROW
    WHEN (OLD.user_request IS DISTINCT FROM NEW.user_request) EXECUTE FUNCTION keep_words();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'raise_exception';
END $$;
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON orchestrator_training_data
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('examples are tagged or withdrawn, never deleted');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the audit log only grows');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON example_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a revision is what was; it cannot change');

-- What adoption changed is on record, like every other change.
INSERT INTO audit_log (actor, action, subject, after, reason, row_count)
SELECT 'migration', 'adopt', 'examples',
       jsonb_build_object('examples', count(*), 'scores_brought_to_0_1', count(source_score)),
       'a table of the original system was found and taken over; source_score keeps each score as it was', count(*)
FROM orchestrator_training_data
HAVING count(*) > 0;
