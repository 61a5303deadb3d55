-- Links by which an outside developer opens the page for developers, without an account: each
-- session made by one belongs to the link, and goes with it (tongdai/store/developer_links.py).
CREATE TABLE developer_links (
  domain_uuid    uuid NOT NULL REFERENCES domains,
  link_uuid      uuid NOT NULL,
  name           text NOT NULL,              -- of whom it is for
  secret_digest  bytea NOT NULL,             -- of the secret in its URL
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  opened_at      timestamptz,                -- last
  opened_from    text NOT NULL DEFAULT '',   -- client address
  PRIMARY KEY (domain_uuid, link_uuid)
);
CREATE UNIQUE INDEX developer_links_secret ON developer_links (secret_digest);
ALTER TABLE developer_links ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON developer_links TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT INSERT, DELETE,
  SELECT (domain_uuid, link_uuid, name, created_at, expires_at, opened_at, opened_from)
  ON developer_links TO tongdai_tenant;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON developer_links FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('developer_link', 'name', 'opened_at opened_from link_uuid');

ALTER TABLE sessions ADD COLUMN link_uuid uuid;
ALTER TABLE sessions ADD FOREIGN KEY (domain_uuid, link_uuid)
  REFERENCES developer_links ON DELETE CASCADE;
CREATE INDEX sessions_link ON sessions (domain_uuid, link_uuid) WHERE link_uuid IS NOT NULL;
ALTER TABLE sessions DROP CONSTRAINT sessions_check;
ALTER TABLE sessions ADD CONSTRAINT sessions_check CHECK (
  num_nonnulls(user_uuid, operator_uuid, link_uuid) = 1 AND
  (domain_uuid IS NULL) = (operator_uuid IS NOT NULL));
DROP TRIGGER audit ON sessions;
CREATE TRIGGER audit AFTER INSERT ON sessions FOR EACH ROW
  EXECUTE FUNCTION write_audit_log(
    'session', 'address', 'user_uuid operator_uuid link_uuid session_uuid used_at secret_digest');
