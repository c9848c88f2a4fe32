-- The phone that a target rings, which is the same for all spellings of it: NULL where it is the target as it stands.
ALTER TABLE callback ADD COLUMN phone text COLLATE "C";
-- Never two calls to one phone at once. Not unique, since version 0.1 may have begun two: it compared the spelling.
CREATE INDEX callback_phone_in_call ON callback (coalesce(phone, dial_target)) WHERE lease_dialer IS NOT NULL;

-- Phones that may still ring, because the dialer of a call to them was lost: not to be called before.
CREATE TABLE kept_phone (
    phone    text COLLATE "C" NOT NULL PRIMARY KEY,
    until_us bigint           NOT NULL
);
CREATE INDEX kept_phone_by_end ON kept_phone (until_us);
