-- A guardian has identified and is asked whether they act for the child. Who they are is
-- sealed with a key that only their browser's cookie holds; of that, here is the digest.
CREATE TABLE act (
    act_digest bytea PRIMARY KEY CHECK (length(act_digest) = 32),
    appointment_id text NOT NULL,
    sealed bytea NOT NULL,
    begun_at timestamptz NOT NULL
);
CREATE INDEX act_begun_at ON act (begun_at);
