-- A reminder is planned long before it leaves, and is late only after that moment.
ALTER TABLE delivery
    ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now(),
    -- Of a reminder: how long ahead of the start. Of a delay: which delay it tells.
    ADD COLUMN ahead interval,
    ADD COLUMN minutes integer;
UPDATE delivery SET wanted_at = created_at;

-- Each is told one thing at a time, and has each reminder planned once.
DROP INDEX delivery_one_open;
CREATE UNIQUE INDEX delivery_one_open
    ON delivery (appointment_id, (CASE WHEN role IS NULL THEN '' ELSE link_digest END),
                 (coalesce(ahead, interval '0')))
    WHERE state IN ('queued', 'sending');

ALTER TABLE appointment
    -- Staff's word for the patient's address, as long as the booking says what it said.
    ADD COLUMN corrected_email text,
    -- What was heard of the day itself: it begins anew when the appointment is moved.
    ADD COLUMN delay integer NOT NULL DEFAULT 0,
    ADD COLUMN arrived uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN started boolean NOT NULL DEFAULT false;
CREATE INDEX appointment_day ON appointment (unit_id, starts_at);
