-- deliveries holds what is due and nothing else: a row goes when it is delivered or given up. Its history is attempts, in
-- partitions of a day which are dropped as a whole, so neither table is ever cleaned up row by row.

-- A table's partition of one day (UTC) is there. Rows of that day that had to go to the default partition move into it.
-- While the table is being read for long it is left to the next time: whoever waits for such a lock holds up all others.
CREATE FUNCTION add_partition(parent text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  partition text := parent || to_char(day, '_YYYYMMDD');
  first timestamptz := day::timestamp AT TIME ZONE 'UTC';
  last timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  at text := (SELECT attname FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
              WHERE partrelid = parent::regclass);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('partitions'));
  PERFORM set_config('lock_timeout', '500ms', true);
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
  EXECUTE format('WITH late AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2 RETURNING *) INSERT INTO %I SELECT * FROM late',
                 parent || '_default', at, partition) USING first, last;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, first, last);
EXCEPTION WHEN lock_not_available THEN
  RETURN;
END $$;

-- Nothing from before a day is left of a table; how many partitions were dropped. Waits as little.
CREATE FUNCTION drop_partitions(parent text, before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  old text;
  dropped integer := 0;
  at text := (SELECT attname FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
              WHERE partrelid = parent::regclass);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('partitions'));
  PERFORM set_config('lock_timeout', '500ms', true);
  FOR old IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
             WHERE inhparent = parent::regclass AND relname ~ '_[0-9]{8}$' AND to_date(right(relname, 8), 'YYYYMMDD') < before
             ORDER BY relname LOOP
    EXECUTE format('DROP TABLE %I', old);
    dropped := dropped + 1;
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE %I < $1', parent || '_default', at) USING before::timestamp AT TIME ZONE 'UTC';
  RETURN dropped;
EXCEPTION WHEN lock_not_available THEN
  RETURN 0;
END $$;

ALTER TABLE attempts RENAME TO attempts_before;
ALTER TABLE attempts_before RENAME CONSTRAINT attempts_pkey TO attempts_before_pkey;
ALTER TABLE deliveries RENAME TO deliveries_before;
ALTER TABLE deliveries_before RENAME CONSTRAINT deliveries_pkey TO deliveries_before_pkey;
DROP INDEX deliveries_lane;
DROP INDEX deliveries_order;

-- One event for one subscription, while it is due. No foreign keys: they cost more than the row itself. What deletes a
-- subscription deletes its rows here; one that was published in that moment is swept up later.
CREATE TABLE deliveries (
  domain_uuid     uuid NOT NULL,
  subscription_uuid uuid NOT NULL,
  seq             bigint NOT NULL,                               -- the event's
  call_uuid       uuid NOT NULL,
  endpoint        uuid NOT NULL,                                 -- md5 of domain and URL: its lane
  due_at          timestamptz NOT NULL DEFAULT now(),
  leased_until    timestamptz NOT NULL DEFAULT '-infinity',      -- claimed until then; in no index, so a claim rewrites none
  attempts        integer NOT NULL DEFAULT 0,
  callback_url    text,                                          -- where it goes instead of the subscription's URL
  created_at      timestamptz NOT NULL DEFAULT now(),            -- the event's
  PRIMARY KEY (domain_uuid, subscription_uuid, seq)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX deliveries_lane  ON deliveries (endpoint, due_at, seq);
CREATE INDEX deliveries_order ON deliveries (endpoint, call_uuid, seq);

-- One POST, or what kept it from being made.
CREATE TABLE attempts (
  domain_uuid     uuid NOT NULL,
  subscription_uuid uuid NOT NULL,
  seq             bigint NOT NULL,
  at              timestamptz NOT NULL,
  created_at      timestamptz NOT NULL,                          -- the event's
  attempt         integer NOT NULL,
  status          integer NOT NULL DEFAULT 0,                    -- HTTP status; 0: no answer
  latency_ms      integer NOT NULL,
  state           text NOT NULL CHECK (state IN ('due', 'delivered', 'failed')),  -- what became of the delivery by it
  error           text NOT NULL DEFAULT '',
  callback_url    text,                                          -- where it went instead of the subscription's URL
  PRIMARY KEY (domain_uuid, subscription_uuid, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX attempts_failed ON attempts (domain_uuid, subscription_uuid, seq) WHERE state = 'failed';
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;

SELECT add_partition('attempts', day::date) FROM (
  SELECT DISTINCT date_trunc('day', at, 'UTC') AT TIME ZONE 'UTC' AS day FROM attempts_before
  UNION SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(0, 3) AS n) AS days;

INSERT INTO deliveries (domain_uuid, subscription_uuid, seq, call_uuid, endpoint, due_at, attempts, created_at)
SELECT domain_uuid, subscription_uuid, seq, deliveries_before.call_uuid, endpoint, due_at, attempts, events.created_at
FROM deliveries_before JOIN events USING (domain_uuid, seq) WHERE state = 'due';

INSERT INTO attempts (domain_uuid, subscription_uuid, seq, at, created_at, attempt, status, latency_ms, state, error)
SELECT domain_uuid, subscription_uuid, seq, at, events.created_at, attempt, status, latency_ms,
       CASE WHEN attempt = max(attempt) OVER (PARTITION BY domain_uuid, subscription_uuid, seq) THEN state ELSE 'due' END, error
FROM attempts_before JOIN deliveries_before USING (domain_uuid, subscription_uuid, seq) JOIN events USING (domain_uuid, seq)
ON CONFLICT DO NOTHING;

INSERT INTO attempts (domain_uuid, subscription_uuid, seq, at, created_at, attempt, latency_ms, state, error)
SELECT domain_uuid, subscription_uuid, seq, due_at, events.created_at, 0, 0, 'failed', 'not sent: the subscription was disabled'
FROM deliveries_before JOIN events USING (domain_uuid, seq)
WHERE state = 'failed' AND NOT EXISTS (
  SELECT FROM attempts_before AS made
  WHERE (made.domain_uuid, made.subscription_uuid, made.seq)
      = (deliveries_before.domain_uuid, deliveries_before.subscription_uuid, deliveries_before.seq));

DROP TABLE attempts_before;
DROP TABLE deliveries_before;

-- While a secret is being replaced, deliveries are signed by both.
ALTER TABLE subscriptions ADD COLUMN previous_secret_sealed bytea;
ALTER TABLE subscriptions ADD COLUMN previous_secret_until timestamptz;
