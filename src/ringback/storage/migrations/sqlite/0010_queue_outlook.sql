-- What of one service is due within a time, what expires first of what waits, and what of a line expires before its turn.
CREATE INDEX callback_to_come ON callback (service_id, next_attempt_us, state) WHERE state = 'SCHEDULED';
CREATE INDEX callback_queue_end ON callback (service_id, expire_us, state) WHERE state = 'QUEUED';

DROP INDEX callback_queue;
CREATE INDEX callback_queue ON callback (service_id, priority, ready_us, callback_id, state, expire_us)
    WHERE state = 'QUEUED';
