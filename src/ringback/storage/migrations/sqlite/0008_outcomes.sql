-- How many attempts and callbacks have ended how, by service, half hour and caller. `result` is the outcome of an
-- attempt or the last state of a callback. Counted from here on: what ended before is not in it.
CREATE TABLE outcome_count (
    service_id TEXT    NOT NULL,
    begin_us   INTEGER NOT NULL,
    result     TEXT    NOT NULL,
    caller_id  TEXT    NOT NULL,
    -- On PostgreSQL each server counts in rows of its own. Here there is one.
    server     INTEGER NOT NULL,
    ended      INTEGER NOT NULL,
    PRIMARY KEY (service_id, begin_us, result, caller_id, server),

    CONSTRAINT half_hour_begins CHECK (begin_us % 1800000000 = 0),
    CONSTRAINT count_grows CHECK (ended >= 1)
) WITHOUT ROWID;
CREATE INDEX outcome_count_by_time ON outcome_count (begin_us);

-- Found by the external id alone, too.
DROP INDEX callback_by_task;
CREATE UNIQUE INDEX callback_by_task ON callback (external_task_id, caller_id) WHERE external_task_id IS NOT NULL;
