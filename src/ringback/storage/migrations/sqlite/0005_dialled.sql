-- When each number was dialled, by callbacks of all services: for as long as a limit of a day needs it. A number is
-- that of a phone without its extension.
CREATE TABLE dialled (
    phone TEXT    NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (phone, at_us)
) WITHOUT ROWID;
CREATE INDEX dialled_by_time ON dialled (at_us);
