-- Someone goes on on another device. What their token says waits sealed with the code
-- that the first device shows; of the code, here is the digest.
CREATE TABLE handover (
    code_digest bytea PRIMARY KEY CHECK (length(code_digest) = 32),
    session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
    sealed bytea NOT NULL,
    begun_at timestamptz NOT NULL,
    taken_at timestamptz
);
CREATE INDEX handover_session_id ON handover (session_id, begun_at);
CREATE INDEX handover_begun_at ON handover (begun_at);
