-- Which dialers poll for callbacks of which services, on any server, and until when they count: how many there are is
-- shown. The empty service is all of them.
CREATE TABLE polling (
    service_id text COLLATE "C" NOT NULL,
    dialer_id  text COLLATE "C" NOT NULL,
    until_us   bigint           NOT NULL,
    PRIMARY KEY (service_id, dialer_id)
);

-- What of one service is due within a time, and what expires first of what waits.
CREATE INDEX callback_to_come ON callback (service_id, next_attempt_us) WHERE state = 'SCHEDULED';
CREATE INDEX callback_queue_end ON callback (service_id, expire_us) INCLUDE (priority, callback_id)
    WHERE state = 'QUEUED';
