-- Trunks: the place of the number called, OPTIONS as a choice, further trunks of a hotline, the
-- state of registrations; the SIP status in records.

ALTER TABLE trunks
  -- Where an INVITE has the number called; 'auto': the Request-URI, or To if the Request-URI has
  -- the user name that we registered.
  ADD COLUMN called_number_in text NOT NULL DEFAULT 'auto' CHECK
    (called_number_in IN ('auto', 'request_uri', 'to', 'p_called_party_id', 'diversion')),
  -- The switch asks the carrier once a minute whether it is there (SIP OPTIONS).
  ADD COLUMN qualify boolean NOT NULL DEFAULT true;

-- The host without its port and brackets.
CREATE FUNCTION host_alone(host text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT lower(trim(BOTH '[]' FROM CASE WHEN host ~ '^([^:]+|\[.*\]):[0-9]+$'
                                        THEN regexp_replace(host, ':[0-9]+$', '') ELSE host END))
$$;

-- Trunks with the same addresses have the same key: the fallback of the switch looks the number
-- called up over all of them.
CREATE FUNCTION carrier_key(host text, addresses text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT md5(COALESCE((SELECT string_agg(address, ',' ORDER BY address)
                       FROM unnest(addresses) AS address), host_alone(host)))
$$;
ALTER TABLE trunks
  ADD COLUMN carrier_key text NOT NULL GENERATED ALWAYS AS (carrier_key(host, addresses)) STORED;
GRANT SELECT (carrier_key) ON trunks TO tongdai_tenant;

-- The further trunks of a hotline, in order: outbound calls take the next one when the one before
-- fails before ringing; inbound calls may come by any. No foreign key: store/trunks.py keeps a
-- trunk that a hotline has.
ALTER TABLE hotlines ADD COLUMN further_trunks uuid[] NOT NULL DEFAULT '{}'
  CHECK (cardinality(further_trunks) < 9);
CREATE INDEX hotlines_further_trunks ON hotlines USING gin (further_trunks);

-- The registration of a trunk at its carrier, as the engine of its node heard last from the
-- switch. `sip_status` is the carrier's answer, 0 for none.
CREATE TABLE trunk_registrations (
  domain_uuid    uuid NOT NULL,
  trunk_uuid     uuid NOT NULL,
  is_registered  boolean NOT NULL,
  sip_status     integer NOT NULL CHECK (sip_status BETWEEN 0 AND 699),
  since          timestamptz NOT NULL,       -- the beginning of this state and status
  heard_at       timestamptz NOT NULL,       -- of the last answer, or its absence
  PRIMARY KEY (domain_uuid, trunk_uuid),
  FOREIGN KEY (domain_uuid, trunk_uuid) REFERENCES trunks ON DELETE CASCADE
);

-- The name of the trunk that carried the call, or was tried last, and the final SIP response of the
-- party that was not reached; 0: none, or it was reached.
ALTER TABLE cdrs ADD COLUMN trunk text NOT NULL DEFAULT '',
  ADD COLUMN sip_status smallint NOT NULL DEFAULT 0;

-- A further trunk of a hotline is in the domain's directory, and on its node's switch.
CREATE OR REPLACE FUNCTION notify_trunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('directory', domain_uuid::text) FROM (
    SELECT COALESCE(NEW.domain_uuid, OLD.domain_uuid) AS domain_uuid
    UNION SELECT domain_uuid FROM hotlines
          WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)
            OR further_trunks @> ARRAY[COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)]) AS affected;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION notify_trunk_object(domain uuid, trunk uuid) RETURNS void LANGUAGE sql
AS $$
  SELECT notify_object(domain_uuid, 'trunk', trunk::text)
  FROM (SELECT domain AS domain_uuid
        UNION SELECT domain_uuid FROM hotlines
              WHERE trunk_uuid = trunk OR further_trunks @> ARRAY[trunk]) AS affected;
$$;

CREATE FUNCTION notify_further_trunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM notify_trunk_object(COALESCE(NEW.domain_uuid, OLD.domain_uuid), trunk)
  FROM unnest(COALESCE(OLD.further_trunks, '{}') || COALESCE(NEW.further_trunks, '{}')) AS trunk;
  RETURN NULL;
END $$;
CREATE TRIGGER hotlines_further_object AFTER INSERT OR DELETE OR UPDATE OF further_trunks
  ON hotlines FOR EACH ROW EXECUTE FUNCTION notify_further_trunks();

ALTER TABLE trunk_registrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON trunk_registrations TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
