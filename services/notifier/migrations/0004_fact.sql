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

-- The start that holds, and by which sequence: with another one in `times`, an instance of
-- the version before wrote that, and the start is not known. And up to which sequence slots
-- are over.
ALTER TABLE appointment
    ADD COLUMN starts_at timestamptz,
    ADD COLUMN starts_by bigint,
    ADD COLUMN over_upto bigint NOT NULL DEFAULT -1;
UPDATE appointment SET starts_at = opens_at, starts_by = times
  FROM door WHERE door.appointment_id = appointment.appointment_id AND opens_at IS NOT NULL;
UPDATE appointment SET over_upto = status
  FROM contact WHERE contact.appointment_id = appointment.appointment_id AND cancelled;

-- What the version before has written down, as facts.
CREATE VIEW said_before AS
SELECT appointment_id,
       CASE what WHEN 'acknowledged' THEN 'doorbell.acknowledged'
                 WHEN 'messaged' THEN 'message.sent'
                 WHEN 'missed' THEN 'appointment.missed'
                 ELSE 'patient.' || what END AS topic,
       person_id, at, noted_at, by,
       CASE WHEN what = 'summoned'  -- the professional waited for three minutes
            THEN jsonb_build_object('until', to_char(
                     (at + interval '3 minutes') AT TIME ZONE 'UTC',
                     'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
            ELSE '{}' END AS codes
  FROM doorbell_word
UNION ALL
SELECT appointment_id, 'patient.identified', person_id, here_at, now(), NULL,
       jsonb_build_object('role', role)
  FROM attendee WHERE role IS NOT NULL AND here_at IS NOT NULL
UNION ALL
SELECT appointment_id, 'patient.away', person_id, away_at, now(), NULL, '{}'
  FROM attendee WHERE away_at IS NOT NULL
UNION ALL
SELECT appointment_id, 'appointment.delayed', NULL, delayed_at, now(), NULL,
       jsonb_build_object('minutes', delay, 'inferred', false)
  FROM contact WHERE delayed_at IS NOT NULL;

INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, by, codes,
                  starts_at, sequence)
SELECT said.*, slot.starts_at, slot.times
  FROM said_before AS said
  LEFT JOIN appointment AS slot
    ON slot.appointment_id = said.appointment_id AND slot.starts_by = slot.times
 ORDER BY said.noted_at;
UPDATE fact SET starts_at = at, sequence = over_upto  -- whichever slot it was, it is over
  FROM appointment
 WHERE appointment.appointment_id = fact.appointment_id AND over_upto >= 0;

-- While instances of both versions run, each learns what the other has heard.
CREATE FUNCTION heed_what_was_said_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fact (appointment_id, topic, person_id, at, noted_at, by, codes,
                      starts_at, sequence)
    SELECT said.*, slot.starts_at, slot.times
      FROM said_before AS said
      LEFT JOIN appointment AS slot
        ON slot.appointment_id = said.appointment_id AND slot.starts_by = slot.times
     WHERE said.appointment_id = NEW.appointment_id
       AND NOT EXISTS (SELECT FROM fact
                        WHERE fact.appointment_id = said.appointment_id
                          AND fact.topic = said.topic AND fact.at = said.at
                          AND fact.person_id IS NOT DISTINCT FROM said.person_id)
     ORDER BY said.noted_at;
    RETURN NULL;
END $$;
CREATE TRIGGER heed_doorbell_word AFTER INSERT ON doorbell_word
    FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION heed_what_was_said_before();
CREATE TRIGGER heed_attendee AFTER INSERT OR UPDATE ON attendee
    FOR EACH ROW EXECUTE FUNCTION heed_what_was_said_before();
CREATE TRIGGER heed_delay AFTER INSERT OR UPDATE OF delayed_at ON contact
    FOR EACH ROW WHEN (NEW.delayed_at IS NOT NULL)
    EXECUTE FUNCTION heed_what_was_said_before();

CREATE FUNCTION tell_the_version_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO doorbell_word (appointment_id, person_id, at, what, by, noted_at)
    SELECT appointment_id, person_id, at,
           CASE topic WHEN 'message.sent' THEN 'messaged'
                      WHEN 'appointment.unserved' THEN 'missed'
                      ELSE split_part(topic, '.', 2) END,
           by, noted_at
      FROM fact WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_the_version_before AFTER INSERT ON fact
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND NEW.topic IN (
        'patient.waiting', 'patient.returned', 'patient.back', 'patient.summoned',
        'patient.admitted', 'patient.refused', 'patient.left', 'message.sent',
        'doorbell.acknowledged', 'appointment.missed', 'appointment.unserved'))
    EXECUTE FUNCTION tell_the_version_before();

-- A delay is of the time before, where it is not known of which.
CREATE FUNCTION drop_delay_of_the_time_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM fact
     WHERE appointment_id = NEW.appointment_id
       AND topic = 'appointment.delayed' AND starts_at IS NULL;
    NEW.delay := 0;
    NEW.told_delay := 0;
    NEW.delayed_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER drop_delay_of_the_time_before BEFORE UPDATE OF ends_at ON contact
    FOR EACH ROW WHEN (OLD.ends_at <> NEW.ends_at)
    EXECUTE FUNCTION drop_delay_of_the_time_before();

-- attendee, doorbell_word and the delay of contact are read no more. They go in a later
-- step with all that stands between the two versions here, when no instance of the version
-- before is left.
ALTER TABLE contact ALTER COLUMN delay SET DEFAULT 0;
ALTER TABLE contact ALTER COLUMN told_delay SET DEFAULT 0;

-- When that happened of which the message tells; null: it was written before this step.
ALTER TABLE message ADD COLUMN said_at timestamptz;
