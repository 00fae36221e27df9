-- The lobby's latest word about who may be in the call of an appointment.
CREATE TABLE admission (
    appointment_id text NOT NULL,
    member text NOT NULL,
    side text NOT NULL CHECK (side IN ('patient', 'professional')),
    admitted boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (appointment_id, member)
);
CREATE INDEX admission_at ON admission (at);

-- Appointments that are off. Remembered also when nobody was ever admitted.
CREATE TABLE cancellation (
    appointment_id text PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX cancellation_at ON cancellation (at);

-- A call has started when both sides were in; one that was ended before has no start.
CREATE TABLE call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id text NOT NULL,
    started_at timestamptz,
    heard_at timestamptz NOT NULL, -- when somebody was last known to be connected
    ended_at timestamptz,
    ended_by text CHECK (
        ended_by IN ('professional', 'patient', 'guardian', 'silence', 'cancellation')
    ),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK (started_at IS NOT NULL OR ended_at IS NOT NULL)
);
CREATE INDEX call_appointment_id ON call (appointment_id);
CREATE UNIQUE INDEX call_open ON call (appointment_id) WHERE ended_at IS NULL;
CREATE INDEX call_ended_at ON call (ended_at);
