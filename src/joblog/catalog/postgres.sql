-- What PostgreSQL alone is told, after the schema was made or brought up to date. Each statement may be repeated.

-- Chunks are compressed already: PostgreSQL need not try.
ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE segment ALTER COLUMN frames SET STORAGE EXTERNAL;

-- Chunks come and go within minutes, and a log's head changes with each append: vacuum by how many rows are dead, not by what
-- share of the table they are, and at once, so that their room is used again.
ALTER TABLE chunk SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0.0, toast.autovacuum_vacuum_threshold = 10000, toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE log SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    fillfactor = 70);
ALTER TABLE counter SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

-- Names and labels of jobs, as SQLite's table of this name has them. What stands in them is found by trigrams where the extension
-- is there or may be made; else each job's is looked at.
-- Names are in the order of their bytes, as in SQLite.
DROP VIEW IF EXISTS job_text;
ALTER TABLE job ALTER COLUMN name TYPE TEXT COLLATE "C", ALTER COLUMN description TYPE TEXT COLLATE "C";
CREATE VIEW job_text AS SELECT id AS rowid, LOWER(name) AS name, LOWER(labels COLLATE "C") AS labels FROM job;
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS job_by_text ON job USING gin (LOWER(name) gin_trgm_ops, LOWER(labels COLLATE "C") gin_trgm_ops);
    EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN NULL;
    END $$;
