-- Someone else who is asked to come along, as far as they are told of the appointment.
-- Who is asked no longer stays, so as to be told that; no name is kept.
CREATE TABLE companion (
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('interpreter', 'relative', 'professional')),
    email text NOT NULL,
    language text CHECK (language IN ('sv', 'fi', 'en')),
    asked boolean NOT NULL,
    revision integer NOT NULL,
    issued_digest text,
    issued_until timestamptz,
    PRIMARY KEY (appointment_id, role, email),
    CHECK (num_nulls(issued_digest, issued_until) IN (0, 2))
);

-- A companion's delivery has their role; their link says whose it is.
ALTER TABLE delivery ADD COLUMN role text
    CHECK (role IN ('interpreter', 'relative', 'professional'));

-- Each is told one thing at a time.
DROP INDEX delivery_one_open;
CREATE UNIQUE INDEX delivery_one_open
    ON delivery (appointment_id, (CASE WHEN role IS NULL THEN '' ELSE link_digest END))
    WHERE state IN ('queued', 'sending');
