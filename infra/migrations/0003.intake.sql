-- Intake: many reports in one transaction, each message counted once, an index that can follow.

-- Mail is text, and text is compressible. LZ4 where PostgreSQL was built with it, else its own.
DO $$ BEGIN
    ALTER TABLE evidence ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    ALTER TABLE evidence ALTER COLUMN body SET COMPRESSION pglz;
END $$;

ALTER TABLE reports
    ADD COLUMN fingerprint text,     -- the same in every report about the same message
    ADD COLUMN counted int CHECK (counted >= 0);  -- what it adds to the incident's volume
UPDATE reports SET counted = volume;
ALTER TABLE reports ALTER COLUMN counted SET NOT NULL;
-- Of all reports about one message, one counts: for as much as the largest of them says.
CREATE UNIQUE INDEX one_counts_for_all ON reports (incident, fingerprint) WHERE counted > 0;
CREATE INDEX reports_unplaced ON reports (address, sent_at) WHERE incident IS NULL;

-- What a task is about, where one open task stands for all that comes.
ALTER TABLE tasks ADD COLUMN about text;
UPDATE tasks SET about = substr(key, length('unplaced/') + 1) WHERE kind = 'place_report';
CREATE UNIQUE INDEX one_open_task ON tasks (kind, about) WHERE done_at IS NULL;

-- The functions below look up few rows of tables that may just have been empty, and a plan made for
-- those would be kept, and read them whole: hence a new plan each time, and joins by index only,
-- but for `attach_reports`, which may be given all that waits and is called only if something does.

-- Lock these reports' names, which end in a slash, and say which of them are known already.
CREATE FUNCTION claim_reports(names text[]) RETURNS TABLE (name text, evidence bytea)
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
BEGIN
    -- In one order. Two deliveries of one report at once: the second waits, and finds it kept.
    PERFORM pg_advisory_xact_lock(hash) FROM (
        SELECT DISTINCT hashtextextended(given, 1) AS hash FROM unnest(names) AS given ORDER BY hash
    ) AS ordered;
    -- A statement of its own, which sees what was committed while we waited.
    RETURN QUERY SELECT given, r.evidence FROM unnest(names) AS given
        JOIN reports r ON r.id = given || '0';
END $$;

-- The open incidents of these services, held open until we commit; `alone`, no report joins either.
CREATE FUNCTION hold_incidents(services text[], alone boolean)
RETURNS TABLE (service text, incident text)
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    found text[];
BEGIN
    found := ARRAY(SELECT i.id FROM incidents i
        WHERE i.service = ANY(services) AND i.stage <> 'closed' ORDER BY i.id);
    -- Closing takes the same lock alone, so it cannot pass by a report that is being kept.
    IF alone THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(id, 0)) FROM unnest(found) AS id;
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(id, 0)) FROM unnest(found) AS id;
    END IF;
    RETURN QUERY SELECT i.service, i.id FROM incidents i
        WHERE i.id = ANY(found) AND i.stage <> 'closed';
END $$;

-- Insert reports and give the ids of those inserted. `counts` is the largest volume of all that are
-- given of one message, on one of them, and 0 on the others. One that counts is left out if another
-- transaction counts the same message in this very moment; given again, it finds it counted.
CREATE FUNCTION keep_reports(
    ids text[], reporters text[], sent timestamptz[], addresses text[], domains text[],
    senders text[], message_ids text[], fingerprints text[], formats text[], volumes int[],
    counts int[], header_lists text[], digests bytea[], incidents text[], reasons text[]
) RETURNS SETOF text
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    given record;
BEGIN
    RETURN QUERY INSERT INTO reports (id, reporter, sent_at, address, domain, sender, message_id,
            fingerprint, format, volume, counted, headers, evidence, incident, unplaced)
        SELECT g.id, g.reporter, coalesce(g.sent_at, now()), g.address::inet, g.domain, g.sender,
            g.message_id, g.fingerprint, g.format, g.volume,
            coalesce((SELECT 0 FROM reports k WHERE k.incident = g.incident
                AND k.fingerprint = g.fingerprint AND k.counted > 0), g.counts),
            ARRAY(SELECT jsonb_array_elements_text(g.headers::jsonb)), g.evidence, g.incident,
            g.unplaced
        FROM unnest(ids, reporters, sent, addresses, domains, senders, message_ids, fingerprints,
            formats, volumes, counts, header_lists, digests, incidents, reasons)
            AS g (id, reporter, sent_at, address, domain, sender, message_id, fingerprint, format,
                volume, counts, headers, evidence, incident, unplaced)
        ON CONFLICT (incident, fingerprint) WHERE counted > 0 DO NOTHING RETURNING id;
    -- After that: what another transaction has committed until now is seen, and what it has not is
    -- left out above and comes again.
    -- One at a time and hardly ever: a join would read all that is counted.
    FOR given IN SELECT * FROM unnest(incidents, fingerprints, counts) AS g (incident, print, most)
        WHERE g.most > 1 AND g.print IS NOT NULL
    LOOP
        UPDATE reports r SET counted = given.most WHERE r.incident = given.incident
            AND r.fingerprint = given.print AND r.counted > 0 AND r.counted < given.most;
    END LOOP;
