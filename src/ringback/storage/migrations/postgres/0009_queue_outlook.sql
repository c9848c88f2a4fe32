-- Which dialers poll for callbacks of which services, on any server, and until when they count: how many there are is
-- shown. The empty service is all of them.
CREATE TABLE polling (
    service_id text COLLATE "C" NOT NULL,
    dialer_id  text COLLATE "C" NOT NULL,
    until_us   bigint           NOT NULL,
    PRIMARY KEY (service_id, dialer_id)
);

-- What of one service is due within a time, what expires first of what waits, and what of a line expires before its turn.
CREATE INDEX callback_to_come ON callback (service_id, next_attempt_us) WHERE state = 'SCHEDULED';
CREATE INDEX callback_queue_end ON callback (service_id, expire_us) WHERE state = 'QUEUED';

DROP INDEX callback_queue;
CREATE INDEX callback_queue ON callback (service_id, priority, ready_us, callback_id) INCLUDE (expire_us)
    WHERE state = 'QUEUED';
