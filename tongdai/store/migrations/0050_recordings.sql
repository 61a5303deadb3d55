-- Recordings have a table of their own: a call may have several. The first of a call, by recording_uuid (version 7), is
-- its main one. The file is in tongdai/recording_files.py, under file_key.
CREATE TABLE recordings (
  domain_uuid     uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  cdr_uuid        uuid NOT NULL,                                 -- the conversation; its record may be written later
  recording_uuid  uuid NOT NULL,
  token           text NOT NULL,                                 -- 192 random bits: the public URL
  status          text NOT NULL CHECK (status IN ('none', 'pending', 'ready', 'failed', 'deleted')),  -- none: no sound
  file_key        text,                                          -- NULL: no file
  started_at      timestamptz NOT NULL,
  duration_s      double precision,
  size            bigint,                                        -- bytes
  created_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz,                                   -- by an admin, or when its time was over
  PRIMARY KEY (domain_uuid, cdr_uuid, recording_uuid),
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX recordings_token ON recordings (token);

-- For housekeeping: those that may expire, by age; and those whose file is still to be removed.
CREATE INDEX recordings_ready ON recordings (domain_uuid, started_at) WHERE status = 'ready';
CREATE INDEX recordings_left_over ON recordings (deleted_at, recording_uuid) WHERE status = 'deleted' AND file_key IS NOT NULL;
CREATE INDEX domains_recording_days ON domains (domain_uuid) WHERE recording_days IS NOT NULL;

-- recording_uuid is what tongdai.ids.derived(cdr_uuid, 'recording') makes of a call's id that holds the time.
INSERT INTO recordings (domain_uuid, cdr_uuid, recording_uuid, token, status, file_key, started_at, deleted_at)
SELECT domain_uuid, cdr_uuid, encode(set_byte(set_byte(id, 6, get_byte(id, 6) & 15 | 112), 8, get_byte(id, 8) & 63 | 128), 'hex')::uuid,
  recording_token, recording_status, recording_file, coalesce(time_answered, time_started),
  CASE recording_status WHEN 'deleted' THEN now() END
FROM cdrs CROSS JOIN LATERAL (
  SELECT substring(uuid_send(cdr_uuid) FROM 1 FOR 6) || substring(sha256(uuid_send(cdr_uuid) || 'recording'::bytea) FROM 1 FOR 10) AS id
) AS derived
WHERE recording_token IS NOT NULL;

ALTER TABLE cdrs DROP COLUMN recording_status, DROP COLUMN recording_token, DROP COLUMN recording_file;

ALTER TABLE recordings ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON recordings TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, UPDATE (status, deleted_at) ON recordings TO tongdai_tenant;
