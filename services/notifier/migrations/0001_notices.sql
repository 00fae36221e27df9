-- What we know of an appointment: whose it is, and how long we care.
CREATE TABLE appointment (
    appointment_id text PRIMARY KEY,
    details bigint NOT NULL,  -- the sequence of the newest word about each aspect
    times bigint NOT NULL,
    status bigint NOT NULL,
    unit_id text,             -- null until the booking is heard
    kept_until timestamptz NOT NULL
);
CREATE INDEX appointment_kept_until ON appointment (kept_until);

-- Who is told what. Ids and codes only; numbered in the order of their commits.
CREATE TABLE notice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    audience text NOT NULL CHECK (audience IN ('visit', 'unit')),
    addressee text,           -- the appointment or the unit; null until the unit is known
    appointment_id text NOT NULL REFERENCES appointment,
    topic text NOT NULL,
    person_id uuid,
    codes jsonb NOT NULL,
    at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL
);
CREATE INDEX notice_addressee ON notice (audience, addressee, id);
CREATE INDEX notice_appointment ON notice (appointment_id, audience, id);
CREATE INDEX notice_noted_at ON notice (noted_at);

-- Up to here notices have been dropped: who asks from further back gets a snapshot.
CREATE TABLE horizon (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id bigint NOT NULL
);
INSERT INTO horizon (id) VALUES (0);
