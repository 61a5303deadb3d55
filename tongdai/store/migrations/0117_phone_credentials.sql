-- Credentials of browser phones that expire: a page registers with them as the extension itself,
-- beside the lasting password (tongdai/store/phone_credentials.py).
CREATE TABLE phone_credentials (
  domain_uuid    uuid NOT NULL,
  extension      text NOT NULL,
  username       text NOT NULL CHECK (username ~ '^[0-9]{2,8}[.][0-9a-f]{20}$'),
  digest_md5     text NOT NULL,              -- HA1 (RFC 8760) over username:domain:password, hex
  digest_sha256  text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  PRIMARY KEY (domain_uuid, extension, username),
  FOREIGN KEY (domain_uuid, extension) REFERENCES extensions ON DELETE CASCADE
);
CREATE INDEX phone_credentials_expiry ON phone_credentials (expires_at);

ALTER TABLE phone_credentials ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON phone_credentials TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT INSERT, DELETE, SELECT (domain_uuid, extension, username, created_at, expires_at)
  ON phone_credentials TO tongdai_tenant;

-- They are among the objects of their extension.
CREATE TRIGGER phone_credentials_object AFTER INSERT OR DELETE ON phone_credentials
  FOR EACH ROW EXECUTE FUNCTION notify_extension_object();
-- Who got some is logged; they end by themselves.
CREATE TRIGGER audit AFTER INSERT ON phone_credentials
  FOR EACH ROW EXECUTE FUNCTION write_audit_log('phone_credential', 'extension username', '');
