-- The instances that run. One that has not marked itself for a while has crashed.
CREATE TABLE instance (
    id text PRIMARY KEY, -- a new one at each start
    beat_at timestamptz NOT NULL
);

-- Who is in which call, and on which instance. The page that said hello last counts.
-- All times are the database's own: the clocks of instances may differ.
CREATE TABLE presence (
    appointment_id text NOT NULL,
    member text NOT NULL,
    instance text NOT NULL,
    role text NOT NULL,
    microphone boolean NOT NULL,
    camera boolean NOT NULL,
    admitted_at timestamptz NOT NULL, -- the admission that they are in by
    arrived_at timestamptz NOT NULL, -- when their page last said hello
    state text NOT NULL CHECK (state IN ('connected', 'lost', 'left', 'expired')),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (appointment_id, member)
);
CREATE INDEX presence_instance ON presence (instance);
CREATE INDEX presence_changed_at ON presence (changed_at);

-- Signals on their way to another instance, for milliseconds. Not in the write-ahead log:
-- they are worth nothing after a crash of the database.
CREATE UNLOGGED TABLE passed_signal (
    recipient text NOT NULL, -- an instance, as the sender is
    sender text NOT NULL,
    number bigint NOT NULL, -- counts what the sender passes on, to anyone
    appointment_id text NOT NULL,
    member_from text NOT NULL,
    member_to text NOT NULL,
    body text NOT NULL,
    heard_at timestamptz NOT NULL, -- when the member said it
    PRIMARY KEY (recipient, sender, number)
);
CREATE INDEX passed_signal_heard_at ON passed_signal (heard_at);
