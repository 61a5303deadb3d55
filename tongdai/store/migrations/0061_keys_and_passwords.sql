-- The audit log tells which API key of a user it was; '': the user's own key, or none.
ALTER TABLE audit_log ADD COLUMN api_key text NOT NULL
  DEFAULT coalesce(current_setting('tongdai.api_key', true), '');

-- How often the password was changed: clients that change a thing notice that another one has
-- given it a new password (ETag).
ALTER TABLE devices ADD COLUMN password_changes integer NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN password_changes integer NOT NULL DEFAULT 0;
ALTER TABLE trunks ADD COLUMN password_changes integer NOT NULL DEFAULT 0;
ALTER TABLE operators ADD COLUMN password_changes integer NOT NULL DEFAULT 0;
GRANT SELECT (password_changes) ON devices, users, trunks TO tongdai_tenant;

CREATE FUNCTION count_password_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.password_changes := OLD.password_changes + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER password_changes BEFORE UPDATE ON devices FOR EACH ROW
  WHEN (OLD.digest_md5 <> NEW.digest_md5) EXECUTE FUNCTION count_password_change();
CREATE TRIGGER password_changes BEFORE UPDATE ON users FOR EACH ROW
  WHEN (OLD.password_hash <> NEW.password_hash) EXECUTE FUNCTION count_password_change();
CREATE TRIGGER password_changes BEFORE UPDATE ON trunks FOR EACH ROW
  WHEN (OLD.password_encrypted IS DISTINCT FROM NEW.password_encrypted)
  EXECUTE FUNCTION count_password_change();
CREATE TRIGGER password_changes BEFORE UPDATE ON operators FOR EACH ROW
  WHEN (OLD.password_hash <> NEW.password_hash) EXECUTE FUNCTION count_password_change();

-- As in 0010_audit.sql: the audit log tells a new password by its digest, not by the count.
DROP TRIGGER audit ON devices;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON devices FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('device', 'extension name', 'password_changes');
DROP TRIGGER audit ON users;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('user', 'username', 'password_changes');
DROP TRIGGER audit ON trunks;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON trunks FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('trunk', 'name', 'password_changes');
DROP TRIGGER audit ON operators;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON operators FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('operator', 'username', 'password_changes');
