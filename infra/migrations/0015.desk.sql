-- The provider's own people: users, sessions, tokens. What they do to users and tokens is on the
-- audit chain "desk"; what they do to an incident, on that incident's.

CREATE TABLE users (
    name         text PRIMARY KEY,
    full_name    text NOT NULL,
    role         text NOT NULL CHECK (role IN ('viewer', 'desk', 'lead')),
    secret       text,               -- Argon2id (RFC 9106), as PHC string; NULL: only by sign-on
    subject      text UNIQUE,        -- OpenID Connect: issuer and sub, a space between
    created_at   timestamptz NOT NULL DEFAULT now(),
    disabled_at  timestamptz,
    CHECK (secret IS NOT NULL OR subject IS NOT NULL OR disabled_at IS NOT NULL)
);

-- Neither a session's token nor an API token is kept, only its SHA-256.
CREATE TABLE sessions (
    hash      bytea PRIMARY KEY,
    person    text NOT NULL REFERENCES users,
    csrf      text NOT NULL,
    began_at  timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now(),
    ends_at   timestamptz NOT NULL,
    address   inet
);
CREATE INDEX sessions_of_person ON sessions (person);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE tokens (
    id            text PRIMARY KEY,  -- the token's public beginning
    hash          bytea NOT NULL UNIQUE,
    person        text NOT NULL REFERENCES users,
    label         text NOT NULL,
    scopes        text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    ends_at       timestamptz,
    last_used_at  timestamptz,
    revoked_at    timestamptz
);
CREATE INDEX tokens_of_person ON tokens (person);

-- Who has failed to sign in, by account and by address: each failure in a row costs the next time.
CREATE TABLE sign_in_failures (
    subject   text PRIMARY KEY,      -- user:NAME or address:ADDRESS
    failures  int NOT NULL,
    last_at   timestamptz NOT NULL DEFAULT now()
);

-- OpenID Connect sign-ons that have been sent off and have not come back.
CREATE TABLE sign_ons (
    state     bytea PRIMARY KEY,     -- SHA-256 of what came along
    nonce     text NOT NULL,
    verifier  text NOT NULL,
    back_to   text NOT NULL,
    ends_at   timestamptz NOT NULL
);
