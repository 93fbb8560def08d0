-- How a run is carried out, in the words of whoever does it.
ALTER TABLE run ADD COLUMN setup TEXT NOT NULL DEFAULT '';

-- What other processes ask of whoever drives a run, and what came of it.
CREATE TABLE inbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     BLOB NOT NULL REFERENCES run (id),
    command TEXT NOT NULL,
    answer  TEXT
) STRICT;
CREATE INDEX inbox_unanswered ON inbox (run, id) WHERE answer IS NULL;
