-- An answer that another site's page posted to us waits here, as it came and still
-- encrypted, for the browser to come with its cookie. Taken, it leaves only its handle.
CREATE TABLE answer (
    handle text PRIMARY KEY,
    state text NOT NULL UNIQUE REFERENCES attempt ON DELETE CASCADE,
    message text,
    came_at timestamptz NOT NULL
);

-- Assertions that have been used, for as long as they could be used again.
CREATE TABLE assertion (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    good_until timestamptz NOT NULL
);
CREATE INDEX assertion_good_until ON assertion (good_until);

-- What the provider calls a browser's newest session there, also of those whom we refused:
-- on a shared device the next one must be able to end it.
CREATE TABLE provider_login (
    browser bytea PRIMARY KEY,
    issuer text NOT NULL,
    subject text,
    session_index text,
    at timestamptz NOT NULL
);
CREATE INDEX provider_login_at ON provider_login (at);
