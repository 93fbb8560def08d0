-- Times are nanoseconds since 1970 in UTC; a run's id is the 16 bytes of its UUID, a digest the 32 of its SHA-256.

CREATE TABLE workflow (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    source TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is listed of a run. All of it can be told again from the run's events.
CREATE TABLE run (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT NOT NULL,
    workflow   BLOB NOT NULL REFERENCES workflow (digest),
    title      TEXT NOT NULL,
    simulated  INTEGER NOT NULL CHECK (simulated IN (0, 1)),
    created_at INTEGER NOT NULL,
    state      TEXT NOT NULL,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX run_by_age ON run (created_at DESC, id DESC);

-- Who may append to a run. The token grows with each new holder; an older one appends no more.
CREATE TABLE lease (
    run        BLOB NOT NULL PRIMARY KEY REFERENCES run (id),
    token      INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The truth. Rows are only ever added, each at the end of its run.
CREATE TABLE event (
    run  BLOB NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
