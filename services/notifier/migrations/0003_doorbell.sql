-- What the bells of one appointment have in common.
CREATE TABLE door (
    appointment_id text PRIMARY KEY REFERENCES appointment ON DELETE CASCADE,
    professional_id text,
    opens_at timestamptz,     -- null when it had opened before we heard of it
    ends_at timestamptz,
    cancelled boolean NOT NULL
);

-- What was heard of somebody at the door; it is told in the order of `at`.
CREATE TABLE doorbell_word (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    person_id uuid,           -- null: everybody at this door
    at timestamptz NOT NULL,
    what text NOT NULL,
    by text,                  -- the professional who did it
    noted_at timestamptz NOT NULL
);
CREATE INDEX doorbell_word_appointment ON doorbell_word (appointment_id, person_id);

-- What has become of them by all of these words, and whom that has woken.
CREATE TABLE doorbell (
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    person_id uuid NOT NULL,
    unit_id text,             -- null until somebody has said it
    since timestamptz,        -- null: nobody waits
    heard_at timestamptz,
    answered_at timestamptz,
    answered_what text,
    answered_by text,
    answered_noted_at timestamptz,
    push_at timestamptz,      -- when each rung was climbed
    colleague_at timestamptz,
    duty_at timestamptz,
    next_at timestamptz,      -- when to look at it again; null: no more
    past_since timestamptz,   -- it rings, and there is nobody left to wake
    over_at timestamptz,      -- from here on it is silent
    PRIMARY KEY (appointment_id, person_id)
);
CREATE INDEX doorbell_next_at ON doorbell (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX doorbell_unit ON doorbell (unit_id) WHERE since IS NOT NULL;

-- Whose console is open somewhere; who has not been seen for a while has closed it.
CREATE TABLE console (
    professional_id text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
CREATE INDEX console_seen_at ON console (seen_at);
