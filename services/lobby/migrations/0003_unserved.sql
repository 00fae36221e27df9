-- Who asked to join and was not let in before their time went by did not stay away. The
-- status of both is 'missed': an instance of the release before knows no other word.
ALTER TABLE visit ADD COLUMN unserved boolean NOT NULL DEFAULT false;

-- When somebody first asked to join at this time; a return or a rejoin keeps it.
ALTER TABLE place ADD COLUMN asked_at timestamptz;
UPDATE place SET asked_at = since WHERE state <> 'identified';

-- Instances of the release before write places beside us, and know no `asked_at`.
CREATE FUNCTION place_asked_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'waiting' THEN
        NEW.asked_at := coalesce(NEW.asked_at, NEW.since);
    ELSIF NEW.state = 'identified' THEN
        NEW.asked_at := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER place_asked_at BEFORE INSERT OR UPDATE ON place
    FOR EACH ROW EXECUTE FUNCTION place_asked_at();
