-- A companion's link says as what it lets someone in; none is the patient's and guardians'.
ALTER TABLE link ADD COLUMN companion text
    CHECK (companion IN ('interpreter', 'relative', 'professional'));

-- By which link someone set out: it must still be open when they are back.
ALTER TABLE attempt ADD COLUMN link_digest text CHECK (length(link_digest) = 64);
