-- The format of a domain's recordings, and whether both sides are apart in them (left: the party
-- outside, or the caller). What is kept of each file: its format is the ending of its key.
ALTER TABLE domains
  ADD COLUMN recording_format  text NOT NULL DEFAULT 'wav'
             CHECK (recording_format IN ('wav', 'flac', 'opus', 'mp3')),
  ADD COLUMN recording_stereo  boolean NOT NULL DEFAULT false;
GRANT UPDATE (recording_format, recording_stereo) ON domains TO tongdai_tenant;
CREATE TRIGGER domains_recording_changed AFTER UPDATE OF recording_format, recording_stereo
  ON domains FOR EACH ROW EXECUTE FUNCTION notify_directory();

ALTER TABLE recordings
  ADD COLUMN channels  smallint,  -- 2: both sides apart
  ADD COLUMN sha256    text CHECK (sha256 ~ '^[0-9a-f]{64}$');  -- of the file, in hexadecimal
