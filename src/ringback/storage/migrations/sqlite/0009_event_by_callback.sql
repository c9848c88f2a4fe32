-- The events of one callback are its history. The numbers are the row ids, which each entry of an index ends with.
CREATE INDEX event_by_callback ON event (callback_id);
