-- What SQLite alone is told, after the schema was made or brought up to date. Each statement may be repeated.

-- Names and labels of jobs by any three characters in a row; PostgreSQL has a view of this name, and an index behind it.
CREATE VIRTUAL TABLE IF NOT EXISTS job_text USING fts5 (name, labels, content = 'job', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER IF NOT EXISTS job_text_put AFTER INSERT ON job BEGIN
    INSERT INTO job_text (rowid, name, labels) VALUES (new.id, new.name, new.labels);
    END;
CREATE TRIGGER IF NOT EXISTS job_text_drop AFTER DELETE ON job BEGIN
    INSERT INTO job_text (job_text, rowid, name, labels) VALUES ('delete', old.id, old.name, old.labels);
    END;
CREATE TRIGGER IF NOT EXISTS job_text_change AFTER UPDATE OF id, name, labels ON job
    WHEN old.id <> new.id OR old.name <> new.name OR old.labels <> new.labels BEGIN
    INSERT INTO job_text (job_text, rowid, name, labels) VALUES ('delete', old.id, old.name, old.labels);
    INSERT INTO job_text (rowid, name, labels) VALUES (new.id, new.name, new.labels);
    END;
INSERT INTO job_text (job_text) VALUES ('rebuild');
