-- outside a transaction
-- The indexes of 0083, smaller: without the id, which is in the row that is read next anyway, and
-- in the order in which records come. While they are built, calls are written and read as before.

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_time;
CREATE INDEX CONCURRENTLY cdrs_by_time ON cdrs (domain_uuid, time_started, cdr_uuid);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_newest;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_outcome;
CREATE INDEX CONCURRENTLY cdrs_by_outcome ON cdrs (domain_uuid, direction, status, time_started);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_outcome;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_duration;
CREATE INDEX CONCURRENTLY cdrs_by_duration ON cdrs (domain_uuid, duration, time_started);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_duration;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_hotline;
CREATE INDEX CONCURRENTLY cdrs_by_hotline ON cdrs (domain_uuid, hotline, time_started);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_hotline;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_extension;
CREATE INDEX CONCURRENTLY cdrs_by_extension ON cdrs (domain_uuid, extension, time_started)
  INCLUDE (direction, status);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_extension;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_caller;
CREATE INDEX CONCURRENTLY cdrs_by_caller ON cdrs (domain_uuid, from_canonical, time_started);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_from;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_called;
CREATE INDEX CONCURRENTLY cdrs_by_called ON cdrs (domain_uuid, to_canonical, time_started)
  INCLUDE (from_canonical);
DROP INDEX CONCURRENTLY IF EXISTS cdrs_to;

-- With the id: most of these entries are of the record's own extension, and passed over unread.
DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_local_caller;
CREATE INDEX CONCURRENTLY cdrs_by_local_caller
  ON cdrs (domain_uuid, from_canonical, time_started, cdr_uuid)
  INCLUDE (extension, status) WHERE direction = 1;
DROP INDEX CONCURRENTLY IF EXISTS cdrs_local_from;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_local_called;
CREATE INDEX CONCURRENTLY cdrs_by_local_called
  ON cdrs (domain_uuid, to_canonical, time_started, cdr_uuid)
  INCLUDE (extension, from_canonical, status) WHERE direction = 1;
DROP INDEX CONCURRENTLY IF EXISTS cdrs_local_to;

-- Of all domains: a Call-ID is looked up rarely, and its text and domain are compared.
DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_sip_call_id;
CREATE INDEX CONCURRENTLY cdrs_by_sip_call_id ON cdrs (sip_call_id_hash)
  WHERE sip_call_id_hash IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS cdrs_by_other_sip_call_id;
CREATE INDEX CONCURRENTLY cdrs_by_other_sip_call_id ON cdrs (other_sip_call_id_hash)
  WHERE other_sip_call_id_hash IS NOT NULL;