END $$;

-- Join waiting reports to incidents that are held alone. Of each message one goes on counting.
CREATE FUNCTION attach_reports(ids text[], to_incidents text[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan SET enable_nestloop = off
AS $$
BEGIN
    UPDATE reports r SET incident = given.incident, unplaced = NULL,
            counted = CASE WHEN r.fingerprint IS NULL THEN r.volume ELSE 0 END
        FROM unnest(ids, to_incidents) AS given (id, incident) WHERE r.id = given.id;
    UPDATE reports r SET counted = most.volume FROM (
            SELECT coalesce(min(k.id), min(a.id)) AS id, max(a.volume) AS volume
            FROM unnest(ids) AS given (id) JOIN reports a ON a.id = given.id
            LEFT JOIN reports k ON k.incident = a.incident AND k.fingerprint = a.fingerprint
                AND k.counted > 0
            WHERE a.fingerprint IS NOT NULL GROUP BY a.incident, a.fingerprint
        ) AS most WHERE r.id = most.id AND r.counted < most.volume;
END $$;

-- Who has which address is read into memory. The revision says whether that is up to date, the
-- changes say how to bring it there. One transaction is one revision, and they come in turn.
CREATE TABLE attribution (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision  bigint NOT NULL,
    made_by   xid8
);
INSERT INTO attribution (revision) VALUES (1);

CREATE TABLE attribution_changes (
    revision  bigint NOT NULL,
    address   cidr,                  -- one of the three
    service   text,
    client    text
);
CREATE INDEX attribution_changes_since ON attribution_changes (revision);

CREATE FUNCTION next_attribution() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    current bigint;
BEGIN
    UPDATE attribution SET revision = revision + 1, made_by = pg_current_xact_id()
        WHERE made_by IS DISTINCT FROM pg_current_xact_id() RETURNING revision INTO current;
    IF FOUND THEN
        PERFORM pg_notify('plazo_attribution', '');
        -- Who is further behind reads all anew (book/attribution.py).
        DELETE FROM attribution_changes WHERE revision <= current - 100;
        RETURN current;
    END IF;
    RETURN (SELECT revision FROM attribution);
END $$;

CREATE FUNCTION attribution_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    current bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    current := next_attribution();
    CASE TG_TABLE_NAME
        WHEN 'service_addresses' THEN
            INSERT INTO attribution_changes (revision, address)
                SELECT DISTINCT current, a FROM unnest(ARRAY[OLD.address, NEW.address]) AS a
                WHERE a IS NOT NULL;
        WHEN 'services' THEN
            INSERT INTO attribution_changes (revision, service)
                SELECT DISTINCT current, s FROM unnest(ARRAY[OLD.id, NEW.id]) AS s
                WHERE s IS NOT NULL;
        WHEN 'contracts' THEN
            INSERT INTO attribution_changes (revision, client)
                SELECT DISTINCT current, c FROM unnest(ARRAY[OLD.client, NEW.client]) AS c
                WHERE c IS NOT NULL;
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER attribution_changed AFTER INSERT OR UPDATE OR DELETE ON service_addresses
    FOR EACH ROW EXECUTE FUNCTION attribution_changed();
CREATE TRIGGER attribution_changed AFTER INSERT OR UPDATE OR DELETE ON services
    FOR EACH ROW EXECUTE FUNCTION attribution_changed();
CREATE TRIGGER attribution_changed AFTER INSERT OR UPDATE OR DELETE ON contracts
    FOR EACH ROW EXECUTE FUNCTION attribution_changed();
