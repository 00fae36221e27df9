-- Who asked to join and was not let in before their time went by did not stay away.
ALTER TABLE visit
    DROP CONSTRAINT visit_status_check,
    ADD CONSTRAINT visit_status_check
        CHECK (status IN ('booked', 'cancelled', 'missed', 'unserved', 'ended'));

-- When somebody first asked to join at this time; a return or a rejoin keeps it.
ALTER TABLE place ADD COLUMN asked_at timestamptz;
UPDATE place SET asked_at = since WHERE state <> 'identified';
ALTER TABLE place ADD CHECK (state <> 'waiting' OR asked_at IS NOT NULL);
