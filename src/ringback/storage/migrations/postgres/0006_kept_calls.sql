-- What is kept of a call that a dialer of the server's own places, for as long as it has something on the network:
-- another process goes on with it by the body, when its own is gone. Under the fencing token of the lease.
CREATE TABLE kept_call (
    callback_id   text COLLATE "C" NOT NULL,
    lease_fencing bigint           NOT NULL,
    dialer        text COLLATE "C" NOT NULL,
    owner         text COLLATE "C" NOT NULL,
    kept_until_us bigint           NOT NULL,
    body          text COLLATE "C" NOT NULL,
    PRIMARY KEY (callback_id, lease_fencing)
);
CREATE INDEX kept_call_by_owner ON kept_call (owner, dialer);
CREATE INDEX kept_call_by_end ON kept_call (dialer, kept_until_us);
CREATE INDEX kept_call_to_purge ON kept_call (kept_until_us);
