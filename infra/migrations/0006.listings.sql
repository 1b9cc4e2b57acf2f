-- The listing watch: which address was on which blocklist when, whether or not an incident came of
-- it, with the list's own answer; and how much each list has been asked.

CREATE TABLE listing_periods (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address      inet NOT NULL,
    zone         text NOT NULL,
    answer       text NOT NULL,
    reproach     boolean NOT NULL,   -- false: a policy, or said of the neighbours; opens no incident
    evidence     bytea NOT NULL REFERENCES evidence,  -- what was asked, of whom, when, what came
    found_at     timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    cleared_at   timestamptz,
    incident     text REFERENCES incidents,
    reported_at  timestamptz         -- NULL: the watch has still to report it
);
CREATE UNIQUE INDEX one_period_stands ON listing_periods (address, zone) WHERE cleared_at IS NULL;
CREATE INDEX listing_periods_of ON listing_periods (address, found_at);
CREATE INDEX listings_standing ON listings (address, zone) WHERE cleared_at IS NULL;

-- Lists that are asked about a part of the addresses in each pass go by its number.
CREATE SEQUENCE listing_watch_pass;

-- Limits are by the day, and several processes ask.
CREATE TABLE blocklist_questions (
    zone   text NOT NULL,
    day    date NOT NULL,
    asked  bigint NOT NULL,
    PRIMARY KEY (day, zone)
);
