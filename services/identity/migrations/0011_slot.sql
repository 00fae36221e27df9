-- Every slot of the appointment up to this sequence is over: contract/appointment.py.
ALTER TABLE appointment ADD COLUMN heard_over bigint NOT NULL DEFAULT -1;
UPDATE appointment SET heard_over = heard_status WHERE status = 'cancelled';

-- Of two words about a link the newer has the higher sequence, then the later time. Null
-- where invitation did not say.
ALTER TABLE link ADD COLUMN sequence bigint;
