-- When each number was dialled, by callbacks of all services: for as long as a limit of a day needs it. A number is
-- that of a phone without its extension.
CREATE TABLE dialled (
    phone text COLLATE "C" NOT NULL,
    at_us bigint           NOT NULL,
    PRIMARY KEY (phone, at_us)
);
CREATE INDEX dialled_by_time ON dialled (at_us);
