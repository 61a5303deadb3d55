-- Operators run the installation and belong to no domain, so the role tongdai_tenant has no rights here.
CREATE TABLE operators (
  operator_uuid   uuid PRIMARY KEY,
  username        text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9._+-]{1,64}$'),
  password_hash   text NOT NULL,                                 -- argon2id
  enabled         boolean NOT NULL,
  api_key_digest  bytea NOT NULL UNIQUE,                         -- looked up by this
  api_key_sealed  bytea NOT NULL,
  api_key_version integer NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now()
);
