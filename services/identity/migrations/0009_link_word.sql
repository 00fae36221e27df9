-- The newest word about a link counts, a patient's too: that is how one is withdrawn.
ALTER TABLE link ADD COLUMN said_at timestamptz NOT NULL DEFAULT '-infinity';
