-- The timeline of an ended call: what happened to it and what was decided (tongdai/pbx/timeline.py);
-- of a live one it is in the state of the call. Events, their deliveries, recordings and what
-- administrators did are in tables of their own, and read from there. Partitioned by day, which
-- TONGDAI_TIMELINE_DAYS keeps.
CREATE TABLE timelines (
  domain_uuid  uuid NOT NULL,
  call_uuid    uuid NOT NULL,
  written_at   timestamptz NOT NULL DEFAULT now(),
  notes        json NOT NULL,                -- of tongdai.pbx.call.Note: read and written as a whole
  PRIMARY KEY (domain_uuid, call_uuid, written_at)
) PARTITION BY RANGE (written_at);
CREATE TABLE timelines_default PARTITION OF timelines DEFAULT;
SELECT add_partition('timelines', (now() AT TIME ZONE 'UTC')::date + n)
FROM generate_series(0, 3) AS n;

ALTER TABLE timelines ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON timelines TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT ON timelines TO tongdai_tenant;
