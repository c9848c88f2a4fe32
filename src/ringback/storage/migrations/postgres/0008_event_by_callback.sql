-- The events of one callback are its history.
CREATE INDEX event_by_callback ON event (callback_id, number);
