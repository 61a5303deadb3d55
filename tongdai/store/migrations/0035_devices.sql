-- What registers as an extension. The device `default` has the endpoint 101@domain; each further one has an endpoint
-- and credentials of its own, 101-browser@domain (pbx/endpoint.py).
CREATE TABLE devices (
  domain_uuid     uuid NOT NULL,
  extension       text NOT NULL,
  name            text NOT NULL DEFAULT 'default' CHECK (name ~ '^[a-z][a-z0-9-]{0,30}$'),
  kind            text NOT NULL DEFAULT 'sip' CHECK (kind IN ('sip', 'browser')),
  max_contacts    integer NOT NULL DEFAULT 5 CHECK (max_contacts BETWEEN 1 AND 20),
  digest_md5      text NOT NULL,                                 -- RFC 8760 HA1 over user:domain:password, hex
  digest_sha256   text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, extension, name),
  FOREIGN KEY (domain_uuid, extension) REFERENCES extensions ON DELETE CASCADE
);
INSERT INTO devices (domain_uuid, extension, digest_md5, digest_sha256)
  SELECT domain_uuid, extension, digest_md5, digest_sha256 FROM extensions;
ALTER TABLE extensions DROP COLUMN digest_md5, DROP COLUMN digest_sha256;

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON devices TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT (domain_uuid, extension, name, kind, max_contacts, created_at) ON devices TO tongdai_tenant;
