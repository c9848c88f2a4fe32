-- The identity that created a callback, and the one that requested a change: NULL where there is none.
ALTER TABLE callback ADD COLUMN identity TEXT;
ALTER TABLE event ADD COLUMN identity TEXT;

-- A request id is unique within its identity: another's must neither be found nor be in the way.
DROP INDEX callback_by_request;
CREATE UNIQUE INDEX callback_by_request ON callback (request_id, coalesce(identity, '')) WHERE request_id IS NOT NULL;

-- How many callbacks of an identity are open.
CREATE INDEX callback_open_by_identity ON callback (identity) WHERE end_us IS NULL AND identity IS NOT NULL;
