-- The inbox: reports that were acknowledged and are still to be read. Each lies here for a moment.

CREATE TABLE inbox (
    name         text PRIMARY KEY,   -- REPORTER/ID/, which begins the names of its reports
    received_at  timestamptz NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT now(),  -- later only if reading it has failed
    sha256       bytea NOT NULL,     -- of the body; evidence has it held against the body
    body         bytea NOT NULL,
    media_type   text NOT NULL,
    address      inet,               -- where the mail left from, if the reporter says so of all
    is_the_spam  boolean NOT NULL    -- the body is the offending message itself
) WITH (
    -- Rows come and go. A report of usual size stays in its row: another table would cost more.
    toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 5000
);
CREATE INDEX inbox_due ON inbox (due_at);
-- What is read within the second need not be compressed before that; as evidence it is.
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;

-- Put reports in; of those that were there before, in the inbox or read already, the digest that
-- stands. One without a digest went this moment and left no report behind: put it in again.
CREATE FUNCTION put_into_inbox(
    names text[], received timestamptz[], digests bytea[], bodies bytea[], media_types text[],
    addresses text[], spams boolean[]
) RETURNS TABLE (known text, digest bytea)
LANGUAGE plpgsql SET enable_seqscan = off
AS $$
DECLARE
    fresh text[];
    placed text[];
BEGIN
    WITH put AS (
        INSERT INTO inbox (name, received_at, sha256, body, media_type, address, is_the_spam)
            SELECT g.name, g.received, g.digest, g.body, g.media_type, g.address::inet, g.spam
            -- In one order, or two that get the same two reports would wait for each other.
            FROM unnest(names, received, digests, bodies, media_types, addresses, spams)
                AS g (name, received, digest, body, media_type, address, spam) ORDER BY g.name
            ON CONFLICT DO NOTHING RETURNING inbox.name
    ) SELECT array_agg(put.name) INTO fresh FROM put;
    -- After that, for what is read leaves the inbox as its reports come: one of the two is seen.
    FOR known, digest IN
        SELECT given, (SELECT r.evidence FROM reports r WHERE r.id = given || '0') AS stands
        FROM unnest(names) AS given
    LOOP
        IF digest IS NOT NULL THEN
            placed := placed || known;
            RETURN NEXT;
        END IF;
    END LOOP;
    IF placed IS NOT NULL THEN
        DELETE FROM inbox i WHERE i.name = ANY(placed) AND i.name = ANY(fresh);
    END IF;
    IF cardinality(names) > coalesce(cardinality(fresh), 0) THEN
        RETURN QUERY SELECT given, (SELECT i.sha256 FROM inbox i WHERE i.name = given)
            FROM unnest(names) AS given
            WHERE given <> ALL (coalesce(fresh, '{}')) AND given <> ALL (coalesce(placed, '{}'));
    END IF;
END $$;

-- A report came when it was delivered, not when it was read: the same as before (0003), told when.
DROP FUNCTION keep_reports(
    text[], text[], timestamptz[], text[], text[], text[], text[], text[], text[], int[], int[],
    text[], bytea[], text[], text[]
);
CREATE FUNCTION keep_reports(
    ids text[], reporters text[], received timestamptz[], sent timestamptz[], addresses text[],
    domains text[], senders text[], message_ids text[], fingerprints text[], formats text[],
    volumes int[], counts int[], header_lists text[], digests bytea[], incidents text[],
    reasons text[]
) RETURNS SETOF text
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    given record;
BEGIN
    RETURN QUERY INSERT INTO reports (id, reporter, received_at, sent_at, address, domain, sender,
            message_id, fingerprint, format, volume, counted, headers, evidence, incident, unplaced)
        SELECT g.id, g.reporter, coalesce(g.received, now()), coalesce(g.sent, g.received, now()),
            g.address::inet, g.domain, g.sender, g.message_id, g.fingerprint, g.format, g.volume,
            coalesce((SELECT 0 FROM reports k WHERE k.incident = g.incident
                AND k.fingerprint = g.fingerprint AND k.counted > 0), g.counts),
            ARRAY(SELECT jsonb_array_elements_text(g.headers::jsonb)), g.evidence, g.incident,
            g.unplaced
        FROM unnest(ids, reporters, received, sent, addresses, domains, senders, message_ids,
            fingerprints, formats, volumes, counts, header_lists, digests, incidents, reasons)
            AS g (id, reporter, received, sent, address, domain, sender, message_id, fingerprint,
                format, volume, counts, headers, evidence, incident, unplaced)
        ON CONFLICT (incident, fingerprint) WHERE counted > 0 DO NOTHING RETURNING id;
    -- What another transaction has committed until now is seen, and what it has not is left out
    -- above and comes again. One at a time and hardly ever: a join would read all that is counted.
    FOR given IN SELECT * FROM unnest(incidents, fingerprints, counts) AS g (incident, print, most)
        WHERE g.most > 1 AND g.print IS NOT NULL
    LOOP
        UPDATE reports r SET counted = given.most WHERE r.incident = given.incident
            AND r.fingerprint = given.print AND r.counted > 0 AND r.counted < given.most;
    END LOOP;
END $$;
