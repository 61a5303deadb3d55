-- The audit log: who changed what of a company's configuration, from where, before and after.
-- Triggers write it, so that no way to change something can forget it.

CREATE TABLE audit_log (
  -- NULL: of the installation. No foreign key: the log outlives what it tells of.
  domain_uuid  uuid,
  audit_id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at           timestamptz NOT NULL DEFAULT now(),
  actor        text NOT NULL,              -- user:NAME, operator:NAME, cli:NAME; '': tongdai itself
  address      text NOT NULL,              -- the client's; '': this machine
  action       text NOT NULL CHECK (action IN ('create', 'update', 'delete')),
  noun         text NOT NULL,              -- extension, trunk, ...
  name         text NOT NULL,              -- which one: its number or name
  -- The fields that changed, with their values; secrets as "***". NULL: the values are erased.
  before       jsonb,
  after        jsonb
);
CREATE INDEX audit_log_domain ON audit_log (domain_uuid, audit_id);
CREATE INDEX audit_log_name ON audit_log (domain_uuid, noun, name, audit_id);
CREATE INDEX audit_log_at ON audit_log (at);

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT ON audit_log TO tongdai_tenant;

-- Columns with secrets, by their names: their changes are told without values.
CREATE FUNCTION is_secret(name text) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN name ~ '_(encrypted|hash|digest)$|^digest_';

CREATE FUNCTION audited(fields jsonb, changed text[]) RETURNS jsonb LANGUAGE sql STABLE
RETURN (
  SELECT coalesce(jsonb_object_agg(
    key, CASE WHEN is_secret(key) AND value <> 'null' THEN '"***"' ELSE value END), '{}')
  FROM jsonb_each(fields) WHERE key = ANY (changed));

-- Writes one row for a change. Arguments: the noun; the columns whose values are its name; the
-- columns that do not count, which tongdai itself writes.
CREATE FUNCTION write_audit_log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT AS $$
DECLARE
  own      text[] := string_to_array(TG_ARGV[2], ' ') || '{domain_uuid,created_at}'::text[];
  was      jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) - own END;
  is_now   jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) - own END;
  thing    jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
  domain   uuid := (thing ->> 'domain_uuid')::uuid;
  changed  text[];
BEGIN
  SELECT coalesce(array_agg(key), '{}') INTO changed
  FROM jsonb_object_keys(was || is_now) AS key WHERE was -> key IS DISTINCT FROM is_now -> key;
  -- What is deleted with its domain is not told one by one.
  IF changed = '{}' OR TG_OP = 'DELETE' AND domain IS NOT NULL AND NOT EXISTS (
    SELECT FROM domains WHERE domain_uuid = domain AND deleting_since IS NULL
  ) THEN
    RETURN NULL;
  END IF;
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, before, after)
  VALUES (
    domain,
    coalesce(current_setting('tongdai.actor', true), ''),
    coalesce(current_setting('tongdai.address', true), ''),
    CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END,
    TG_ARGV[0],
    (SELECT string_agg(thing ->> one, ' ' ORDER BY place)
     FROM unnest(string_to_array(TG_ARGV[1], ' ')) WITH ORDINALITY AS named (one, place)),
    audited(was, changed), audited(is_now, changed));
  RETURN NULL;
END $$;

-- What is deleted with its domain is not told one by one: the deletion of the domain is.
CREATE FUNCTION write_audit_log_of_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT
AS $$
BEGIN
  UPDATE audit_log SET before = NULL, after = NULL
  WHERE domain_uuid = OLD.domain_uuid AND (before IS NOT NULL OR after IS NOT NULL);
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  VALUES (OLD.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'delete', 'domain', OLD.name);
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON domains FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('domain', 'name', 'event_seq');
-- Each event counts event_seq up; no administrator does.
CREATE TRIGGER audit_change AFTER UPDATE ON domains FOR EACH ROW
  WHEN (OLD.event_seq = NEW.event_seq)
  EXECUTE FUNCTION write_audit_log('domain', 'name', 'zone_rules');
CREATE TRIGGER audit_deletion AFTER DELETE ON domains FOR EACH ROW
  EXECUTE FUNCTION write_audit_log_of_deletion();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON operators FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('operator', 'username', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('user', 'username', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON extensions FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('extension', 'extension', 'kind');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON devices FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('device', 'extension name', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON trunks FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('trunk', 'name', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON hotlines FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('hotline', 'number', '');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ring_groups FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('ring_group', 'number', 'kind next_member');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON queues FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('queue', 'number', 'kind');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON subscriptions FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('subscription', 'event_name callback_url',
                                   'endpoint failing_since');
