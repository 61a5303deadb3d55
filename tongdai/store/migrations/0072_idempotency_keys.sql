-- What POST requests with an Idempotency-Key answered: the same again for a day. The answers may
-- hold passwords that are shown once.
CREATE TABLE idempotency_keys (
  -- all zeros: of the installation. No foreign key: a domain's go with it (store/deletion.py)
  domain_uuid       uuid NOT NULL,
  actor             text NOT NULL,           -- as in the audit log
  key               text NOT NULL,
  request_digest    bytea NOT NULL,
  status            smallint NOT NULL,
  etag              text NOT NULL,
  answer_encrypted  bytea NOT NULL,
  created_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, actor, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_keys TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO tongdai_tenant;
