-- Who makes a test call of a trunk stands in the audit log.
CREATE FUNCTION write_audit_log_of_trunk_trial() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  body jsonb := NEW.body::jsonb;
BEGIN
  INSERT INTO audit_log (domain_uuid, actor, address, action, noun, name, after)
  VALUES (NEW.domain_uuid, coalesce(current_setting('tongdai.actor', true), ''),
          coalesce(current_setting('tongdai.address', true), ''), 'update', 'trunk',
          body ->> 'trunk', jsonb_build_object('test_call', body ->> 'number'));
  RETURN NULL;
END $$;

CREATE TRIGGER audit_trunk_trial AFTER INSERT ON commands FOR EACH ROW
  WHEN (NEW.name = 'try_trunk') EXECUTE FUNCTION write_audit_log_of_trunk_trial();
