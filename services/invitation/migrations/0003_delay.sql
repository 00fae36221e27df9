-- A message may also say that the professional runs late.
ALTER TABLE delivery DROP CONSTRAINT delivery_kind_check;
ALTER TABLE delivery ADD CONSTRAINT delivery_kind_check
    CHECK (kind IN ('invitation', 'update', 'cancellation', 'reminder', 'delay'));
