-- The ledger: what accounts have is the sum of these. Amounts are RAO. Rows are only ever added.
CREATE TABLE movement (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL CHECK (kind IN ('credit', 'charge', 'refund')),
    -- Each kind of movement is made once for each key; the key of a refund is that of the charge.
    key     TEXT NOT NULL,
    account TEXT NOT NULL,
    amount  INTEGER NOT NULL CHECK (amount > 0),
    -- What moved it; nothing where somebody did so by hand.
    run     BLOB REFERENCES run (id),
    node    TEXT,
    who     TEXT NOT NULL,
    why     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    UNIQUE (kind, key),
    CHECK (kind <> 'charge' OR run IS NOT NULL)
) STRICT;
CREATE INDEX movement_by_account ON movement (account, number);
CREATE INDEX movement_by_run ON movement (run, number) WHERE run IS NOT NULL;

CREATE TRIGGER movement_is_not_changed BEFORE UPDATE ON movement
BEGIN SELECT RAISE(ABORT, 'a movement is never changed'); END;
CREATE TRIGGER movement_is_not_removed BEFORE DELETE ON movement
BEGIN SELECT RAISE(ABORT, 'a movement is never removed'); END;
