-- The provider's own detection: what hosts found, and the campaigns that clients announced.

-- What a host's agent has handed in of late, so that each detection is one report and a stolen key
-- cannot flood. The reports themselves are in `reports`, under the reporter `host:HOST`.
CREATE TABLE detections (
    host         text NOT NULL REFERENCES hosts,
    id           text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, id)
);

CREATE TABLE campaigns (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service       text NOT NULL REFERENCES services,
    domain        text,              -- NULL for every domain of the service's host
    begins_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    messages      int NOT NULL CHECK (messages > 0),
    announced_by  text NOT NULL,     -- who of the client said so
    recorded_by   text NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    reason        text NOT NULL,
    withdrawn_at  timestamptz,
    withdrawn_by  text,
    withdrawn_why text,
    CHECK (begins_at < ends_at),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_why IS NULL))
);
CREATE INDEX campaigns_of_service ON campaigns (service, ends_at);

-- An agent knows its host's campaigns by its desired state, so each change of them is one of it.
CREATE FUNCTION wake_hosts_of(which text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hosts SET revision = revision + 1 WHERE id = ANY(which);
    PERFORM pg_notify('plazo_hosts', id) FROM hosts WHERE id = ANY(which);
END $$;

CREATE FUNCTION campaign_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wake_hosts_of(ARRAY(SELECT host FROM services WHERE id = NEW.service));
    RETURN NULL;
END $$;
CREATE TRIGGER campaign_changed AFTER INSERT OR UPDATE ON campaigns
    FOR EACH ROW EXECUTE FUNCTION campaign_changed();

CREATE FUNCTION service_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM campaigns WHERE service = NEW.id AND ends_at > now()) THEN
        PERFORM wake_hosts_of(ARRAY[OLD.host, NEW.host]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER service_moved AFTER UPDATE OF host ON services
    FOR EACH ROW WHEN (OLD.host IS DISTINCT FROM NEW.host) EXECUTE FUNCTION service_moved();
