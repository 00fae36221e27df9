-- Sequences are as large as a booking system makes them. Every slot of the appointment up
-- to `heard_over` is over, and what is known of a visit's course is of `slot_sequence`.
ALTER TABLE visit
    ALTER COLUMN heard_details TYPE bigint,
    ALTER COLUMN heard_times TYPE bigint,
    ALTER COLUMN heard_status TYPE bigint,
    ADD COLUMN heard_over bigint NOT NULL DEFAULT -1,
    ADD COLUMN slot_sequence bigint NOT NULL DEFAULT -1,
    ADD COLUMN invitation_starts_at timestamptz,
    ADD COLUMN invitation_sequence bigint;
UPDATE visit SET slot_sequence = heard_times;

-- To which slot somebody was let in last; null for who was let in before this was kept.
ALTER TABLE place ADD COLUMN slot_sequence bigint;
