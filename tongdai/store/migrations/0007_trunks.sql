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

-- The second and further trunks of a hotline, in order: outbound calls take the next one when the
-- one before fails before ringing; inbound calls may come by any.
CREATE TABLE hotline_trunks (
  domain_uuid  uuid NOT NULL,
  canonical    text NOT NULL,
  position     integer NOT NULL CHECK (position BETWEEN 2 AND 9),
  trunk_uuid   uuid NOT NULL REFERENCES trunks (trunk_uuid),
  PRIMARY KEY (domain_uuid, canonical, position),
  UNIQUE (domain_uuid, canonical, trunk_uuid),
  FOREIGN KEY (domain_uuid, canonical) REFERENCES hotlines ON DELETE CASCADE
);
CREATE INDEX hotline_trunks_trunk ON hotline_trunks (trunk_uuid);

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

-- The final SIP response of the party that was not reached; 0: none, or it was reached.
ALTER TABLE cdrs ADD COLUMN sip_status smallint NOT NULL DEFAULT 0;

-- A further trunk of a hotline is in the domain's directory, and on its node's switch.
CREATE OR REPLACE FUNCTION notify_trunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('directory', domain_uuid::text) FROM (
    SELECT COALESCE(NEW.domain_uuid, OLD.domain_uuid) AS domain_uuid
    UNION SELECT domain_uuid FROM hotlines
          WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)
    UNION SELECT domain_uuid FROM hotline_trunks
          WHERE trunk_uuid = COALESCE(NEW.trunk_uuid, OLD.trunk_uuid)) AS affected;
  RETURN NULL;
END $$;
CREATE TRIGGER hotline_trunks_changed AFTER INSERT OR UPDATE OR DELETE ON hotline_trunks
  FOR EACH ROW EXECUTE FUNCTION notify_directory();

CREATE OR REPLACE FUNCTION notify_trunk_object(domain uuid, trunk uuid) RETURNS void LANGUAGE sql
AS $$
  SELECT notify_object(domain_uuid, 'trunk', trunk::text)
  FROM (SELECT domain AS domain_uuid
        UNION SELECT domain_uuid FROM hotlines WHERE trunk_uuid = trunk
        UNION SELECT domain_uuid FROM hotline_trunks WHERE trunk_uuid = trunk) AS affected;
$$;
CREATE TRIGGER hotline_trunks_object AFTER INSERT OR DELETE OR UPDATE OF trunk_uuid
  ON hotline_trunks FOR EACH ROW EXECUTE FUNCTION notify_trunk_objects();

ALTER TABLE hotline_trunks ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON hotline_trunks TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT ON hotline_trunks TO tongdai_tenant;

ALTER TABLE trunk_registrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON trunk_registrations TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
