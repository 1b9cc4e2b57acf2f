-- The book of record: who has which contract, what was reported, what was decided and done.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE clients (
    id        text PRIMARY KEY,
    name      text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('residential', 'business', 'enterprise', 'government')),
    language  text NOT NULL CHECK (language IN ('en', 'es')),
    contacts  text[] NOT NULL CHECK (cardinality(contacts) > 0),
    phone     text
);

CREATE TABLE contracts (
    id      text PRIMARY KEY,
    client  text NOT NULL REFERENCES clients,
    valid   tstzrange NOT NULL CHECK (NOT isempty(valid)),
    terms   jsonb NOT NULL,          -- domain/contract.py, as domain/wire.py spells it
    EXCLUDE USING gist (client WITH =, valid WITH &&)
);

CREATE TABLE hosts (
    id          text PRIMARY KEY,
    edge        boolean NOT NULL DEFAULT false,  -- a firewall at the edge, not a mail host
    key_sha256  bytea UNIQUE,        -- NULL until an agent is enrolled
    revision    bigint NOT NULL DEFAULT 0,
    seen_at     timestamptz
);

CREATE TABLE services (
    id       text PRIMARY KEY,
    client   text NOT NULL REFERENCES clients,
    kind     text NOT NULL CHECK (kind IN ('shared', 'reseller', 'managed_vps',
                 'managed_dedicated', 'managed_cloud', 'unmanaged')),
    host     text REFERENCES hosts,
    account  text CHECK (account IS NULL OR kind IN ('shared', 'reseller'))
);

CREATE TABLE service_addresses (
    address  cidr NOT NULL,
    service  text NOT NULL REFERENCES services,
    valid    tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL),
    EXCLUDE USING gist (address inet_ops WITH =, valid WITH &&)
);
CREATE INDEX service_addresses_cover ON service_addresses USING gist (address inet_ops);

CREATE TABLE incidents (
    id             text PRIMARY KEY,
    service        text NOT NULL REFERENCES services,
    number         int NOT NULL,
    client         text NOT NULL REFERENCES clients,
    contract       text NOT NULL REFERENCES contracts,
    domain         text,
    opened_at      timestamptz NOT NULL DEFAULT now(),
    closed_at      timestamptz,
    -- how the workflow last said that it looks, for pages and lists
    view_revision  bigint NOT NULL DEFAULT 0,
    stage          text NOT NULL DEFAULT 'open' CHECK (stage IN ('open', 'notified', 'waiting',
                       'restricted', 'verifying', 'delisting', 'probation', 'closed')),
    outcome        text CHECK (outcome IN ('remediated', 'false_positive', 'terminated', 'withdrawn')),
    deadline       timestamptz,
    measure        text,
    acknowledged   boolean NOT NULL DEFAULT false,
    conditions     text[] NOT NULL DEFAULT '{}',
    fixed_at       timestamptz,
    upcoming       jsonb,            -- the measure that follows the deadline
    -- once lifted for good, a measure that arrives late is refused
    barred         boolean NOT NULL DEFAULT false,
    UNIQUE (service, number)
);
CREATE UNIQUE INDEX one_open_incident_per_service ON incidents (service) WHERE stage <> 'closed';
CREATE INDEX incidents_of_client ON incidents (client, opened_at);

