-- What has ended is deleted by the retention time of its service, so it is found by service.
DROP INDEX callback_to_purge;
CREATE INDEX callback_to_purge ON callback (service_id, end_us) WHERE end_us IS NOT NULL;
