-- Edges: which prefixes each guards, and measures that several of them carry out together; and what
-- a measure takes hold of besides.

ALTER TABLE hosts ADD COLUMN guards cidr[] NOT NULL DEFAULT '{}';  -- of an edge; none: every address

-- Of a measure that more than one edge carries out: each edge's part. The row in `measures` says what
-- they come to: in force once all have said so.
CREATE TABLE measure_parts (
    measure      text NOT NULL REFERENCES measures,
    host         text NOT NULL REFERENCES hosts,
    targets      text[] NOT NULL CHECK (cardinality(targets) > 0),
    observed     text CHECK (observed IN ('applied', 'lifted', 'failed')),
    observed_at  timestamptz,
    detail       text NOT NULL DEFAULT '',
    PRIMARY KEY (measure, host)
);
CREATE INDEX measure_parts_of_host ON measure_parts (host);

CREATE TRIGGER desired_state_changed AFTER INSERT ON measure_parts
    FOR EACH ROW EXECUTE FUNCTION wake_host();

CREATE FUNCTION wake_edges() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wake_hosts_of(ARRAY(SELECT host FROM measure_parts WHERE measure = NEW.key));
    RETURN NULL;
END $$;
CREATE TRIGGER parts_of_desired_state_changed
    AFTER UPDATE OF wanted, parameters ON measures FOR EACH ROW EXECUTE FUNCTION wake_edges();

-- Domains that a measure takes hold of beside its targets, as its agent says: on cPanel the others of
-- the account.
ALTER TABLE measures ADD COLUMN also text[] NOT NULL DEFAULT '{}';
