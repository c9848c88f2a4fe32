-- A callback is one row. The columns are what is searched for or checked; `body` is the whole callback as JSON,
-- but for the end of its lease, which moves without a change of revision. Times are microseconds since 1970, UTC.
-- COLLATE "C" orders text by its code points, as the program does, whatever the locale of the database.
CREATE TABLE callback (
    callback_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    service_id       text COLLATE "C" NOT NULL,
    state            text COLLATE "C" NOT NULL,
    revision         bigint           NOT NULL,
    priority         smallint         NOT NULL,
    caller_id        text COLLATE "C" NOT NULL,
    external_task_id text COLLATE "C",
    request_id       text COLLATE "C",
    dial_target      text COLLATE "C" NOT NULL,
    supervisor       text COLLATE "C",
    due_us           bigint           NOT NULL,
    ready_us         bigint           NOT NULL,
    next_attempt_us  bigint,
    expire_us        bigint           NOT NULL,
    end_us           bigint,
    lease_expire_us  bigint,
    lease_dialer     text COLLATE "C",
    lease_request    text COLLATE "C",
    lease_fencing    bigint,
    body             text COLLATE "C" NOT NULL,

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

-- Never two calls to one target at once. "With a lease" is "in progress", see the checks above.
CREATE UNIQUE INDEX callback_in_call ON callback (dial_target) WHERE lease_dialer IS NOT NULL;

-- The scheduler's and the dispatcher's questions, each index in the order of its answer.
CREATE INDEX callback_to_queue ON callback (next_attempt_us) WHERE state = 'SCHEDULED';
CREATE INDEX callback_to_expire ON callback (expire_us) WHERE next_attempt_us IS NOT NULL;
CREATE INDEX callback_to_lapse ON callback (lease_expire_us) WHERE lease_expire_us IS NOT NULL;
CREATE INDEX callback_to_purge ON callback (end_us) WHERE end_us IS NOT NULL;
CREATE INDEX callback_by_lease ON callback (lease_dialer, lease_request) WHERE lease_dialer IS NOT NULL;
CREATE INDEX callback_queue ON callback (service_id, priority, ready_us, callback_id) WHERE state = 'QUEUED';
CREATE INDEX callback_to_open ON callback (service_id, callback_id)
    WHERE state = 'SCHEDULED' AND next_attempt_us > ready_us;

-- What lists are driven by (see list_plan.py): each gives its matches by id. "POSIX" is the order of "C" under another
-- name. A list that asks for it cannot be read along the primary key, which the planner likes too much.
CREATE INDEX callback_by_service ON callback (service_id, state, callback_id COLLATE "POSIX");
CREATE INDEX callback_by_state ON callback (state, callback_id COLLATE "POSIX");
CREATE INDEX callback_by_caller ON callback (caller_id, callback_id COLLATE "POSIX");
-- In two, since who takes only one open callback per target asks at every create, however many have ended.
CREATE INDEX callback_open_by_target ON callback (dial_target, callback_id COLLATE "POSIX") WHERE end_us IS NULL;
CREATE INDEX callback_ended_by_target ON callback (dial_target, callback_id COLLATE "POSIX") WHERE end_us IS NOT NULL;
CREATE INDEX callback_by_supervisor ON callback (supervisor, callback_id COLLATE "POSIX")
    WHERE supervisor IS NOT NULL;
CREATE INDEX callback_by_due ON callback (due_us);

CREATE TABLE callback_label (
    key         text COLLATE "C"     NOT NULL,
    value       text COLLATE "C"     NOT NULL,
    callback_id text COLLATE "POSIX" NOT NULL,
    PRIMARY KEY (key, value, callback_id)
);

-- The log. Each entry can be read alone, also when its callback was purged since. Numbers have no gaps.
CREATE TABLE event (
    number          bigint           NOT NULL PRIMARY KEY,
    kind            smallint         NOT NULL,
    callback_id     text COLLATE "C" NOT NULL,
    event_us        bigint           NOT NULL,
    previous_state  text COLLATE "C",
    -- Other things that filters look at, as JSON, when the change altered one of them.
    previous        text COLLATE "C",
    lease_expire_us bigint,
    body            text COLLATE "C" NOT NULL,

    CONSTRAINT kind_is_known CHECK (kind IN (1, 2, 3)),
    CONSTRAINT created_out_of_nothing CHECK ((previous_state IS NULL) = (kind = 1))
);

-- One row, which is never changed. Whoever appends to the log locks it until its commit: so the order of the
-- numbers is the order of the commits. A counter would be the same lock and leave a dead row behind each commit,
-- thousands of them while a backup holds an old snapshot, all to be passed by the next one.
CREATE TABLE log_end (
    lock integer NOT NULL
);
INSERT INTO log_end VALUES (0);

CREATE TABLE service (
    service_id  text COLLATE "C" NOT NULL PRIMARY KEY,
    sip_address text COLLATE "C" NOT NULL UNIQUE,
    revision    bigint           NOT NULL CHECK (revision >= 1),
    body        text COLLATE "C" NOT NULL
);

-- Where the round robin of each service stands. Apart from the service, whose settings others change.
CREATE TABLE service_turn (
    service_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES service ON DELETE CASCADE,
    credits    text COLLATE "C" NOT NULL,
    revision   bigint           NOT NULL CHECK (revision >= 0)
);

-- One row about the database itself.
CREATE TABLE ringback (
    database_id      text    NOT NULL,
    schema_version   integer NOT NULL,
    -- Grows with every service that is put or deleted.
    services_version bigint  NOT NULL DEFAULT 0,
    -- How often all leases were moved, because the clock jumped.
    clock_jumps      bigint  NOT NULL DEFAULT 0,
    -- Counted up to find out whether the database takes writes again.
    probes           bigint  NOT NULL DEFAULT 0
);

-- One row: the entries of the log up to this number are forgotten. Locked by the server that forgets.
CREATE TABLE log_start (
    number bigint NOT NULL
);
INSERT INTO log_start VALUES (0);

-- One row: which server does the work that one of them needs to do, and until when it has said so.
CREATE TABLE leader (
    server   text COLLATE "C" NOT NULL,
    until_us bigint           NOT NULL
);
INSERT INTO leader VALUES ('', 0);

-- Until when dialers ask for a service, whichever server they ask. The service '' stands for all.
CREATE TABLE asked_for (
    service_id text COLLATE "C" NOT NULL PRIMARY KEY,
    until_us   bigint           NOT NULL
);
