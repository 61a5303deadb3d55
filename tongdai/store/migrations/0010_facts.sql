-- Records and events are kept as facts; what clients read is rendered from them (tongdai/dialects). Ids hold the time
-- (tongdai/ids.py), so a table that begins its key with one can be in partitions of a month.

DROP TRIGGER cdrs_shown ON cdrs;
DROP FUNCTION show_cdr();
DROP FUNCTION cdr_shown(cdrs, text);
ALTER TABLE cdrs DROP COLUMN shown, DROP COLUMN shown_zone;
ALTER TABLE cdrs RENAME COLUMN settled TO reconstructed;         -- from the CEL log, not from live signals
ALTER TABLE calls RENAME COLUMN owes TO outstanding;             -- events that an ended call has yet to publish

-- pbx.events.CallFacts or SubscriptionFacts. As json and not jsonb: it is read whole, and written far more often.
ALTER TABLE events ADD COLUMN facts json;
UPDATE events SET facts = CASE
  WHEN name = 'endpoint.disabled' THEN json_build_object('about', 'subscription', 'domain', b->'domain',
    'subscription_uuid', b->'event_domain_uuid', 'event_name', b->'event_name', 'callback_url', b->'callback_url',
    'disabled_reason', b->'disabled_reason', 'disabled_at', b->'disabled_at')
  ELSE (b - 'state' || jsonb_build_object('about', 'call', 'time_started', created_at))::json END
FROM (SELECT domain_uuid AS d, seq AS s, body::jsonb AS b FROM events) AS before WHERE domain_uuid = d AND seq = s;
ALTER TABLE events ALTER COLUMN facts SET NOT NULL, DROP COLUMN body;

-- The dialect of the JSON that it gets; the code knows which there are.
ALTER TABLE subscriptions ADD COLUMN dialect text NOT NULL DEFAULT 'v1';

-- Further ids of a record that hold the time: of its legs, and of consultations that became part of it.
ALTER TABLE cdr_ids RENAME TO cdr_ids_before;
ALTER TABLE cdr_ids_before RENAME CONSTRAINT cdr_ids_pkey TO cdr_ids_before_pkey;
CREATE TABLE cdr_ids (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  id              uuid NOT NULL,
  cdr_uuid        uuid NOT NULL,
  PRIMARY KEY (domain_uuid, id, cdr_uuid)
);

-- The SIP Call-IDs of a record's legs. They hold no time, and phones choose them: they may be long, and the same twice.
-- One index for all of time, by a hash of 8 bytes (an index of the text takes three times the space); then the text is
-- compared. The hash is a column: row security keeps a call of hashtextextended out of index conditions.
CREATE TABLE cdr_sip_call_ids (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  hash            bigint NOT NULL GENERATED ALWAYS AS (hashtextextended(sip_call_id, 0)) STORED,
  cdr_uuid        uuid NOT NULL,
  sip_call_id     text NOT NULL
);
CREATE INDEX cdr_sip_call_ids_hash ON cdr_sip_call_ids (domain_uuid, hash);

INSERT INTO cdr_ids SELECT domain_uuid, id::uuid, cdr_uuid FROM cdr_ids_before
WHERE id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
INSERT INTO cdr_sip_call_ids (domain_uuid, cdr_uuid, sip_call_id) SELECT domain_uuid, cdr_uuid, id FROM cdr_ids_before;
DROP TABLE cdr_ids_before;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['cdr_ids', 'cdr_sip_call_ids'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I TO tongdai_tenant '
      'USING (domain_uuid = nullif(current_setting(''tongdai.domain'', true), '''')::uuid)', name);
  END LOOP;
END $$;
GRANT SELECT ON cdr_ids, cdr_sip_call_ids TO tongdai_tenant;
