-- API keys of programs are in the audit log too (0010_audit.sql); when they are used is not.
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('api_key', 'name', 'last_used_at');
