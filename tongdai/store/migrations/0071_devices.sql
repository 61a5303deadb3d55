-- Devices by the API: it deletes them too. And who lifts a ban is in the audit log; bans come by
-- themselves, and end so.
GRANT DELETE ON devices TO tongdai_tenant;
CREATE TRIGGER audit AFTER UPDATE ON bans FOR EACH ROW
  WHEN (OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL AND NEW.until > now())
  EXECUTE FUNCTION write_audit_log('ban', 'address', '');
