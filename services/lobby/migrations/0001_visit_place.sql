-- An appointment as the lobby knows it; what has not been heard of it is null.
CREATE TABLE visit (
    appointment_id text PRIMARY KEY,
    heard_details integer NOT NULL,
    heard_times integer NOT NULL,
    heard_status integer NOT NULL,
    status text NOT NULL CHECK (status IN ('booked', 'cancelled', 'missed', 'ended')),
    unit_id text,
    details jsonb,
    starts_at timestamptz,
    ends_at timestamptz,
    admitted_at timestamptz,
    in_call_since timestamptz,
    invitation_failed boolean NOT NULL
);
CREATE INDEX visit_unit_starts_at ON visit (unit_id, starts_at);
CREATE INDEX visit_ends_at ON visit (ends_at);

-- One person's place in line; `version` grows with every change of state.
CREATE TABLE place (
    appointment_id text NOT NULL REFERENCES visit ON DELETE CASCADE,
    person_id uuid NOT NULL,
    role text NOT NULL,
    name text NOT NULL,
    birth_year integer NOT NULL,
    method text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('identified', 'waiting', 'admitted', 'refused', 'left')),
    version integer NOT NULL,
    since timestamptz NOT NULL,
    reason text,
    by_id text,
    by_name text,
    checks jsonb NOT NULL,
    PRIMARY KEY (appointment_id, person_id)
);
CREATE INDEX place_state ON place (state) WHERE state IN ('waiting', 'admitted');

-- Presence is soft: it expires by itself, and a crash may take it.
CREATE UNLOGGED TABLE presence (
    appointment_id text NOT NULL,
    person_id uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (appointment_id, person_id)
);
