-- Who steers a talk stands in the audit log: what was asked of it is the change. Keys may be a PIN.
CREATE FUNCTION write_audit_log_of_control() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, after)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'update', 'call',
          body ->> 'call_uuid',
          body - 'call_uuid' - 'type' - 'digits' || jsonb_build_object('command', NEW.name));
  RETURN NULL;
END $$;

CREATE TRIGGER audit_control AFTER INSERT ON commands FOR EACH ROW
  WHEN (NEW.name <> 'hangup' AND NEW.body::jsonb ? 'call_uuid')
  EXECUTE FUNCTION write_audit_log_of_control();
