-- Sessions: sign-ins of people by user name and password. The browser's cookie has the secret; here
-- is its digest.
CREATE TABLE sessions (
  session_uuid   uuid PRIMARY KEY,
  -- NULL: of an operator of the installation
  domain_uuid    uuid,
  user_uuid      uuid,
  operator_uuid  uuid REFERENCES operators ON DELETE CASCADE,
  secret_digest  bytea NOT NULL UNIQUE,      -- requests look the session up by this
  address        text NOT NULL,              -- of the client that signed in
  client         text NOT NULL,              -- its User-Agent
  created_at     timestamptz NOT NULL DEFAULT now(),
  used_at        timestamptz NOT NULL DEFAULT now(),   -- to the minute
  FOREIGN KEY (domain_uuid, user_uuid) REFERENCES users ON DELETE CASCADE,
  CHECK (num_nonnulls(user_uuid, operator_uuid) = 1 AND
         (domain_uuid IS NULL) = (user_uuid IS NULL))
);
CREATE INDEX sessions_user ON sessions (domain_uuid, user_uuid);
CREATE INDEX sessions_operator ON sessions (operator_uuid);
CREATE INDEX sessions_used ON sessions (used_at);

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);

-- A sign-in is in the audit log.
CREATE TRIGGER audit AFTER INSERT ON sessions FOR EACH ROW
  EXECUTE FUNCTION write_audit_log(
    'session', 'address', 'user_uuid operator_uuid session_uuid used_at secret_digest');

-- Who keeps the user of a session in memory forgets it when the session ends.
CREATE TRIGGER sessions_ended AFTER DELETE ON sessions FOR EACH ROW
  WHEN (OLD.domain_uuid IS NOT NULL) EXECUTE FUNCTION notify_directory();

-- A new password ends all sessions: it may be new because somebody else knew the old one.
CREATE FUNCTION end_sessions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_TABLE_NAME = 'users' THEN
    DELETE FROM sessions WHERE domain_uuid = OLD.domain_uuid AND user_uuid = OLD.user_uuid;
  ELSE
    DELETE FROM sessions WHERE operator_uuid = OLD.operator_uuid;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER password_ends_sessions AFTER UPDATE ON users FOR EACH ROW
  WHEN (OLD.password_hash <> NEW.password_hash) EXECUTE FUNCTION end_sessions();
CREATE TRIGGER password_ends_sessions AFTER UPDATE ON operators FOR EACH ROW
  WHEN (OLD.password_hash <> NEW.password_hash) EXECUTE FUNCTION end_sessions();
