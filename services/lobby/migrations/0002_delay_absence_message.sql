-- How late a visit is, by whose word, and since when; null when nobody said or guessed.
ALTER TABLE visit
    ADD COLUMN delay_minutes integer CHECK (delay_minutes BETWEEN 0 AND 600),
    ADD COLUMN delay_inferred boolean,
    ADD COLUMN delay_at timestamptz,
    ADD CHECK (num_nulls(delay_minutes, delay_inferred, delay_at) IN (0, 3)),
    -- Why the last message to the patient failed, and when that or its going was said.
    ADD COLUMN invitation_reason text,
    ADD COLUMN invitation_at timestamptz;

-- Who waits and has put the device away, and who was asked to come back.
ALTER TABLE place
    ADD COLUMN away_since timestamptz,
    ADD COLUMN summoned_at timestamptz,
    ADD COLUMN summoned_until timestamptz,
    ADD COLUMN summons_passed boolean NOT NULL DEFAULT false,
    ADD CHECK (num_nulls(summoned_at, summoned_until) IN (0, 2));
CREATE INDEX place_summoned_until ON place (summoned_until)
    WHERE summoned_until IS NOT NULL AND NOT summons_passed;

-- What a professional wrote to one person: a ready-made sentence's code, or free text.
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    appointment_id text NOT NULL,
    person_id uuid NOT NULL,
    at timestamptz NOT NULL,
    by_id text NOT NULL,
    by_name text NOT NULL,
    code text,
    text text,
    read_at timestamptz,
    FOREIGN KEY (appointment_id, person_id) REFERENCES place ON DELETE CASCADE,
    CHECK (num_nulls(code, text) = 1)
);
CREATE INDEX message_place ON message (appointment_id, person_id, at);
