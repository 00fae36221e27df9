-- How a patient reaches the unit, as far as its booking system says.
ALTER TABLE appointment ADD COLUMN unit_phone text, ADD COLUMN unit_url text;
