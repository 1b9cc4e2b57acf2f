-- The audit chain: one per incident, appended to and never changed.

CREATE TABLE audit (
    incident  text NOT NULL,
    seq       bigint NOT NULL CHECK (seq > 0),
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    source    text NOT NULL,         -- what wrote it: decision:7, notice/3:attempt:1:started
    body      text NOT NULL,         -- canonical JSON, hashed as it stands
    previous  bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (incident, seq),
    UNIQUE (incident, source)
);

-- Where each chain ends. Verification compares it with the last row, so a cut tail shows.
CREATE TABLE audit_heads (
    incident  text PRIMARY KEY,
    seq       bigint NOT NULL,
    hash      bytea NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on the audit chain is refused: it is append-only', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER no_delete BEFORE DELETE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Append one entry; a source that is on the chain already changes nothing.
-- hash = SHA-256 over the previous hash (32 bytes) and, in UTF-8, each on a line of its own:
-- incident, seq, at (UTC, ISO 8601, microseconds), source, body. domain/record.py computes the same.
CREATE FUNCTION audit_append(which text, from_source text, entry text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    head     audit_heads%ROWTYPE;
    moment   timestamptz := clock_timestamp();
    stamp    text;
    linked   bytea;
BEGIN
    INSERT INTO audit_heads VALUES (which, 0, decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM audit_heads WHERE incident = which FOR UPDATE;
    IF EXISTS (SELECT 1 FROM audit WHERE incident = which AND source = from_source) THEN
        RETURN;
    END IF;
    stamp := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    linked := sha256(head.hash || convert_to(
        concat_ws(E'\n', which, head.seq + 1, stamp, from_source, entry), 'UTF8'));
    INSERT INTO audit VALUES (which, head.seq + 1, moment, from_source, entry, head.hash, linked);
    UPDATE audit_heads SET seq = head.seq + 1, hash = linked WHERE incident = which;
END $$;