CREATE TABLE evidence (
    sha256      bytea PRIMARY KEY CHECK (sha256 = sha256(body)),
    body        bytea NOT NULL,
    media_type  text NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reports (
    id           text PRIMARY KEY,
    reporter     text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz NOT NULL,
    address      inet,
    domain       text,
    sender       text,
    message_id   text,
    format       text NOT NULL,
    volume       int NOT NULL DEFAULT 1 CHECK (volume > 0),
    headers      text[] NOT NULL DEFAULT '{}',  -- of the offending message, redacted
    evidence     bytea NOT NULL REFERENCES evidence,
    incident     text REFERENCES incidents,
    unplaced     text,               -- why no incident could be found or opened
    CHECK ((incident IS NULL) = (unplaced IS NOT NULL))
);
CREATE INDEX reports_of_incident ON reports (incident, sent_at);

CREATE TABLE measures (
    key               text PRIMARY KEY,
    incident          text NOT NULL REFERENCES incidents,
    host              text NOT NULL REFERENCES hosts,
    measure           text NOT NULL CHECK (measure IN ('rate_limit', 'smarthost_redirect',
                          'hold_domain', 'hold_server', 'block_port25', 'suspend_account_smtp',
                          'require_authenticated_smtp')),
    scope             text NOT NULL CHECK (scope IN ('domain', 'server', 'address', 'account')),
    targets           text[] NOT NULL CHECK (cardinality(targets) > 0),
    parameters        jsonb NOT NULL DEFAULT '{}',
    wanted            text NOT NULL DEFAULT 'applied' CHECK (wanted IN ('applied', 'lifted')),
    discard_senders   text[] NOT NULL DEFAULT '{}',
    discard_messages  text[] NOT NULL DEFAULT '{}',
    keep_senders      text[] NOT NULL DEFAULT '{}',
    asked_at          timestamptz NOT NULL DEFAULT now(),
    observed          text CHECK (observed IN ('applied', 'lifted', 'failed')),
    observed_at       timestamptz,
    detail            text NOT NULL DEFAULT '',
    held              int NOT NULL DEFAULT 0,
    delivered         int NOT NULL DEFAULT 0,
    discarded         int NOT NULL DEFAULT 0,
    kept              int NOT NULL DEFAULT 0,
    relayed           int NOT NULL DEFAULT 0
);
CREATE INDEX measures_of_host ON measures (host);
CREATE INDEX measures_of_incident ON measures (incident);

CREATE TABLE held_messages (
    measure     text NOT NULL REFERENCES measures,
    queue_id    text NOT NULL,
    sender      text NOT NULL,
    recipients  int NOT NULL,
    bytes       int NOT NULL,
    arrived_at  timestamptz NOT NULL,
    fate        text CHECK (fate IN ('delivered', 'discarded', 'kept')),
    PRIMARY KEY (measure, queue_id)
);

CREATE TABLE listings (
    incident    text NOT NULL REFERENCES incidents,
    address     inet NOT NULL,
    zone        text NOT NULL,
    answer      text NOT NULL,
    found_at    timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now(),
    cleared_at  timestamptz,
    PRIMARY KEY (incident, address, zone)
);

CREATE TABLE charges (
    key         text PRIMARY KEY,    -- incident/kind/n: what is owed more after a relapse is the next
    incident    text NOT NULL REFERENCES incidents,
    kind        text NOT NULL CHECK (kind IN ('delisting', 'smarthost', 'dedicated_address')),
    minor       bigint NOT NULL CHECK (minor >= 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason      text NOT NULL,
    charged_at  timestamptz NOT NULL DEFAULT now(),
    state       text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'waived', 'voided')),
    state_by    text,
    state_why   text,
    CHECK (state = 'due' OR (state_by IS NOT NULL AND state_why IS NOT NULL))
);
CREATE INDEX charges_of_incident ON charges (incident);

-- A person forgave this kind of charge, whether it is on the ledger yet or not.
CREATE TABLE waivers (
    incident  text NOT NULL REFERENCES incidents,
    kind      text NOT NULL,
    by        text NOT NULL,
    why       text NOT NULL,
    PRIMARY KEY (incident, kind)
);

CREATE TABLE notices (
    key         text PRIMARY KEY,
    incident    text NOT NULL REFERENCES incidents,
    notice      text NOT NULL,
    message_id  text NOT NULL UNIQUE,
    recipients  text[] NOT NULL,
    subject     text NOT NULL,
    body        text NOT NULL,        -- the plain text
    html        text NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    response    text
);
CREATE INDEX notices_of_incident ON notices (incident, written_at);

CREATE TABLE tasks (
    key        text PRIMARY KEY,
    incident   text REFERENCES incidents,
    kind       text NOT NULL,
    detail     text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    done_at    timestamptz,
    outcome    text
);

-- What wakes an incident. Each thing that happened leaves a row of its own, so that a storm of
-- reports contends for nothing; whoever wakes the workflow takes the rows away.
CREATE TABLE dirty (
    incident  text NOT NULL REFERENCES incidents,
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dirty_incidents ON dirty (incident);

CREATE TABLE woken (
    incident  text PRIMARY KEY REFERENCES incidents,
    revision  bigint NOT NULL,       -- of the news that were sent last
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE SEQUENCE news_revision;       -- never rolled back, so no revision is ever used twice

CREATE FUNCTION mark_dirty(which text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- NOTIFY makes commits queue up; while a mark stands, the one who wakes is told already.
    IF NOT EXISTS (SELECT FROM dirty WHERE incident = which) THEN
        PERFORM pg_notify('plazo_news', which);
    END IF;
    INSERT INTO dirty (incident) VALUES (which);
END $$;

-- Wakes the long poll of a host's agent.
CREATE FUNCTION wake_host() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hosts SET revision = revision + 1 WHERE id = NEW.host;
    PERFORM pg_notify('plazo_hosts', NEW.host);
    RETURN NULL;
END $$;
CREATE TRIGGER desired_state_changed
    AFTER INSERT OR UPDATE OF wanted, discard_senders, discard_messages, keep_senders, parameters
    ON measures FOR EACH ROW EXECUTE FUNCTION wake_host();
