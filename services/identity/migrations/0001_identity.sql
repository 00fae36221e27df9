-- An appointment, as far as it matters to who may attend, and when.
-- heard_* hold the sequence of the newest word about each aspect; -1 means none yet.
CREATE TABLE appointment (
    appointment_id text PRIMARY KEY,
    heard_details bigint NOT NULL DEFAULT -1,
    heard_times bigint NOT NULL DEFAULT -1,
    heard_status bigint NOT NULL DEFAULT -1,
    status text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'cancelled')),
    starts_at timestamptz,
    ends_at timestamptz CHECK (ends_at > starts_at),
    changed_at timestamptz NOT NULL
);
CREATE INDEX appointment_changed_at ON appointment (changed_at);

-- Who may attend. The digest is a keyed HMAC-SHA-256 of the personal identity code;
-- key_id says with which key. The code itself is never stored, nor is a name.
CREATE TABLE attendee (
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('patient', 'guardian')),
    key_id text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    birth_date date NOT NULL,
    PRIMARY KEY (appointment_id, role, digest)
);
CREATE UNIQUE INDEX attendee_one_patient ON attendee (appointment_id) WHERE role = 'patient';

-- Links by their digest. A link may be heard of before its appointment, so no reference.
CREATE TABLE link (
    link_digest text PRIMARY KEY CHECK (length(link_digest) = 64),
    appointment_id text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_appointment_id ON link (appointment_id);
CREATE INDEX link_expires_at ON link (expires_at);

-- Someone is on their way to an identity provider and back.
CREATE TABLE attempt (
    state text PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('visit', 'staff')),
    appointment_id text CHECK ((purpose = 'visit') = (appointment_id IS NOT NULL)),
    browser bytea NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    begun_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX attempt_browser ON attempt (browser, begun_at);
CREATE INDEX attempt_begun_at ON attempt (begun_at);
