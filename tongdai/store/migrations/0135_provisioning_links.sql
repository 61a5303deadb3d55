-- Phones that fetch their configuration: a device has the MAC of its phone, and a link by which the
-- phone, or a softphone, gets the file with its account (tongdai/store/provisioning_links.py).
ALTER TABLE devices ADD COLUMN mac text NOT NULL DEFAULT ''
  CHECK (mac ~ '^(([0-9a-f]{2}:){5}[0-9a-f]{2})?$');
CREATE UNIQUE INDEX devices_one_mac ON devices (domain_uuid, mac) WHERE mac <> '';
GRANT SELECT (mac), UPDATE (mac) ON devices TO tongdai_tenant;

CREATE TABLE provisioning_links (
  domain_uuid    uuid NOT NULL,
  extension      text NOT NULL,
  name           text NOT NULL,              -- of the device, which has one link at most
  kind           text NOT NULL CHECK (kind IN ('phone', 'softphone')),
  secret_digest  bytea NOT NULL,             -- fetches look the link up by this
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz,                -- NULL: never; a phone fetches at each start
  fetched_at     timestamptz,                -- last; a softphone does once
  fetched_from   text NOT NULL DEFAULT '',   -- client address
  user_agent     text NOT NULL DEFAULT '',
  PRIMARY KEY (domain_uuid, extension, name),
  FOREIGN KEY (domain_uuid, extension, name) REFERENCES devices ON DELETE CASCADE
);
CREATE UNIQUE INDEX provisioning_links_secret ON provisioning_links (secret_digest);
ALTER TABLE provisioning_links ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON provisioning_links TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT INSERT, DELETE,
  SELECT (domain_uuid, extension, name, kind, created_at, expires_at, fetched_at, fetched_from,
          user_agent)
  ON provisioning_links TO tongdai_tenant;
-- Who makes and ends links is logged; fetches are not.
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provisioning_links FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('provisioning_link', 'extension name',
                                   'fetched_at fetched_from user_agent');
