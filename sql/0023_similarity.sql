-- Vectors of texts, by which past work is found that means the same; and an index of the words of past tasks and posts,
-- for where no model is installed.

-- What of a task or a post is compared: as much as a model reads of it.
CREATE FUNCTION similar_text(title text, body text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(btrim(coalesce(title, '') || E'\n' || coalesce(body, ''), E' \t\n\r\f\v'), 2000)
$$;
CREATE INDEX task_words ON orchestrator_historical_tasks
    USING gin (to_tsvector('simple'::regconfig, similar_text(title, description)));
CREATE INDEX post_words ON orchestrator_published_posts
    USING gin (to_tsvector('simple'::regconfig, similar_text(title, content)));

-- The model that the vectors of this workspace are of; no row: nobody has installed one.
CREATE TABLE similarity_model (
    name      text NOT NULL CHECK (name <> ''),
    dimension integer NOT NULL,
    since     timestamptz NOT NULL DEFAULT now(),
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);

-- Rows that wait for their vector. The mark changes whenever a row changes again while it is encoded.
CREATE SEQUENCE similarity_marks;
CREATE TABLE similarity_due (
    kind   text NOT NULL CHECK (kind IN ('example', 'task', 'post')),
    row_id bigint NOT NULL,
    mark   bigint NOT NULL DEFAULT nextval('similarity_marks'),
    PRIMARY KEY (kind, row_id)
);
CREATE INDEX similarity_due_mark ON similarity_due (mark);

CREATE TABLE similarity_vectors (
    kind     text NOT NULL CHECK (kind IN ('example', 'task', 'post')),
    row_id   bigint NOT NULL,
    model    text NOT NULL,
    -- md5 of the text: one that did not change is not encoded again.
    content  uuid NOT NULL,
    -- Half-precision floats, little endian, of length 1 together.
    vector   bytea NOT NULL,
    -- By what is chosen before vectors are compared. The row itself has the last word.
    known_at timestamptz,
    topic    text NOT NULL DEFAULT '',
    platform text NOT NULL DEFAULT '',
    -- Grows with each write; writers take turns, so whoever has read up to one number misses none below it.
    change   bigint NOT NULL DEFAULT nextval('similarity_marks'),
    PRIMARY KEY (kind, row_id)
);
-- Compressing noise gains nothing.
ALTER TABLE similarity_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX similarity_vectors_change ON similarity_vectors (change);

-- New rows are due. In workspaces without a model this costs one look a statement.
CREATE FUNCTION similarity_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM similarity_model) THEN
        INSERT INTO similarity_due (kind, row_id) SELECT TG_ARGV[0], id FROM new_rows
        ON CONFLICT (kind, row_id) DO UPDATE SET mark = nextval('similarity_marks');
    END IF;
    RETURN NULL;
END $$;
-- A vector goes with the text that it was made of; when only a date or a topic changed, it stays until it is looked at.
CREATE FUNCTION similarity_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_other boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM similarity_model) AND NOT EXISTS (SELECT FROM similarity_vectors) THEN
        RETURN NULL;
    END IF;
    INSERT INTO similarity_due (kind, row_id) VALUES (TG_ARGV[0], NEW.id)
    ON CONFLICT (kind, row_id) DO UPDATE SET mark = nextval('similarity_marks');
    IF TG_ARGV[0] = 'example' THEN
        is_other := OLD.user_request IS DISTINCT FROM NEW.user_request;
    ELSIF TG_ARGV[0] = 'task' THEN
        is_other := (OLD.title, OLD.description) IS DISTINCT FROM (NEW.title, NEW.description);
    ELSE
        is_other := (OLD.title, OLD.content) IS DISTINCT FROM (NEW.title, NEW.content);
    END IF;
    IF is_other THEN
        DELETE FROM similarity_vectors WHERE kind = TG_ARGV[0] AND row_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION similarity_of_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM similarity_due d USING old_rows o WHERE d.kind = TG_ARGV[0] AND d.row_id = o.id;
    DELETE FROM similarity_vectors v USING old_rows o WHERE v.kind = TG_ARGV[0] AND v.row_id = o.id;
    RETURN NULL;
END $$;

CREATE TRIGGER similarity_of_new AFTER INSERT ON orchestrator_training_data REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION similarity_of_new('example');
CREATE TRIGGER similarity_of_new AFTER INSERT ON orchestrator_historical_tasks REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION similarity_of_new('task');
CREATE TRIGGER similarity_of_new AFTER INSERT ON orchestrator_published_posts REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION similarity_of_new('post');

-- UPDATE OF: a bulk tag names none of these columns and never pays.
CREATE TRIGGER similarity_of_changed AFTER UPDATE OF user_request, business_state, created_at
    ON orchestrator_training_data FOR EACH ROW
    WHEN ((OLD.user_request, OLD.created_at, OLD.business_state ->> 'topic', OLD.business_state ->> 'platform')
          IS DISTINCT FROM
          (NEW.user_request, NEW.created_at, NEW.business_state ->> 'topic', NEW.business_state ->> 'platform'))
    EXECUTE FUNCTION similarity_of_changed('example');
CREATE TRIGGER similarity_of_changed AFTER UPDATE OF title, description, topic, created_at, completed_at
    ON orchestrator_historical_tasks FOR EACH ROW
    WHEN ((OLD.title, OLD.description, OLD.topic, OLD.created_at, OLD.completed_at)
          IS DISTINCT FROM (NEW.title, NEW.description, NEW.topic, NEW.created_at, NEW.completed_at))
    EXECUTE FUNCTION similarity_of_changed('task');
CREATE TRIGGER similarity_of_changed AFTER UPDATE OF title, content, topic, platform, published_at, created_at
    ON orchestrator_published_posts FOR EACH ROW
    WHEN ((OLD.title, OLD.content, OLD.topic, OLD.platform, OLD.published_at, OLD.created_at)
          IS DISTINCT FROM (NEW.title, NEW.content, NEW.topic, NEW.platform, NEW.published_at, NEW.created_at))
    EXECUTE FUNCTION similarity_of_changed('post');

CREATE TRIGGER similarity_of_gone AFTER DELETE ON orchestrator_historical_tasks REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION similarity_of_gone('task');
CREATE TRIGGER similarity_of_gone AFTER DELETE ON orchestrator_published_posts REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION similarity_of_gone('post');

-- Who may only write its own table goes on writing: what the triggers keep is not its business.
DO $$
DECLARE
    trigger text;
BEGIN
    FOREACH trigger IN ARRAY ARRAY['similarity_of_new', 'similarity_of_changed', 'similarity_of_gone']
    LOOP
        EXECUTE format('ALTER FUNCTION %I() SECURITY DEFINER SET search_path TO %I, pg_temp', trigger, current_schema());
    END LOOP;
END $$;
