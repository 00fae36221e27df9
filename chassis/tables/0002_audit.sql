-- Who did what for which appointment, by ids. Each line holds the hash of the line before
-- it, and of itself with that: a line that is changed, removed or put in is found.
CREATE TABLE audit (
    audit_id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    what text NOT NULL,
    who text,
    whom text,
    appointment_id text,
    code text,
    role text,
    before bytea NOT NULL CHECK (length(before) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_appointment_id ON audit (appointment_id);
CREATE INDEX audit_who ON audit (who);
CREATE INDEX audit_whom ON audit (whom);

-- Lines up to this one were kept long enough and are gone; the chain goes on from its hash.
CREATE TABLE audit_seal (
    audit_id bigint PRIMARY KEY,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sealed_at timestamptz NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_LEVEL = 'ROW' AND TG_TABLE_NAME = 'audit'
       AND OLD.audit_id <= (SELECT max(audit_id) FROM audit_seal) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'Lines of the audit are added and never touched.';
END
$$;
CREATE TRIGGER audit_line_stays BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
