-- A delivery names whom it is to (`Recipient.name` in domain.py), whichever secret makes
-- the links. What an instance of the version before writes meanwhile names nobody.
ALTER TABLE delivery ADD COLUMN recipient text;
UPDATE delivery
   SET recipient = left(encode(sha256(convert_to(
           'patient:' || lower(btrim(coalesce(corrected_email, email))),
           'UTF8')), 'hex'), 32)
  FROM appointment
 WHERE appointment.appointment_id = delivery.appointment_id
   AND delivery.role IS NULL
   AND delivery.link_digest = appointment.issued_digest;
UPDATE delivery
   SET recipient = left(encode(sha256(convert_to(
           companion.role || ':' || lower(btrim(companion.email)),
           'UTF8')), 'hex'), 32)
  FROM companion
 WHERE companion.appointment_id = delivery.appointment_id
   AND companion.role = delivery.role
   AND companion.issued_digest = delivery.link_digest;

-- Each is told one thing at a time, and has each reminder planned once.
DROP INDEX delivery_one_open;
CREATE UNIQUE INDEX delivery_one_open
    ON delivery (appointment_id,
                 (CASE WHEN role IS NULL THEN '' ELSE coalesce(recipient, link_digest) END),
                 (coalesce(ahead, interval '0')))
    WHERE state IN ('queued', 'sending');

-- What is obsolete may have a reason, too.
ALTER TABLE delivery DROP CONSTRAINT delivery_check1;
ALTER TABLE delivery ADD CONSTRAINT delivery_failed_for_a_reason
    CHECK (state <> 'failed' OR reason IS NOT NULL);

-- Which LINK_SECRET is in use: that of the instance that was started last.
CREATE TABLE link_key (
    only_row boolean PRIMARY KEY CHECK (only_row),
    key text NOT NULL,
    since timestamptz NOT NULL
);

ALTER TABLE appointment
    -- Every slot up to this sequence is over (contract/appointment.py).
    ADD COLUMN heard_over bigint NOT NULL DEFAULT -1,
    -- What was heard of the day itself in events that name their slot, by slot. In those
    -- that name none: delay, arrived, started.
    ADD COLUMN slots jsonb NOT NULL DEFAULT '[]';
UPDATE appointment SET heard_over = heard_status WHERE status = 'cancelled';
