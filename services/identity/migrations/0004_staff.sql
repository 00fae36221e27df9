-- A professional may be asked to log in once more, at a higher level.
ALTER TABLE attempt DROP CONSTRAINT attempt_purpose_check;
ALTER TABLE attempt ADD CONSTRAINT attempt_purpose_check
    CHECK (purpose IN ('visit', 'staff', 'step_up'));

-- Words of identity providers that a session ended. Each is heard once (its jti).
CREATE TABLE heard_logout (
    issuer text NOT NULL,
    once text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (issuer, once)
);
CREATE INDEX heard_logout_at ON heard_logout (at);
