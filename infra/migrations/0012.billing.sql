-- Delivery of the ledger's entries to where clients are billed: an outbox that the ledger fills.

-- How a client is known there. NULL: as PLAZO_BILLING says.
ALTER TABLE clients
    ADD COLUMN billing_backend text,
    ADD COLUMN billing_id text,
    ADD CHECK (billing_id IS NULL OR billing_backend IS NOT NULL);

CREATE TABLE billing_deliveries (
    entry       text PRIMARY KEY REFERENCES ledger (key),
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'held', 'sent',
                    'refused', 'kept', 'cancelled')),
    backend     text,                -- where it was sent last; NULL before that
    account     text,                -- the client's id there
    attempts    int NOT NULL DEFAULT 0,
    answered    int NOT NULL DEFAULT 0,          -- of them, how many the far side said no to
    unsure      boolean NOT NULL DEFAULT false,  -- sent, and nobody knows whether it has arrived
    tried_at    timestamptz,         -- the first attempt
    begun_at    timestamptz,         -- the last one
    far_id      text,
    error       text,
    next_at     timestamptz,
    woken_at    timestamptz,         -- when its workflow was last told; NULL: to be told now
    turn        int NOT NULL DEFAULT 0,          -- how often it was made to wait once more
    changed_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'sent') = (far_id IS NOT NULL)),
    CHECK (NOT unsure OR (backend IS NOT NULL AND begun_at IS NOT NULL))
);
CREATE INDEX billing_deliveries_waiting ON billing_deliveries (woken_at NULLS FIRST)
    WHERE state = 'waiting';
CREATE INDEX billing_deliveries_unsent ON billing_deliveries (state)
    WHERE state IN ('waiting', 'held', 'refused');
CREATE INDEX billing_deliveries_untold ON billing_deliveries (entry)
    WHERE state = 'waiting' AND woken_at IS NULL;

-- What was on the ledger before was billed in whatever way it was billed then.
INSERT INTO billing_deliveries (entry, state) SELECT key, 'kept' FROM ledger;

-- NOTIFY makes commits queue up; while something waits to be told, whoever tells is told already.
CREATE FUNCTION tell_billing() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM billing_deliveries WHERE state = 'waiting' AND woken_at IS NULL) THEN
        PERFORM pg_notify('plazo_billing', '');
    END IF;
END $$;

CREATE FUNCTION ledger_is_delivered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_billing();
    INSERT INTO billing_deliveries (entry) VALUES (NEW.key);
    RETURN NULL;
END $$;
CREATE TRIGGER delivered AFTER INSERT ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_delivered();

-- A disputed charge waits until the dispute is settled, unless it may have arrived already.
CREATE FUNCTION dispute_holds_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE billing_deliveries SET state = 'held', next_at = NULL, changed_at = now(),
            error = 'disputed by ' || NEW.opened_by
        WHERE entry = NEW.charge AND state IN ('waiting', 'refused') AND NOT unsure;
    ELSE
        PERFORM tell_billing();
        UPDATE billing_deliveries SET state = 'waiting', woken_at = NULL, turn = turn + 1,
            error = NULL, changed_at = now()
        WHERE entry = NEW.charge AND state = 'held';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER holds_delivery AFTER INSERT OR UPDATE OF settled_at ON disputes
    FOR EACH ROW EXECUTE FUNCTION dispute_holds_delivery();
