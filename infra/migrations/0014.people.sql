-- People: letters handed to one contact after the other, what came back, other channels, tasks.

-- Another language is a folder of templates/notices; whether it is there is seen to at the import.
ALTER TABLE clients DROP CONSTRAINT clients_language_check;
ALTER TABLE clients ADD CONSTRAINT clients_language_check CHECK (language ~ '^[a-z]{2}$');
ALTER TABLE clients ADD COLUMN channels text[] NOT NULL DEFAULT '{}';  -- URLs; some hold secrets

-- What runs a host's mail and sites, so that a letter's steps are that program's.
ALTER TABLE hosts ADD COLUMN platform text
    CHECK (platform IN ('cpanel', 'plesk', 'postfix', 'exim'));

ALTER TABLE notices
    ADD COLUMN in_reply_to text,     -- the letter before it, in the same thread
    ADD COLUMN summary text NOT NULL DEFAULT '',  -- one sentence, for channels that take no more
    ADD COLUMN link text,            -- to the portal, for the same
    ADD COLUMN xarf text;            -- the attachment, as it was written

-- A letter goes to the client's contacts in their order, until one can be reached.
CREATE TABLE deliveries (
    message_id  text PRIMARY KEY,
    envelope    text NOT NULL UNIQUE GENERATED ALWAYS AS
                    (split_part(ltrim(message_id, '<'), '@', 1)) STORED,
    notice      text NOT NULL REFERENCES notices,
    contact     text NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    taken_at    timestamptz,         -- by the provider's own mail server
    response    text,
    failed_at   timestamptz,         -- refused in the conversation, or bounced later
    why         text,
    UNIQUE (notice, contact),
    CHECK ((failed_at IS NULL) = (why IS NULL))
);
INSERT INTO deliveries (message_id, notice, contact, begun_at, taken_at, response)
    SELECT message_id, key, recipients[1], written_at, sent_at, response FROM notices;

-- Mail that came about a letter of ours. It is evidence of the incident, and on its chain.
CREATE TABLE correspondence (
    id           text PRIMARY KEY,   -- of the same bytes, the same
    incident     text NOT NULL REFERENCES incidents,
    notice       text REFERENCES notices,
    kind         text NOT NULL CHECK (kind IN ('reply', 'bounce', 'delayed', 'delivered', 'automatic', 'unclear')),
    sender       text NOT NULL,
    subject      text NOT NULL,
    said         text NOT NULL,      -- the beginning of its text, or of what a server said
    received_at  timestamptz NOT NULL DEFAULT now(),
    evidence     bytea NOT NULL REFERENCES evidence
);
CREATE INDEX correspondence_of_incident ON correspondence (incident, received_at);

-- What went out beside mail. The URL is named by its place, for it may hold a secret.
CREATE TABLE channel_messages (
    notice    text NOT NULL REFERENCES notices,
    channel   text NOT NULL,         -- SHA-256 of its URL
    sent_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (notice, channel)
);

ALTER TABLE tasks
    ADD COLUMN due_at timestamptz,   -- NULL: as long after its opening as its kind gives
    ADD COLUMN owner text,
    ADD COLUMN taken_at timestamptz,
    ADD COLUMN done_by text,
    ADD COLUMN minutes int CHECK (minutes >= 0),  -- of a person's work
    ADD COLUMN told_at timestamptz,  -- when the client was told by other means
    ADD COLUMN reminded_at timestamptz;
CREATE INDEX tasks_open ON tasks (opened_at) WHERE done_at IS NULL;
CREATE INDEX tasks_of_incident ON tasks (incident);
