-- Jobs have labels.

ALTER TABLE job ADD COLUMN labels TEXT NOT NULL DEFAULT '';
