-- What was heard of an appointment after its booking: ids and codes only. What is to be
-- told to whom, and whether somebody waits, is worked out from all of it each time.
CREATE TABLE fact (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id text NOT NULL REFERENCES appointment ON DELETE CASCADE,
    topic text NOT NULL,
    person_id uuid,                -- null: it is about everybody
    at timestamptz NOT NULL,       -- when it happened, says who published it
    noted_at timestamptz NOT NULL, -- when it was heard, by our clock
    starts_at timestamptz,         -- the slot that it is about; null: it names none
    sequence bigint,
    by text,                       -- the professional who did it
    codes jsonb NOT NULL
);
CREATE INDEX fact_appointment ON fact (appointment_id);

INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, by, codes)
SELECT appointment_id,
       CASE what WHEN 'acknowledged' THEN 'doorbell.acknowledged'
                 WHEN 'messaged' THEN 'message.sent'
                 WHEN 'missed' THEN 'appointment.missed'
                 ELSE 'patient.' || what END,
       person_id, at, noted_at, by,
       CASE WHEN what = 'summoned'  -- the professional waited for three minutes
            THEN jsonb_build_object('until', to_char(
                     (at + interval '3 minutes') AT TIME ZONE 'UTC',
                     'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
            ELSE '{}' END
  FROM doorbell_word ORDER BY id;

INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, codes)
SELECT appointment_id, 'patient.identified', person_id, coalesce(here_at, away_at, now()),
       now(), jsonb_build_object('role', role)
  FROM attendee WHERE role IS NOT NULL;

INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, codes)
SELECT appointment_id, 'patient.away', person_id, away_at, now(), '{}'
  FROM attendee WHERE away_at IS NOT NULL;

INSERT INTO fact (appointment_id, topic, at, noted_at, codes)
SELECT appointment_id, 'appointment.delayed', delayed_at, now(),
       jsonb_build_object('minutes', delay, 'inferred', false)
  FROM contact WHERE delayed_at IS NOT NULL;

-- attendee, doorbell_word and the delay of contact are read no more. They go in a later
-- step, when no instance of before writes to them.
ALTER TABLE contact ALTER COLUMN delay SET DEFAULT 0;
ALTER TABLE contact ALTER COLUMN told_delay SET DEFAULT 0;

-- The slot that holds, and up to which sequence slots are over.
ALTER TABLE appointment ADD COLUMN starts_at timestamptz;
ALTER TABLE appointment ADD COLUMN over_upto bigint NOT NULL DEFAULT -1;

-- When that happened of which the message tells; null: it was written before this step.
ALTER TABLE message ADD COLUMN said_at timestamptz;
