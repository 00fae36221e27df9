-- Someone is in. Who they are by name stands in their token alone.
CREATE TABLE session (
    session_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('visit', 'staff')),
    sub text NOT NULL,
    appointment_id text CHECK ((kind = 'visit') = (appointment_id IS NOT NULL)),
    created_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    why text CHECK ((why IS NULL) = (ended_at IS NULL)),
    extensions integer NOT NULL DEFAULT 0
);
CREATE INDEX session_sub ON session (kind, sub) WHERE ended_at IS NULL;
CREATE INDEX session_ends_at ON session (ends_at);

-- What an identity provider calls the session that ours came from: a logout that it
-- sends, or that comes in a frame without cookies, names nothing else.
CREATE TABLE upstream_session (
    session_id uuid PRIMARY KEY REFERENCES session ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text,
    session_index text,
    CHECK (coalesce(subject, session_index) IS NOT NULL)
);
CREATE INDEX upstream_session_subject ON upstream_session (issuer, subject);
CREATE INDEX upstream_session_index ON upstream_session (issuer, session_index);
