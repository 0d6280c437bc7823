-- History comes in from files and other databases. What an original system keeps of tasks and posts beside the columns
-- of 0001; an adopted table may have some of them already, in types of its own.
ALTER TABLE orchestrator_historical_tasks
    ADD COLUMN IF NOT EXISTS status text,
    ADD COLUMN IF NOT EXISTS execution_id text,
    ADD COLUMN IF NOT EXISTS content text;
ALTER TABLE orchestrator_historical_tasks
    ALTER COLUMN status TYPE text USING status::text, ALTER COLUMN status DROP NOT NULL,
    ALTER COLUMN execution_id TYPE text USING execution_id::text, ALTER COLUMN execution_id DROP NOT NULL,
    ALTER COLUMN content TYPE text USING content::text, ALTER COLUMN content DROP NOT NULL;
ALTER TABLE orchestrator_published_posts
    ADD COLUMN IF NOT EXISTS status text,
    ADD COLUMN IF NOT EXISTS execution_id text,
    ADD COLUMN IF NOT EXISTS slug text,
    ADD COLUMN IF NOT EXISTS keywords jsonb;
ALTER TABLE orchestrator_published_posts
    ALTER COLUMN status TYPE text USING status::text, ALTER COLUMN status DROP NOT NULL,
    ALTER COLUMN execution_id TYPE text USING execution_id::text, ALTER COLUMN execution_id DROP NOT NULL,
    ALTER COLUMN slug TYPE text USING slug::text, ALTER COLUMN slug DROP NOT NULL;
DO $$ BEGIN
    -- No cast goes from text[] to jsonb, and a default of another type would not follow.
    IF (SELECT format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'orchestrator_published_posts'::regclass AND attname = 'keywords') <> 'jsonb' THEN
        ALTER TABLE orchestrator_published_posts
            ALTER COLUMN keywords DROP DEFAULT, ALTER COLUMN keywords DROP NOT NULL,
            ALTER COLUMN keywords TYPE jsonb USING to_jsonb(keywords);
    END IF;
END $$;

-- Lists of history are read page by page in this order; what has no date stands at the end.
CREATE INDEX historical_tasks_newest
    ON orchestrator_historical_tasks (coalesce(completed_at, created_at, '-infinity'::timestamptz), id);
CREATE INDEX published_posts_newest
    ON orchestrator_published_posts (coalesce(published_at, created_at, '-infinity'::timestamptz), id);
-- The page of a post is found by the end of its address; a hash index takes a slug of any length.
CREATE INDEX published_posts_slug ON orchestrator_published_posts USING hash (slug);

-- One import of history. Nothing of it is lost by an undo: what it takes away is kept for redo.
CREATE TABLE history_imports (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT now(),
    actor         text NOT NULL,
    source        text NOT NULL CHECK (source IN ('tasks', 'posts', 'social', 'web', 'finance')),
    name          text NOT NULL,
    sha256        bytea NOT NULL,
    format        text NOT NULL,
    options       jsonb NOT NULL DEFAULT '{}',
    new_count     bigint NOT NULL,
    changed_count bigint NOT NULL,
    same_count    bigint NOT NULL,
    undone_at     timestamptz,
    undone_by     text
);
CREATE TABLE history_import_rows (
    import_id bigint NOT NULL REFERENCES history_imports (id),
    row_id    bigint NOT NULL,
    -- What stood there before; NULL where the import brought the row.
    before    jsonb,
    -- Of the row as the import left it: whether somebody changed it since.
    digest    uuid NOT NULL,
    -- What an undo took away.
    taken     jsonb,
    PRIMARY KEY (import_id, row_id)
);

-- Examples that got their result from a task or a post.
CREATE TABLE history_backfills (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL,
    reason     text NOT NULL,
    filled     bigint NOT NULL,
    trainable  bigint NOT NULL,
    undone_at  timestamptz,
    undone_by  text
);
CREATE TABLE history_backfill_rows (
    backfill_id bigint NOT NULL REFERENCES history_backfills (id),
    example_id  bigint NOT NULL,
    source      text NOT NULL CHECK (source IN ('tasks', 'posts')),
    source_id   bigint NOT NULL,
    -- The result that was replaced, the revision that replaced it, and whether what the source gave was noted then.
    before      text,
    revision    integer NOT NULL,
    noted       boolean NOT NULL,
    PRIMARY KEY (backfill_id, example_id)
);
