-- Entries of one step are appended together: the chain's head is locked and moved once for all.
-- What is hashed stays as it was (0002.audit-chain.sql, domain/record.py).

DROP FUNCTION audit_append(text, text, text);

-- Append entries in order; a source that is on the chain already changes nothing.
CREATE FUNCTION audit_append(which text, sources text[], entries text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    head    audit_heads%ROWTYPE;
    begun   bigint;
    moment  timestamptz;
    stamp   text;
    linked  bytea;
BEGIN
    SELECT * INTO head FROM audit_heads WHERE incident = which FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_heads VALUES (which, 0, decode(repeat('00', 32), 'hex'))
            ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM audit_heads WHERE incident = which FOR UPDATE;
    END IF;
    begun := head.seq;
    FOR n IN 1 .. coalesce(cardinality(sources), 0) LOOP
        moment := clock_timestamp();
        stamp := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
        linked := sha256(head.hash || convert_to(
            concat_ws(E'\n', which, head.seq + 1, stamp, sources[n], entries[n]), 'UTF8'));
        INSERT INTO audit
            VALUES (which, head.seq + 1, moment, sources[n], entries[n], head.hash, linked)
            ON CONFLICT (incident, source) DO NOTHING;
        IF FOUND THEN
            head.seq := head.seq + 1;
            head.hash := linked;
        END IF;
    END LOOP;
    IF head.seq > begun THEN
        UPDATE audit_heads SET seq = head.seq, hash = head.hash WHERE incident = which;
    END IF;
END $$;
