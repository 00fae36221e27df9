-- How to reach a patient who is not at the page: forgotten with the appointment.
CREATE TABLE contact (
    appointment_id text PRIMARY KEY REFERENCES appointment ON DELETE CASCADE,
    phone text,
    language text,                -- null until the booking is heard
    agreed boolean NOT NULL,      -- to text messages, says the booking
    chosen boolean,               -- says the patient, on the page: this counts when there
    ends_at timestamptz,
    cancelled boolean NOT NULL,
    delay integer NOT NULL,       -- minutes, as last heard
    delayed_at timestamptz,       -- when that was said
    told_delay integer NOT NULL   -- minutes, as the patient was last told
);

-- Who of an appointment is where, by the latest that was heard of each.
CREATE TABLE attendee (
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    person_id uuid NOT NULL,
    role text,                    -- null until they are known to have identified
    here_at timestamptz,
    left_at timestamptz,
    away_at timestamptz,
    admitted_at timestamptz,
    PRIMARY KEY (appointment_id, person_id)
);

-- Browsers that agreed to be told (RFC 8030). One endpoint is one browser's.
CREATE TABLE subscription (
    subscription_id uuid PRIMARY KEY,
    audience text NOT NULL CHECK (audience IN ('visit', 'unit')),
    person text NOT NULL,         -- a person_id, or a professional's id
    appointment_id text REFERENCES appointment ON DELETE CASCADE,  -- of a visit
    units text[] NOT NULL,        -- of a professional
    endpoint text NOT NULL UNIQUE,
    p256dh text NOT NULL,
    auth text NOT NULL,
    language text NOT NULL,
    kept_until timestamptz NOT NULL
);
CREATE INDEX subscription_appointment ON subscription (appointment_id, person);
CREATE INDEX subscription_units ON subscription USING gin (units);
CREATE INDEX subscription_kept_until ON subscription (kept_until);

-- What was told to whom. No number, address or endpoint: those are looked up when sent.
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    once text NOT NULL UNIQUE,
    channel text NOT NULL CHECK (channel IN ('sms', 'push', 'email', 'webhook')),
    recipient text NOT NULL
        CHECK (recipient IN ('patient', 'subscription', 'duty', 'system')),
    subject text NOT NULL,
    appointment_id text NOT NULL,
    unit_id text,
    person_id uuid,
    subscription_id uuid,
    codes jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL
        CHECK (state IN ('queued', 'sending', 'accepted', 'failed', 'obsolete')),
    attempts integer NOT NULL,
    lease uuid,
    doubt boolean NOT NULL,
    reason text,
    reference text,               -- the supplier's name of it
    settled_at timestamptz
);
CREATE INDEX message_due ON message (channel, due_at)
    WHERE state IN ('queued', 'sending');
CREATE INDEX message_appointment ON message (appointment_id);
CREATE INDEX message_unit ON message (unit_id, created_at);
CREATE INDEX message_settled_at ON message (settled_at);

-- Receivers that want no more. Another address of the unit begins anew.
CREATE TABLE switched_off (
    unit_id text PRIMARY KEY,
    url_digest bytea NOT NULL,
    at timestamptz NOT NULL
);
