-- Tokens name the version of the API key that they were made with, and end with it. The API sees this, and of the key nothing.
ALTER TABLE users ADD COLUMN api_key_version integer NOT NULL DEFAULT 1;
GRANT SELECT (api_key_version) ON users TO tongdai_tenant;
