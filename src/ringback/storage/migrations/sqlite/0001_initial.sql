-- A callback is one row. The columns are what is searched for or checked; `body` is the whole callback as JSON,
-- but for the end of its lease, which moves without a change of revision. Times are microseconds since 1970, UTC.
CREATE TABLE callback (
    callback_id      TEXT    NOT NULL PRIMARY KEY,
    service_id       TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    revision         INTEGER NOT NULL,
    priority         INTEGER NOT NULL,
    caller_id        TEXT    NOT NULL,
    external_task_id TEXT,
    request_id       TEXT,
    dial_target      TEXT    NOT NULL,
    supervisor       TEXT,
    due_us           INTEGER NOT NULL,
    ready_us         INTEGER NOT NULL,
    next_attempt_us  INTEGER,
    expire_us        INTEGER NOT NULL,
    end_us           INTEGER,
    lease_expire_us  INTEGER,
    lease_dialer     TEXT,
    lease_request    TEXT,
    lease_fencing    INTEGER,
    body             TEXT    NOT NULL,

    CONSTRAINT callback_is_named CHECK (callback_id <> '' AND service_id <> '' AND dial_target <> ''),
    CONSTRAINT empty_is_null CHECK (external_task_id <> '' AND request_id <> '' AND supervisor <> ''),
    CONSTRAINT state_is_known CHECK (state IN (
        'SCHEDULED', 'QUEUED', 'OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING',
        'COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED'
    )),
    CONSTRAINT revision_grows CHECK (revision >= 1),
    CONSTRAINT priority_is_known CHECK (priority BETWEEN 1 AND 9),
    -- A lease exactly while the callback is in progress.
    CONSTRAINT lease_in_progress CHECK (
        (lease_expire_us IS NOT NULL) = (state IN ('OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING'))
    ),
    CONSTRAINT lease_is_whole CHECK (
        (lease_dialer IS NOT NULL) = (lease_expire_us IS NOT NULL)
        AND (lease_request IS NOT NULL) = (lease_expire_us IS NOT NULL)
        AND (lease_fencing IS NOT NULL) = (lease_expire_us IS NOT NULL)
    ),
    CONSTRAINT fencing_grows CHECK (lease_fencing >= 1),
    -- A next attempt exactly until one has begun or the callback has ended.
    CONSTRAINT attempt_lies_ahead CHECK (
        (next_attempt_us IS NOT NULL) = (state IN ('SCHEDULED', 'QUEUED', 'OFFERED'))
    ),
    CONSTRAINT end_is_known CHECK (
        (end_us IS NOT NULL) = (state IN ('COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED'))
    )
);

-- What makes creating idempotent.
CREATE UNIQUE INDEX callback_by_task ON callback (caller_id, external_task_id) WHERE external_task_id IS NOT NULL;
CREATE UNIQUE INDEX callback_by_request ON callback (request_id) WHERE request_id IS NOT NULL;

-- Never two calls to one target at once. "With a lease" is "in progress", see the checks above; `lease_dialer`
-- stands for it here because it stays the same when a lease is extended, which so leaves these indexes alone.
CREATE UNIQUE INDEX callback_in_call ON callback (dial_target) WHERE lease_dialer IS NOT NULL;

-- The scheduler's and the dispatcher's questions, each index in the order of its answer.
CREATE INDEX callback_to_queue ON callback (next_attempt_us) WHERE state = 'SCHEDULED';
CREATE INDEX callback_to_expire ON callback (expire_us) WHERE next_attempt_us IS NOT NULL;
CREATE INDEX callback_to_lapse ON callback (lease_expire_us) WHERE lease_expire_us IS NOT NULL;
CREATE INDEX callback_to_purge ON callback (end_us) WHERE end_us IS NOT NULL;
CREATE INDEX callback_by_lease ON callback (lease_dialer, lease_request) WHERE lease_dialer IS NOT NULL;
-- With the state, so that counting a queue reads nothing else.
CREATE INDEX callback_queue ON callback (service_id, priority, ready_us, callback_id, state) WHERE state = 'QUEUED';
CREATE INDEX callback_to_open ON callback (service_id, callback_id)
    WHERE state = 'SCHEDULED' AND next_attempt_us > ready_us;

-- What lists are driven by (see list_plan.py): each gives its matches by id.
CREATE INDEX callback_by_service ON callback (service_id, state, callback_id);
CREATE INDEX callback_by_state ON callback (state, callback_id);
CREATE INDEX callback_by_caller ON callback (caller_id, callback_id);
-- In two, since who takes only one open callback per target asks at every create, however many have ended.
CREATE INDEX callback_open_by_target ON callback (dial_target, callback_id) WHERE end_us IS NULL;
CREATE INDEX callback_ended_by_target ON callback (dial_target, callback_id) WHERE end_us IS NOT NULL;
CREATE INDEX callback_by_supervisor ON callback (supervisor, callback_id) WHERE supervisor IS NOT NULL;
CREATE INDEX callback_by_due ON callback (due_us);

CREATE TABLE callback_label (
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    callback_id TEXT NOT NULL,
    PRIMARY KEY (key, value, callback_id)
) WITHOUT ROWID;

-- The log. Each entry can be read alone, also when its callback was purged since. AUTOINCREMENT: a number is
-- never used again, not even that of the last entry after it was purged.
CREATE TABLE event (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            INTEGER NOT NULL,
    callback_id     TEXT    NOT NULL,
    event_us        INTEGER NOT NULL,
    previous_state  TEXT,
    -- Other things that filters look at, as JSON, when the change altered one of them.
    previous        TEXT,
    lease_expire_us INTEGER,
    body            TEXT    NOT NULL,

    CONSTRAINT kind_is_known CHECK (kind IN (1, 2, 3)),
    CONSTRAINT created_out_of_nothing CHECK ((previous_state IS NULL) = (kind = 1))
);

CREATE TABLE service (
    service_id  TEXT    NOT NULL PRIMARY KEY,
    sip_address TEXT    NOT NULL UNIQUE,
    revision    INTEGER NOT NULL CHECK (revision >= 1),
    body        TEXT    NOT NULL
);

-- Where the round robin of each service stands. Apart from the service, whose settings others change.
CREATE TABLE service_turn (
    service_id TEXT    NOT NULL PRIMARY KEY REFERENCES service ON DELETE CASCADE,
    credits    TEXT    NOT NULL,
    revision   INTEGER NOT NULL CHECK (revision >= 0)
);

-- One row about the database itself. `probes` is counted up to find out whether the disk takes writes again.
CREATE TABLE ringback (
    database_id TEXT    NOT NULL,
    probes      INTEGER NOT NULL DEFAULT 0
);
