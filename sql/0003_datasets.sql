-- Dataset versions: building, then frozen for good.

ALTER TABLE training_datasets
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN name TYPE text,
    ALTER COLUMN file_path TYPE text,
    ALTER COLUMN file_format TYPE text,
    ALTER COLUMN fine_tune_job_id TYPE text,
    ALTER COLUMN created_by TYPE text,
    ALTER COLUMN avg_quality TYPE double precision,
    ALTER COLUMN example_count TYPE bigint,
    -- legacy: a file of the original system, listed but without members. queued -> building -> frozen | failed | cancelled
    ADD COLUMN status text NOT NULL DEFAULT 'legacy'
        CHECK (status IN ('legacy', 'queued', 'building', 'frozen', 'failed', 'cancelled')),
    ADD COLUMN phase text NOT NULL DEFAULT '',
    ADD COLUMN done_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN recipe jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN split jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN left_out jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN renderer integer,
    ADD COLUMN manifest jsonb,
    ADD COLUMN root_hash bytea,
    ADD COLUMN error text,
    ADD COLUMN frozen_at timestamptz,
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN archived_at timestamptz;
ALTER TABLE training_datasets ALTER COLUMN status SET DEFAULT 'queued';

-- Content by reference: the example, which revision of it, and the hash of the record as rendered.
-- No foreign key: examples cannot be deleted (0002), and a check per row would double the time of a freeze.
CREATE TABLE dataset_members (
    dataset_id bigint NOT NULL,
    position   integer NOT NULL,
    example_id bigint NOT NULL,
    revision   integer NOT NULL,
    split      smallint NOT NULL CHECK (split IN (0, 1, 2)),  -- train, validation, test
    sha256     bytea NOT NULL,
    PRIMARY KEY (dataset_id, position)
);
CREATE INDEX dataset_members_example ON dataset_members (example_id);

CREATE FUNCTION refuse_frozen_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM training_datasets d
               WHERE d.status = 'frozen' AND d.id IN (SELECT DISTINCT n.dataset_id FROM new_members n)) THEN
        RAISE EXCEPTION 'INSERT on dataset_members is refused: the dataset version is frozen';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_while_building AFTER INSERT ON dataset_members REFERENCING NEW TABLE AS new_members
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_frozen_members();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON dataset_members
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a dataset version is frozen');

CREATE FUNCTION refuse_frozen_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'frozen' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' OR
       (OLD.id, OLD.name, OLD.version, OLD.status, OLD.filters, OLD.recipe, OLD.split, OLD.left_out, OLD.renderer,
        OLD.manifest, OLD.root_hash, OLD.example_count, OLD.frozen_at, OLD.created_by, OLD.created_at)
       IS DISTINCT FROM
       (NEW.id, NEW.name, NEW.version, NEW.status, NEW.filters, NEW.recipe, NEW.split, NEW.left_out, NEW.renderer,
        NEW.manifest, NEW.root_hash, NEW.example_count, NEW.frozen_at, NEW.created_by, NEW.created_at) THEN
        RAISE EXCEPTION '% on training_datasets is refused: % version % is frozen', TG_OP, OLD.name, OLD.version;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON training_datasets
    FOR EACH ROW EXECUTE FUNCTION refuse_frozen_dataset();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON training_datasets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('dataset versions are frozen');

CREATE INDEX training_datasets_open ON training_datasets (id) WHERE status IN ('queued', 'building');
