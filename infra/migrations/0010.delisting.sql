-- Domains on lists beside addresses; what Plazo has asked lists for; what Microsoft's feed says.

-- What is listed: an address or a domain. `subject` is either, in canonical form.
ALTER TABLE listings DROP CONSTRAINT listings_pkey;
ALTER TABLE listings ALTER COLUMN address DROP NOT NULL, ADD COLUMN domain text;
ALTER TABLE listings
    ADD COLUMN subject text GENERATED ALWAYS AS (coalesce(host(address), domain)) STORED,
    ADD CHECK (num_nonnulls(address, domain) = 1);
ALTER TABLE listings ADD PRIMARY KEY (incident, subject, zone);
DROP INDEX listings_standing;
CREATE INDEX listings_standing ON listings (subject, zone) WHERE cleared_at IS NULL;

ALTER TABLE listing_periods ALTER COLUMN address DROP NOT NULL, ADD COLUMN domain text;
ALTER TABLE listing_periods
    ADD COLUMN subject text GENERATED ALWAYS AS (coalesce(host(address), domain)) STORED,
    ADD CHECK (num_nonnulls(address, domain) = 1);
DROP INDEX one_period_stands;
CREATE UNIQUE INDEX one_period_stands ON listing_periods (subject, zone) WHERE cleared_at IS NULL;
DROP INDEX listing_periods_of;
CREATE INDEX listing_periods_of ON listing_periods (subject, found_at);

-- Domains that were seen sending of late.
CREATE INDEX reports_of_domain ON reports (domain, received_at)
    WHERE domain IS NOT NULL AND incident IS NOT NULL;

-- A request that Plazo has filed with a list: once for each listing and round.
CREATE TABLE delisting_requests (
    incident     text NOT NULL REFERENCES incidents,
    round        int NOT NULL,       -- 0 after the first release, one more after each relapse
    zone         text NOT NULL,
    subject      text NOT NULL,
    by           text NOT NULL CHECK (by IN ('mail', 'visit')),
    key          text NOT NULL,      -- of what was sent; one may be about several
    sent_to      text NOT NULL,
    reference    text NOT NULL,      -- what the list calls the listing; empty: it has no name
    sent         text NOT NULL,      -- word for word
    written_at   timestamptz NOT NULL DEFAULT now(),
    answered_at  timestamptz,        -- NULL: it may have been sent, and is sent again
    taken        boolean,
    answer       text,               -- what came back, word for word
    PRIMARY KEY (incident, round, zone, subject),
    CHECK ((answered_at IS NULL) = (taken IS NULL) AND (taken IS NULL) = (answer IS NULL))
);

-- What Microsoft has counted of an address in a day of its own (SNDS).
CREATE TABLE snds_days (
    address         inet NOT NULL,
    begins_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    recipients      int NOT NULL,
    filter_result   text NOT NULL CHECK (filter_result IN ('GREEN', 'YELLOW', 'RED')),
    complaint_rate  text NOT NULL,   -- as it is said: "< 0.1%"
    trap_hits       int NOT NULL,
    evidence        bytea NOT NULL REFERENCES evidence,  -- the line, and when it was read
    incident        text REFERENCES incidents,           -- of the address's service, open then
    PRIMARY KEY (address, begins_at)
);
CREATE INDEX snds_days_of_incident ON snds_days (incident);
