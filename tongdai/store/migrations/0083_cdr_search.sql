-- An index for each documented filter of the CDR list (tongdai/store/cdr_filter.py): it has the
-- newest records of a value in order, and counts them without reading the table.

CREATE INDEX cdrs_outcome  ON cdrs (domain_uuid, direction, status, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_duration ON cdrs (domain_uuid, duration, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_hotline  ON cdrs (domain_uuid, hotline, time_started DESC, cdr_uuid DESC);

-- A local call is found by both its extensions; in all other calls these columns have a number
-- outside, a hotline, or the extension that the record has anyway.
CREATE INDEX cdrs_local_from ON cdrs (domain_uuid, from_canonical, time_started DESC, cdr_uuid DESC)
  INCLUDE (extension, status) WHERE direction = 1;
CREATE INDEX cdrs_local_to   ON cdrs (domain_uuid, to_canonical, time_started DESC, cdr_uuid DESC)
  INCLUDE (extension, from_canonical, status) WHERE direction = 1;

-- The state of an extension's calls is often asked for: its total reads no row.
DROP INDEX cdrs_extension;
CREATE INDEX cdrs_extension ON cdrs (domain_uuid, extension, time_started DESC, cdr_uuid DESC)
  INCLUDE (direction, status);

-- Numbers outside: with the id, so that a page needs no sort and a total no row.
DROP INDEX cdrs_from;
DROP INDEX cdrs_to;
CREATE INDEX cdrs_from ON cdrs (domain_uuid, from_canonical, time_started DESC, cdr_uuid DESC);
CREATE INDEX cdrs_to   ON cdrs (domain_uuid, to_canonical, time_started DESC, cdr_uuid DESC)
  INCLUDE (from_canonical);
