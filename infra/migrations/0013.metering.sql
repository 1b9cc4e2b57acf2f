-- Metering: what smarthosts and hosts have counted, as it was read; nothing is ever written over.

CREATE TABLE usage_readings (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text NOT NULL,         -- host: its agent's count; else the kind of the smarthost
    host      text NOT NULL REFERENCES hosts,
    measure   text REFERENCES measures,  -- NULL: all that the host sent, whatever measure it was by
    -- The counter's beginning. The same epoch never counts down; another one begins at 0 again.
    epoch     text NOT NULL,
    value     int NOT NULL CHECK (value >= 0),
    up_to     timestamptz,           -- a smarthost's figure is of the time from its epoch up to this
    taken_at  timestamptz NOT NULL DEFAULT now(),
    raw       jsonb NOT NULL,        -- what was asked and what was answered, for whoever doubts it
    CHECK ((source = 'host') = (measure IS NOT NULL)),
    CHECK ((source = 'host') = (up_to IS NULL))
);
-- The same again says nothing new.
CREATE UNIQUE INDEX one_reading_of_each ON usage_readings
    (host, source, coalesce(measure, ''), epoch, value, coalesce(up_to, '-infinity'));
CREATE INDEX usage_readings_of_measure ON usage_readings (measure);

CREATE FUNCTION readings_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of usage readings is refused: they are a bill''s evidence', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON usage_readings
    FOR EACH ROW EXECUTE FUNCTION readings_are_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON usage_readings
    FOR EACH STATEMENT EXECUTE FUNCTION readings_are_append_only();

-- When a measure was first seen lifted; observed_at moves on with every word of the agent.
ALTER TABLE measures ADD COLUMN ended_at timestamptz;
UPDATE measures SET ended_at = observed_at WHERE observed = 'lifted';

-- What was counted before there were readings, by agents that do not name their counter.
INSERT INTO usage_readings (source, host, measure, epoch, value, taken_at, raw)
    SELECT 'host', host, key, '', relayed, coalesce(observed_at, asked_at),
        jsonb_build_object('key', key, 'relayed', relayed)
    FROM measures WHERE measure = 'smarthost_redirect' AND relayed > 0;
