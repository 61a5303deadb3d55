-- Users have three levels. Who was a plain user is an agent, and may do what it could before.
ALTER TABLE users DROP CONSTRAINT users_level_check;
UPDATE users SET level = 'agent' WHERE level = 'user';
ALTER TABLE users ADD CONSTRAINT users_level_check CHECK (level IN ('admin', 'supervisor', 'agent'));

-- What an API key is good for; NULL: all that its user may do.
ALTER TABLE users ADD COLUMN api_key_scopes text[];
GRANT SELECT (api_key_scopes) ON users TO tongdai_tenant;
