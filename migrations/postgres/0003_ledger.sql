-- The ledger: what accounts have is the sum of these. Amounts are RAO. Rows are only ever added.
CREATE TABLE movement (
    number  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    TEXT NOT NULL CHECK (kind IN ('credit', 'charge', 'refund')),
    -- Each kind of movement is made once for each key; the key of a refund is that of the charge.
    key     TEXT NOT NULL,
    account TEXT NOT NULL,
    amount  BIGINT NOT NULL CHECK (amount > 0),
    -- What moved it; nothing where somebody did so by hand.
    run     BYTEA REFERENCES run (id),
    node    TEXT,
    who     TEXT NOT NULL,
    why     TEXT NOT NULL,
    at      BIGINT NOT NULL,
    UNIQUE (kind, key),
    CHECK (kind <> 'charge' OR run IS NOT NULL)
);
CREATE INDEX movement_by_account ON movement (account, number);
CREATE INDEX movement_by_run ON movement (run, number) WHERE run IS NOT NULL;

CREATE FUNCTION movement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a movement is never changed or removed';
END $$;
CREATE TRIGGER movement_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON movement
FOR EACH STATEMENT EXECUTE FUNCTION movement_stays();
