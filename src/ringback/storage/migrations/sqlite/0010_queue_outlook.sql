-- What of one service is due within a time, and what expires first of what waits.
CREATE INDEX callback_to_come ON callback (service_id, next_attempt_us, state) WHERE state = 'SCHEDULED';
CREATE INDEX callback_queue_end ON callback (service_id, expire_us, priority, callback_id, state)
    WHERE state = 'QUEUED';
