-- Menus: prompts after which callers press keys. One without keys is an announcement.

CREATE TABLE menus (
  domain_uuid      uuid NOT NULL,
  number           text NOT NULL,
  kind             text NOT NULL DEFAULT 'menu' CHECK (kind = 'menu'),
  name             text NOT NULL,
  prompt           text NOT NULL,             -- a prompt; '': silence
  invalid_prompt   text NOT NULL,             -- after a key that leads nowhere; '': none
  keys             text[] NOT NULL,           -- "1=101": a key, and a dialable number
  direct_dialling  boolean NOT NULL,
  timeout_s        integer NOT NULL CHECK (timeout_s BETWEEN 1 AND 30),
  retries          integer NOT NULL CHECK (retries BETWEEN 0 AND 9),
  overflow         text NOT NULL,             -- a dialable number; '': the call ends
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, number),
  FOREIGN KEY (domain_uuid, number, kind)
    REFERENCES dialables (domain_uuid, number, kind) ON DELETE CASCADE
);
ALTER TABLE dialables DROP CONSTRAINT dialables_kind_check;
ALTER TABLE dialables ADD CONSTRAINT dialables_kind_check
  CHECK (kind IN ('extension', 'ring_group', 'queue', 'menu'));

ALTER TABLE menus ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON menus TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON menus TO tongdai_tenant;
CREATE TRIGGER menus_changed AFTER INSERT OR UPDATE OR DELETE ON menus
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON menus FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('menu', 'number', 'kind');
