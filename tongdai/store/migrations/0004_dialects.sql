-- What clients of the later documents ask for: when a call began to ring and how often it was
-- tried, the length of tokens, encoded telephone numbers, extensions by an id; and further API
-- keys of a user.

ALTER TABLE cdrs
  -- the switch first called a party; NULL: never, or a record from before this column
  ADD COLUMN time_ringing  timestamptz,
  ADD COLUMN called_count  integer NOT NULL DEFAULT 1,
  ADD COLUMN application   text NOT NULL DEFAULT 'dial',        -- or click2call
  -- of the record's leg: recv_bye, send_bye ...; '': unknown
  ADD COLUMN sip_hangup_disposition  text NOT NULL DEFAULT '';

ALTER TABLE users
  -- seconds that a token of its API key lives; NULL: TONGDAI_TOKEN_LIFE_S
  ADD COLUMN api_key_token_life_s  bigint CHECK (api_key_token_life_s > 0);

ALTER TABLE domains
  -- AES key of telephone numbers that clients encrypt (click-to-call); NULL: there is none
  ADD COLUMN phone_key_encrypted  bytea;

ALTER TABLE extensions
  ADD COLUMN extension_uuid  uuid NOT NULL DEFAULT gen_random_uuid(),
  -- kept for clients, without a meaning for calls
  ADD COLUMN user_uuid       text NOT NULL DEFAULT '',
  ADD COLUMN follow_me       text NOT NULL DEFAULT '',          -- JSON; '': none was given
  ADD UNIQUE (domain_uuid, extension_uuid);

-- The API makes and changes extensions. It reads no digest of a password, but writes them.
GRANT SELECT ON extensions, dialables TO tongdai_tenant;
GRANT INSERT ON dialables, extensions, devices TO tongdai_tenant;
GRANT UPDATE (name, enabled, recording, hotline, max_calls, ring_timeout_s, user_uuid, follow_me)
  ON extensions TO tongdai_tenant;
GRANT UPDATE (kind, max_contacts, digest_md5, digest_sha256) ON devices TO tongdai_tenant;
-- An extension locks the hotline that it names (FOR KEY SHARE), which takes a right to update.
GRANT UPDATE (name) ON hotlines TO tongdai_tenant;

-- API keys that a user has besides its own: one for each program. Only their digests are kept.
CREATE TABLE api_keys (
  domain_uuid   uuid NOT NULL,
  api_key_uuid  uuid NOT NULL,
  user_uuid     uuid NOT NULL,
  name          text NOT NULL,
  key_digest    bytea NOT NULL UNIQUE,       -- requests look the key up by this
  version       integer NOT NULL DEFAULT 1,  -- tokens name it; a rotation ends them
  scopes        text[],                      -- NULL: all that the user may do
  token_life_s  bigint CHECK (token_life_s > 0),                -- NULL: TONGDAI_TOKEN_LIFE_S
  expires_at    timestamptz,                 -- NULL: never
  last_used_at  timestamptz,                 -- to the hour
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, api_key_uuid),
  UNIQUE (domain_uuid, user_uuid, name),
  FOREIGN KEY (domain_uuid, user_uuid) REFERENCES users ON DELETE CASCADE
);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
-- Not last_used_at: it changes without a change of what the key may do.
CREATE TRIGGER api_keys_changed AFTER INSERT OR DELETE OR UPDATE OF name, key_digest, version, scopes,
  token_life_s, expires_at ON api_keys
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
GRANT SELECT (created_at) ON users TO tongdai_tenant;
GRANT INSERT, DELETE, SELECT (domain_uuid, api_key_uuid, user_uuid, name, version, scopes,
  token_life_s, expires_at, last_used_at, created_at), UPDATE (name, key_digest, version, scopes,
  token_life_s, expires_at, last_used_at) ON api_keys TO tongdai_tenant;
