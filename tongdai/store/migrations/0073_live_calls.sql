-- Live calls by the API: users see those of their domain, and end them by a command, which the
-- audit log tells.

GRANT SELECT (state) ON calls TO tongdai_tenant;

-- A command that ends somebody's call is logged as what it is; a click-to-call changes nothing
-- that was there.
CREATE FUNCTION write_audit_log_of_command() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'delete', 'call',
          NEW.body::jsonb ->> 'call_uuid');
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON commands FOR EACH ROW
  WHEN (NEW.name = 'hangup')
  EXECUTE FUNCTION write_audit_log_of_command();
