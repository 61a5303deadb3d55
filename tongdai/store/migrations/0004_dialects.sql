-- What clients of the later documents ask for: when a call began to ring and how often it was
-- tried, the length of tokens, encoded telephone numbers, extensions by an id.

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
