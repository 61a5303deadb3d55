-- Signing a phone off stands in the audit log, too: the phone by its extension, and by its address
-- where that was given.
CREATE OR REPLACE FUNCTION write_audit_log_of_command() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'delete',
          CASE NEW.name WHEN 'hangup' THEN 'call' ELSE 'phone' END,
          CASE NEW.name WHEN 'hangup' THEN body ->> 'call_uuid'
          ELSE concat_ws('@', body ->> 'extension', nullif(body ->> 'address', '')) END);
  RETURN NULL;
END $$;

DROP TRIGGER audit ON commands;
CREATE TRIGGER audit AFTER INSERT ON commands FOR EACH ROW
  WHEN (NEW.name IN ('hangup', 'drop_phones'))
  EXECUTE FUNCTION write_audit_log_of_command();
