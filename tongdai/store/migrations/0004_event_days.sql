-- The log of events is in partitions of a day too. What was in it before becomes, as it is, the partition that ends with
-- today. No foreign key: publishing holds the domain's row, so there is no event of a domain that is gone; and deleting a
-- domain deletes its events.

-- As before, but it does not wait for long either: partitions are made days ahead, and the default one takes the rest.
CREATE OR REPLACE FUNCTION add_partition(parent text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  partition text := parent || to_char(day, '_YYYYMMDD');
  first timestamptz := day::timestamp AT TIME ZONE 'UTC';
  last timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  at text := (SELECT attname FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
              WHERE partrelid = parent::regclass);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('partitions'));
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '500ms', true);
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
  EXECUTE format('WITH late AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2 RETURNING *) INSERT INTO %I SELECT * FROM late',
                 parent || '_default', at, partition) USING first, last;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, first, last);
EXCEPTION WHEN lock_not_available THEN
  NULL;
END $$;

ALTER TABLE events RENAME TO events_before;
ALTER TABLE events_before DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_event_uuid_domain_uuid_key,
  DROP CONSTRAINT events_domain_uuid_fkey;

CREATE TABLE events (
  domain_uuid     uuid NOT NULL,
  seq             bigint NOT NULL,
  event_uuid      uuid NOT NULL,                                 -- the webhook-id, the same on every repeat
  call_uuid       uuid NOT NULL,                                 -- the conversation
  name            text NOT NULL,
  body            text NOT NULL,                                 -- the JSON as it is delivered
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, seq, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX events_event_uuid ON events (event_uuid, domain_uuid);  -- each stands once: publishing sees to it
CREATE TABLE events_default PARTITION OF events DEFAULT;

DO $$
DECLARE
  today date := (greatest(now(), (SELECT max(created_at) FROM events_before)) AT TIME ZONE 'UTC')::date;
  partition text := 'events' || to_char(today, '_YYYYMMDD');
BEGIN
  IF EXISTS (SELECT FROM events_before) THEN
    EXECUTE format('ALTER TABLE events_before RENAME TO %I', partition);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                   partition, (today + 1)::timestamp AT TIME ZONE 'UTC');
  ELSE
    DROP TABLE events_before;
  END IF;
  PERFORM add_partition('events', today + n) FROM generate_series(0, 3) AS n;
END $$;
