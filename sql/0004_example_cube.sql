-- The examples summed up: one row for each group that a page may ask about. Always whole and of one version of the
-- examples; a page that finds another version here than the current one reads the examples themselves.

CREATE TABLE example_cube (
    intent       text NOT NULL,
    source_agent text NOT NULL,
    source_model text NOT NULL,
    success      boolean,
    month        date NOT NULL,
    -- 2k: scored exactly k/20; 2k+1: between k/20 and (k+1)/20; NULL: not scored. So a range whose ends are twentieths,
    -- both included, is a range of cells.
    cell         smallint CHECK (cell BETWEEN 0 AND 40),
    tags         text[] NOT NULL,
    is_trainable boolean NOT NULL,
    number       bigint NOT NULL,
    scored       bigint NOT NULL,
    quality      double precision,
    first        timestamptz NOT NULL,
    last         timestamptz NOT NULL
);

-- At most one row: of which version of the examples the cube is, how many there are, and which values occur in them.
CREATE TABLE example_cube_version (
    only_one      boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version       text NOT NULL,
    built_at      timestamptz NOT NULL DEFAULT now(),
    took          interval NOT NULL DEFAULT '0',
    total         bigint NOT NULL,
    intents       text[] NOT NULL,
    tags          text[] NOT NULL,
    source_agents text[] NOT NULL,
    source_models text[] NOT NULL
);
