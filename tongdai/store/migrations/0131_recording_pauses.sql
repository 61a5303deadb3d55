-- When a command kept the talk out of its recording: JSON [{"time_started": ..., "time_ended": ...}].
ALTER TABLE cdrs ADD COLUMN recording_pauses jsonb NOT NULL DEFAULT '[]';
