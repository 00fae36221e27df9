-- A child's personal identity code, sealed with NATIONAL_ID_KEY: only where GUARDIANS is
-- valtuudet, which must be told it, and only until the appointment is over.
ALTER TABLE attendee ADD COLUMN sealed bytea CHECK (sealed IS NULL OR role = 'patient');
CREATE INDEX attendee_sealed ON attendee (appointment_id) WHERE sealed IS NOT NULL;
