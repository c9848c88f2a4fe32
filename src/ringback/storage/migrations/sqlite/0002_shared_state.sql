-- What servers on one database have to agree about. On SQLite there is one server, but the questions are the same.
-- `services_version` grows with every change of a service, `clock_jumps` with every jump that leases were moved with.
ALTER TABLE ringback ADD COLUMN services_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ringback ADD COLUMN clock_jumps      INTEGER NOT NULL DEFAULT 0;
