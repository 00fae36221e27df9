-- Which slot of its appointment an admission or a call is about; null as far as unknown.
ALTER TABLE admission
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN sequence bigint;
ALTER TABLE call
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN sequence bigint;

-- A cancellation holds until the lobby lets somebody in to a slot of a higher sequence.
-- Null in what was written before: then to a slot of any.
ALTER TABLE cancellation ADD COLUMN sequence bigint;

-- The newest slot of an appointment that the lobby let somebody in to, and the highest
-- sequence of those that are over: see contract/appointment.py.
CREATE TABLE slot (
    appointment_id text PRIMARY KEY,
    starts_at timestamptz,
    sequence bigint NOT NULL DEFAULT -1,
    over bigint NOT NULL DEFAULT -1,
    heard_at timestamptz NOT NULL
);
CREATE INDEX slot_heard_at ON slot (heard_at);
