-- API keys of programs are in the audit log too (0010_audit.sql); when they are used is not. Two
-- users may have keys of the same name: the user's uuid tells them apart.
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('api_key', 'user_uuid name', 'last_used_at');
