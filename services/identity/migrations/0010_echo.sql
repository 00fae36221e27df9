-- What a browser was answered that came back from a provider, for a reload a moment later:
-- sealed with the secret of its cookie, which stands nowhere here.
CREATE TABLE echo (
    state text PRIMARY KEY REFERENCES attempt ON DELETE CASCADE,
    sealed bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX echo_at ON echo (at);
