-- Times are nanoseconds since 1970 in UTC; a run's id is the 16 bytes of its UUID, a digest the 32 of its SHA-256.

CREATE TABLE workflow (
    digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
    source TEXT NOT NULL
);

-- What is listed of a run. All of it can be told again from the run's events.
CREATE TABLE run (
    id         BYTEA PRIMARY KEY CHECK (octet_length(id) = 16),
    name       TEXT NOT NULL,
    workflow   BYTEA NOT NULL REFERENCES workflow (digest),
    title      TEXT NOT NULL,
    simulated  BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    state      TEXT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX run_by_age ON run (created_at DESC, id DESC);

-- Who may append to a run. The token grows with each new holder; an older one appends no more. The clock is the
-- database's, so that the clocks of the machines need not agree.
CREATE TABLE lease (
    run        BYTEA PRIMARY KEY REFERENCES run (id),
    token      BIGINT NOT NULL,
    holder     TEXT NOT NULL,
    held_until TIMESTAMPTZ NOT NULL
);

-- The truth. Rows are only ever added, each at the end of its run.
CREATE TABLE event (
    run  BYTEA NOT NULL,
    seq  BIGINT NOT NULL,
    at   BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (run, seq)
);
