-- An appointment as far as the patient is told of it; what has not been heard is null.
-- No name, no phone, no reason, no link: a message needs none of them from here.
-- The row and its address go some days after the appointment (setting KEEP_APPOINTMENTS).
CREATE TABLE appointment (
    appointment_id text PRIMARY KEY,
    heard_details bigint NOT NULL,
    heard_times bigint NOT NULL,
    heard_status bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('booked', 'cancelled')),
    unit_id text,
    unit_name jsonb,
    email text,
    language text CHECK (language IN ('sv', 'fi', 'en')),
    starts_at timestamptz,
    ends_at timestamptz,
    -- Grows whenever what the patient should know changes.
    revision integer NOT NULL,
    -- The link as it was last said in invitation.issued.
    issued_digest text,
    issued_until timestamptz,
    changed_at timestamptz NOT NULL,
    CHECK (num_nulls(unit_id, unit_name, email, language) IN (0, 4)),
    CHECK (num_nulls(starts_at, ends_at) IN (0, 2)),
    CHECK (num_nulls(issued_digest, issued_until) IN (0, 2))
);
CREATE INDEX appointment_over ON appointment (greatest(ends_at, changed_at));

-- One e-mail, from the decision to write it until its end.
CREATE TABLE delivery (
    delivery_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,  -- in the order they were written
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    kind text NOT NULL
        CHECK (kind IN ('invitation', 'update', 'cancellation', 'reminder')),
    -- Which revision of the appointment it tells, and which link it carries.
    revision integer NOT NULL,
    link_digest text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('queued', 'sending', 'accepted', 'failed', 'obsolete')),
    attempts integer NOT NULL,
    -- Queued: when to try. Sending: when whoever sends it is given up.
    due_at timestamptz NOT NULL,
    lease uuid,
    -- A mail server may have taken it although none has said so.
    doubt boolean NOT NULL,
    reason text,
    asked_by text,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((state = 'sending') = (lease IS NOT NULL)),
    CHECK ((state = 'failed') = (reason IS NOT NULL)),
    CHECK ((state IN ('accepted', 'failed', 'obsolete')) = (settled_at IS NOT NULL))
);
CREATE INDEX delivery_appointment ON delivery (appointment_id);
CREATE INDEX delivery_due ON delivery (due_at) WHERE state IN ('queued', 'sending');
-- A patient is told one thing at a time.
CREATE UNIQUE INDEX delivery_one_open ON delivery (appointment_id)
    WHERE state IN ('queued', 'sending');
