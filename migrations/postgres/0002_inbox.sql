-- How a run is carried out, in the words of whoever does it.
ALTER TABLE run ADD COLUMN setup TEXT NOT NULL DEFAULT '';

-- What other processes ask of whoever drives a run, and what came of it.
CREATE TABLE inbox (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     BYTEA NOT NULL REFERENCES run (id),
    command TEXT NOT NULL,
    answer  TEXT
);
CREATE INDEX inbox_unanswered ON inbox (run, id) WHERE answer IS NULL;
