-- Of the address it goes to, so that each domain is written to at its own pace.
ALTER TABLE delivery ADD COLUMN domain text NOT NULL DEFAULT '';
