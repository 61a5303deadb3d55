-- Callers from outside whose calls are blocked, let through, or go to a destination of their own.

CREATE TABLE callers (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  -- canonical number; or "0912*" and "+44*": all that begin so, "*": all, "anonymous": withheld
  caller       text COLLATE "C" NOT NULL,
  action       text NOT NULL CHECK (action IN ('block', 'allow', 'route')),
  destination  text NOT NULL,                -- of route: a dialable number, or one outside
  answer       text NOT NULL                 -- of block
    CHECK (answer IN ('unavailable', 'busy', 'rejected', 'unallocated')),
  hotlines     text[] NOT NULL,              -- canonical; '{}': all
  note         text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, caller)
);
CREATE INDEX callers_destination ON callers (domain_uuid, destination) WHERE destination <> '';
-- These are in the directory; single numbers are looked up.
CREATE INDEX callers_patterns ON callers (domain_uuid) WHERE caller !~ '^[0-9]+$';
ALTER TABLE callers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON callers TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON callers TO tongdai_tenant;

-- A single number changes the directory only if it is the domain's first: then numbers are looked up.
CREATE FUNCTION notify_caller() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  own callers := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF own.caller !~ '^[0-9]+$' OR TG_OP = 'INSERT' AND NOT EXISTS (
    SELECT FROM callers
    WHERE domain_uuid = own.domain_uuid AND caller <> own.caller AND caller ~ '^[0-9]+$'
  ) THEN
    PERFORM pg_notify('directory', own.domain_uuid::text);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER callers_changed AFTER INSERT OR UPDATE OR DELETE ON callers
  FOR EACH ROW EXECUTE FUNCTION notify_caller();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON callers FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('caller', 'caller', '');
