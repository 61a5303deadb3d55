-- Prompts: sound that a domain has uploaded, played as hold music and to callers. The engine writes
-- it into files that the switch plays (tongdai/engine/prompts.py).

CREATE TABLE prompts (
  domain_uuid  uuid NOT NULL REFERENCES domains ON DELETE CASCADE,
  name         text NOT NULL,                -- for people, in NFC
  prompt_uuid  uuid NOT NULL UNIQUE,         -- names it on the switch, whatever its sound is
  sha256       text NOT NULL,                -- of the file that was uploaded, in hexadecimal digits
  duration_s   double precision NOT NULL CHECK (duration_s > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_uuid, name)
);

-- Apart from it, since whoever lists or audits prompts reads no sound. WAV, 16 bits, mono, which
-- does not compress.
CREATE TABLE prompt_audio (
  domain_uuid  uuid NOT NULL,
  name         text NOT NULL,
  wav_8k       bytea NOT NULL,
  wav_16k      bytea NOT NULL,
  PRIMARY KEY (domain_uuid, name),
  FOREIGN KEY (domain_uuid, name) REFERENCES prompts ON DELETE CASCADE
);
ALTER TABLE prompt_audio ALTER wav_8k SET STORAGE EXTERNAL, ALTER wav_16k SET STORAGE EXTERNAL;

ALTER TABLE domains ADD hold_music text NOT NULL DEFAULT '';  -- a prompt; '': the switch's own

ALTER TABLE prompts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prompts TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
ALTER TABLE prompt_audio ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON prompt_audio TO tongdai_tenant
  USING (domain_uuid = nullif(current_setting('tongdai.domain', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON prompts, prompt_audio TO tongdai_tenant;
GRANT UPDATE (sha256, duration_s) ON prompts TO tongdai_tenant;
GRANT UPDATE (wav_8k, wav_16k) ON prompt_audio TO tongdai_tenant;
GRANT UPDATE (hold_music) ON domains TO tongdai_tenant;

CREATE TRIGGER prompts_changed AFTER INSERT OR UPDATE OR DELETE ON prompts
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
CREATE TRIGGER domains_hold_music_changed AFTER UPDATE OF hold_music ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
-- The endpoints of its phones name the music.
CREATE TRIGGER domains_hold_music_object AFTER UPDATE OF hold_music ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_domain_object();

-- `prompts` says nothing: the prompts of some node have changed.
CREATE FUNCTION notify_prompts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('prompts', '');
  RETURN NULL;
END $$;
CREATE TRIGGER prompts_files AFTER INSERT OR UPDATE OR DELETE ON prompts
  FOR EACH STATEMENT EXECUTE FUNCTION notify_prompts();
CREATE TRIGGER domains_prompts AFTER UPDATE OF node ON domains
  FOR EACH ROW EXECUTE FUNCTION notify_prompts();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON prompts FOR EACH ROW
  EXECUTE FUNCTION write_audit_log('prompt', 'name', 'prompt_uuid');
