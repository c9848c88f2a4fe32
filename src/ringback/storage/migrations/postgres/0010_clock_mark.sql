-- By how much the wall clock was ahead of the monotonic one of a machine, in which boot of it, and after how many jumps:
-- a server that is started again on that machine sees that the clock was set meanwhile.
ALTER TABLE ringback ADD COLUMN clock_boot         text;
ALTER TABLE ringback ADD COLUMN clock_ahead_us     bigint;
ALTER TABLE ringback ADD COLUMN clock_marked_jumps bigint;
